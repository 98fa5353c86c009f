//! Unix sockets.

use std::io;

use netaio_driver::{Connector, Keepalive, Listener};
use tokio::net::{UnixListener, UnixStream};

use crate::Tokio;
use crate::aliases::{ByteStream, Dial, Incoming};
use crate::stream::byte_stream;

/// Connects a client to Unix sockets: addresses are `unix:` and a path. Any other is connected
/// to over TCP. A server takes a [`UnixListener`] as it is. The example `unix_socket` is a
/// whole program.
///
/// ```
/// use netaio_tokio::{Client, Server};
/// use netaio_tokio::transport::UnixConnector;
/// use tokio::net::UnixListener;
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().build()?;
/// server.serve(UnixListener::bind("/run/news/socket")?)?;
///
/// let client = Client::builder().connector(UnixConnector).build()?;
/// client.connect("unix:/run/news/socket").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixConnector;

impl Connector<Tokio> for UnixConnector {
    async fn connect(&self, dial: Dial) -> io::Result<ByteStream> {
        match dial.address().strip_prefix("unix:") {
            Some(path) => Ok(byte_stream(UnixStream::connect(path).await?)),
            None => dial.tcp_stream().await,
        }
    }
}

impl Listener<Tokio> for UnixListener {
    async fn accept(&self, _: Option<Keepalive>) -> io::Result<Incoming> {
        let (stream, _) = UnixListener::accept(self).await?;
        Ok(byte_stream(stream).into())
    }
}
