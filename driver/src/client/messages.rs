//! Unsolicited messages.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use futures_core::Stream;
use netaio_core::Message;

use crate::connection::Connection;
use crate::logging::limited;

/// A message that answered no request and had no handler.
#[derive(Clone, Debug)]
pub struct Unsolicited {
    /// The message.
    pub message: Message,
    /// The connection that it came by.
    pub connection: Connection,
}

/// The queue of such messages, which exists from the first call of
/// [`Client::messages`](crate::Client::messages) on.
pub(super) struct Inbox(OnceLock<(Sender<Unsolicited>, Receiver<Unsolicited>)>);

impl Inbox {
    /// The most messages that are queued.
    const CAPACITY: usize = 1024;

    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(super) fn open(&self) -> Messages {
        let (_, receiver) = self
            .0
            .get_or_init(|| async_channel::bounded(Self::CAPACITY));
        Messages(Box::pin(receiver.clone()))
    }

    pub(super) fn put(&self, message: Message, connection: Connection) {
        let Some((sender, _)) = self.0.get() else {
            limited!(
                connection.logs(),
                DEBUG,
                "an unsolicited message was dropped: the application takes none",
                ?message
            );
            return;
        };
        let message = Unsolicited {
            message,
            connection,
        };
        if let Ok(Some(oldest)) = sender.force_send(message) {
            let (logs, message) = (oldest.connection.logs(), &oldest.message);
            limited!(
                logs,
                DEBUG,
                "an unsolicited message was dropped: the queue is full",
                ?message
            );
        }
    }

    pub(super) fn close(&self) {
        if let Some((sender, _)) = self.0.get() {
            sender.close();
        }
    }
}

/// A stream of unsolicited messages. If a client has several, each message goes to one
/// of them. It ends when the client is dropped.
#[derive(Debug)]
pub struct Messages(Pin<Box<Receiver<Unsolicited>>>);

impl Messages {
    /// The next message, or `None` when the client was dropped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Unsolicited> {
        self.0.recv().await.ok()
    }
}

impl Stream for Messages {
    type Item = Unsolicited;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Unsolicited>> {
        self.0.as_mut().poll_next(context)
    }
}
