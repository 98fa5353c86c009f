//! Messages that answer no request and have no handler.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use event_listener::EventListener;
use futures_core::Stream;
use netaio_core::{Gap, Message};

use super::monitor::Monitor;
use super::unsolicited::Unsolicited;
use crate::bounded_queue::{Bounds, Items, Queue};
use crate::connection::Connection;
use crate::error::Lagged;
use crate::events::{EventBytes, Events, Listeners};
use crate::logging::limited;
use crate::service::Deliver;
use crate::subscriptions::Subscriptions;

/// Such messages, for those who read them.
pub(super) struct Inbox {
    queue: Queue<Unsolicited>,
    lossy: Listeners<Unsolicited>,
    /// A lossy stream has lost some, and has not said so yet.
    lagging: Arc<AtomicBool>,
    monitor: Arc<Monitor>,
    subscriptions: Arc<Subscriptions>,
}

impl Inbox {
    pub(super) fn new(
        bounds: Bounds,
        monitor: Arc<Monitor>,
        subscriptions: Arc<Subscriptions>,
    ) -> Self {
        Self {
            queue: Queue::new(bounds),
            lossy: Listeners::new(bounds),
            lagging: Arc::default(),
            monitor,
            subscriptions,
        }
    }

    pub(super) fn open(&self) -> Messages {
        Messages(self.queue.items())
    }

    pub(super) fn open_lossy(&self) -> LossyMessages {
        LossyMessages {
            events: self.lossy.listen(),
            behind: None,
            lagging: self.lagging.clone(),
        }
    }

    /// The bytes that wait for the streams that are not lossy.
    pub(super) fn bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.queue.end();
        self.lossy.close();
    }
}

impl Deliver for Inbox {
    fn deliver(&self, message: Message, connection: &Connection) {
        let from = connection.into();
        let delivered = self.subscriptions.deliver(message, &from, &*self.monitor);
        let Some(message) = delivered else {
            return;
        };
        let is_taken = self.queue.is_taken();
        if !is_taken && !self.lossy.any() {
            limited!(
                connection.logs(),
                DEBUG,
                "an unsolicited message was dropped: the application takes none",
                ?message
            );
            self.monitor.unread(connection, message.message_type);
            return;
        }
        let unsolicited = Unsolicited {
            gap: Gap::of(&message).unwrap_or(0),
            // Slices would keep the whole receive buffer.
            message: message.into_owned(),
            connection: connection.clone(),
        };
        let lost = self.lossy.emit(|| unsolicited.clone());
        if lost > 0 {
            let first = !self.lagging.swap(true, Ordering::Relaxed);
            self.monitor.lagged(connection, lost, first);
            limited!(
                connection.logs(),
                WARN,
                "unsolicited messages were dropped: a lossy stream is not read fast enough",
                lost
            );
        }
        if is_taken {
            let bytes = unsolicited.event_bytes();
            self.queue.put(unsolicited, bytes);
        }
    }

    fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    fn room(&self) -> EventListener {
        self.queue.room()
    }
}

/// A stream of unsolicited messages that loses none: see
/// [`Client::messages`](crate::Client::messages). If a client has several, each message goes
/// to one of them. It ends when the client is dropped. What waits when the last of them is
/// dropped is dropped too.
pub struct Messages(Items<Unsolicited>);

impl Messages {
    /// The next message, or `None` when the client was dropped. Cancel-safe.
    pub async fn next(&mut self) -> Option<Unsolicited> {
        self.0.next().await.map(|taken| taken.item)
    }
}

impl Stream for Messages {
    type Item = Unsolicited;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Unsolicited>> {
        let taken = ready!(self.0.poll_next(context));
        Poll::Ready(taken.map(|taken| taken.item))
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("waiting", &self.0.len())
            .finish()
    }
}

/// A stream of unsolicited messages that keeps nobody waiting: see
/// [`Client::messages_lossy`](crate::Client::messages_lossy). If a client has several, each
/// gets every message. It ends when the client is dropped. What waits when it is dropped is
/// dropped too.
pub struct LossyMessages {
    events: Events<Unsolicited>,
    /// The message behind those whose loss was told.
    behind: Option<Unsolicited>,
    lagging: Arc<AtomicBool>,
}

impl LossyMessages {
    /// The next message, or how many were dropped before it; `None` when the client was
    /// dropped. Cancel-safe.
    ///
    /// # Errors
    /// Messages were dropped here. The next call has the message behind them.
    pub async fn next(&mut self) -> Option<Result<Unsolicited, Lagged>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for LossyMessages {
    type Item = Result<Unsolicited, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(message) = self.behind.take() {
            return Poll::Ready(Some(Ok(message)));
        }
        let Some(taken) = ready!(self.events.poll_taken(context)) else {
            return Poll::Ready(None);
        };
        if taken.lost == 0 {
            return Poll::Ready(Some(Ok(taken.item)));
        }
        self.behind = Some(taken.item);
        self.lagging.store(false, Ordering::Relaxed);
        let messages = taken.lost;
        Poll::Ready(Some(Err(Lagged { messages })))
    }
}

impl fmt::Debug for LossyMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LossyMessages")
            .field("waiting", &self.events)
            .finish_non_exhaustive()
    }
}
