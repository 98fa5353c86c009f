//! tarpc over TCP, with bincode.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;

use bytes::Bytes;
use futures_lite::StreamExt;
use tarpc::context::{self, Context};
use tarpc::serde_transport::tcp;
use tarpc::server::{self, BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, service};

use super::{ANY, MOST};
use crate::Ask;
use crate::client::CONTENT;

#[service]
trait Echo {
    /// The same content.
    async fn echo(content: Bytes) -> Bytes;
}

#[derive(Clone, Copy)]
struct Echoes;

impl Echo for Echoes {
    async fn echo(self, _: Context, content: Bytes) -> Bytes {
        content
    }
}

/// Serves from now on, and says where.
pub(super) async fn serve() -> io::Result<SocketAddr> {
    let mut incoming = tcp::listen(ANY, Bincode::default).await?;
    let address = incoming.local_addr();
    tokio::spawn(async move {
        while let Some(Ok(transport)) = incoming.next().await {
            // Whoever asks is slower without.
            let _ = transport.get_ref().set_nodelay(true);
            let config = server::Config {
                pending_response_buffer: MOST,
            };
            let channel = BaseChannel::new(config, transport);
            // One after another, as they are ready at once: a task for each is slower.
            tokio::spawn(async move {
                let mut answers = pin!(channel.execute(Echoes.serve()));
                while let Some(answer) = answers.next().await {
                    answer.await;
                }
            });
        }
    });
    Ok(address)
}

/// A client with a connection of its own.
pub(super) async fn connect(server: SocketAddr) -> io::Result<impl Ask + Clone> {
    let transport = tcp::connect(server, Bincode::default).await?;
    transport.get_ref().set_nodelay(true)?;
    let mut config = client::Config::default();
    config.max_in_flight_requests = MOST;
    config.pending_request_buffer = MOST;
    Ok(EchoClient::new(config, transport).spawn())
}

impl Ask for EchoClient {
    async fn ask(&mut self) -> Result<(), String> {
        let answer = self.echo(context::current(), Bytes::from_static(&CONTENT));
        let answer = answer.await.map_err(|error| error.to_string())?;
        match answer.len() == CONTENT.len() {
            true => Ok(()),
            false => Err("an answer to something else".to_owned()),
        }
    }
}
