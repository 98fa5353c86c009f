//! Where notifications come from.

use std::net::SocketAddr;

use async_channel::{Receiver, Sender};
use netaio_core::types::NOTIFY_URI;
use netaio_core::{CloseReason, Layer, Message};
use netaio_driver::{Connection, Messages, Runtime};
use smol::future;

use crate::asked::Asked;
use crate::error::CliError;
use crate::tally::Tally;

/// The most datagrams that wait to be printed; further ones are dropped.
const WAITING: usize = 256;

/// What is heard.
pub(super) enum Heard {
    News(Message),
    /// A connection has.
    Ended(CloseReason),
    /// A subscription over UDP is not confirmed any more.
    Silent(CliError),
    /// A subscription over UDP is confirmed once more.
    Renewed {
        /// It was not, before.
        again: bool,
    },
}

pub(super) enum Hearing {
    /// Those that nobody has printed wait in the stream, and then at the server.
    Connection(Messages, Connection),
    /// The same, where what encrypts them is opened first.
    Boxes(Receiver<Message>, Connection),
    Datagrams {
        heard: Receiver<Heard>,
        /// For what is heard besides news.
        told: Sender<Heard>,
    },
}

impl Hearing {
    /// What is heard from now on.
    ///
    /// # Errors
    /// Never, in fact: another handler has the notifications already.
    pub(super) fn of<R: Runtime>(asked: &Asked<R>) -> Result<Self, CliError> {
        Ok(match asked {
            Asked::Tcp {
                client,
                connection,
                boxes: None,
            } => Self::Connection(client.messages(), connection.clone()),
            Asked::Tcp {
                client, connection, ..
            } => {
                let (news, heard) = async_channel::bounded(WAITING);
                // One at a time, in their order; the next ones wait in the stream.
                let handler = move |message: Message| {
                    let news = news.clone();
                    async move {
                        // Nobody hears it where the subscription has ended.
                        let _ = news.send(message).await;
                    }
                };
                client.on(NOTIFY_URI, handler, asked.inner(Layer::new()))?;
                Self::Boxes(heard, connection.clone())
            }
            Asked::Udp { node, server, .. } => {
                let (told, heard) = async_channel::bounded(WAITING);
                let (news, server) = (told.clone(), *server);
                let (strange, lost) = (Tally::new(), Tally::new());
                let handler = move |message: Message, from: SocketAddr| {
                    if from != server {
                        if let Some(number) = strange.add() {
                            tracing::info!(%from, number, "notifications from others are ignored");
                        }
                    } else if news.try_send(Heard::News(message)).is_err()
                        && let Some(number) = lost.add()
                    {
                        tracing::warn!(number, "notifications are lost: they come too fast");
                    }
                };
                node.on(NOTIFY_URI, handler, asked.inner(Layer::new()))?;
                Self::Datagrams { heard, told }
            }
        })
    }

    /// The next one: an end comes behind all that came before it. `None` where there will be
    /// none any more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        match self {
            Self::Datagrams { heard, .. } => heard.recv().await.ok(),
            Self::Boxes(news, connection) => {
                let ended = async { Heard::Ended(connection.closed().await) };
                let next = async { news.recv().await.ok().map(Heard::News) };
                let ended = async { Some(ended.await) };
                future::or(next, ended).await
            }
            Self::Connection(messages, connection) => loop {
                // A connection has ended once all that it has received is in the stream,
                // which is asked first.
                let ended = async { Err(connection.closed().await) };
                let next = async { Ok(messages.next().await) };
                match future::or(next, ended).await {
                    Ok(Some(news)) if news.message.message_type == NOTIFY_URI => {
                        return Some(Heard::News(news.message));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(reason) => return Some(Heard::Ended(reason)),
                }
            },
        }
    }
}
