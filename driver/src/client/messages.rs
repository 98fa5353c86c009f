//! Unsolicited messages.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use netaio_core::Message;

use crate::bounded_queue::{Bounds, Items, Queue};
use crate::connection::Connection;
use crate::logging::limited;
use crate::sync::{Mutex, lock};

/// A message that answered no request and had no handler.
#[derive(Clone, Debug)]
pub struct Unsolicited {
    /// The message.
    pub message: Message,
    /// The connection that it came by.
    pub connection: Connection,
}

/// The queue of such messages, as long as somebody reads them.
pub(super) struct Inbox {
    /// `None` once the client is gone.
    queue: Mutex<Option<Queue<Unsolicited>>>,
    bounds: Bounds,
}

impl Inbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            queue: Mutex::new(Some(Queue::new(bounds).0)),
            bounds,
        }
    }

    pub(super) fn open(&self) -> Messages {
        let mut queue = lock(&self.queue);
        let open = queue.as_ref().and_then(Queue::items);
        Messages(open.unwrap_or_else(|| {
            let (new, items) = Queue::new(self.bounds);
            if let Some(queue) = &mut *queue {
                *queue = new;
            }
            items
        }))
    }

    pub(super) fn put(&self, mut message: Message, connection: &Connection) {
        let queue = lock(&self.queue);
        let logs = connection.logs();
        let Some(queue) = queue.as_ref().filter(|queue| queue.items().is_some()) else {
            limited!(
                logs,
                DEBUG,
                "an unsolicited message was dropped: the application takes none",
                ?message
            );
            return;
        };
        // A slice would keep the whole receive buffer.
        for bytes in [&mut message.uri, &mut message.content] {
            *bytes = Bytes::copy_from_slice(bytes);
        }
        let bytes = message.uri.len().saturating_add(message.content.len());
        let unsolicited = Unsolicited {
            message,
            connection: connection.clone(),
        };
        if queue.push(unsolicited, bytes).unwrap_or(0) > 0 {
            limited!(
                logs,
                DEBUG,
                "unsolicited messages were dropped: the queue is full"
            );
        }
    }

    pub(super) fn close(&self) {
        *lock(&self.queue) = None;
    }
}

/// A stream of unsolicited messages. If a client has several, each message goes to one
/// of them. It ends when the client is dropped. What waits when the last of them is
/// dropped is dropped too.
pub struct Messages(Items<Unsolicited>);

impl Messages {
    /// The next message, or `None` when the client was dropped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Unsolicited> {
        self.0.next().await
    }
}

impl Stream for Messages {
    type Item = Unsolicited;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Unsolicited>> {
        self.0.poll_next(context)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("waiting", &self.0.len())
            .finish()
    }
}
