//! Streams of notifications.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use netaio_core::{Message, RequestOptions};

use super::notification::{Notice, Notification};
use super::{Registered, Source, Subscriptions};
use crate::bounded_queue::Items;
use crate::error::{Lagged, RequestError};
use crate::remote::Remote;
use crate::sync::AtomicBool;

/// The stream of the notifications of a uri, or of all that match a wildcard: see
/// [`Client::subscribe`](crate::Client::subscribe) and
/// [`UdpNode::subscribe`](crate::UdpNode::subscribe).
///
/// - It has every `NOTIFY_URI` message of its uri that comes from its server and has no handler;
///   those are none of [`Client::messages`](crate::Client::messages) then. Where its uri is a
///   wildcard, as `sensors/*/readings` and `sensors/**` are
///   ([`Wildcards`](netaio_core::Wildcards) has the rule), it has those of all uris that match.
///   Several streams have each of what they have in common. (While the server has yet to confirm a
///   wildcard, what matches goes where it goes without the stream, too.)
/// - It keeps nobody waiting: of more than its [bound](crate::SubscribeBuilder::queue) the oldest
///   are dropped, and it says how many.
/// - When a client's server is connected to anew, by
///   [`AutoReconnect`](crate::ClientBuilder::auto_reconnect) or by hand, the server is asked again
///   before anything else is sent, as it was by the last stream of the uri that it has confirmed.
///   Once it notifies again, the stream says that some [may be missing](Missed::Resubscribed).
/// - Over UDP the subscription has the [lease](crate::UdpNodeBuilder::lease) of its node, and is
///   renewed with that. When it has run out, the stream
///   [says so](Missed::NotResubscribed), and when it is granted again.
/// - It ends when a client's server is gone for good: the application closed the connection, or it
///   was lost and is not reconnected; and with the client or the node.
/// - Dropping it unsubscribes, without waiting, where it is the last one of its uri.
#[must_use = "dropping it unsubscribes; `request` leaves notifications to handlers"]
pub struct Subscription {
    confirmation: Message,
    items: Items<Notice>,
    /// What is behind those whose loss was told.
    behind: Option<Notice>,
    lagging: Arc<AtomicBool>,
    registration: Registration,
}

/// Notifications may be missing before the next one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missed {
    /// The stream was not read fast enough.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The server was away and is there again, and has confirmed that it notifies, or has. Whatever
    /// was published meanwhile is missing; what changes from now on is not, so that this is the
    /// time to read a state anew.
    #[error("the server was away, and notifies again")]
    Resubscribed,
    /// The server does not notify any more: it was connected to anew and refuses, or the lease has
    /// run out. It is asked again with the next connection, or when the lease would have been
    /// renewed.
    #[error("the server does not notify any more: {0}")]
    NotResubscribed(Arc<str>),
}

impl Subscription {
    pub(super) fn new(
        confirmation: Message,
        Registered { items, lagging, .. }: Registered,
        registration: Registration,
    ) -> Self {
        Self {
            confirmation,
            items,
            behind: None,
            lagging,
            registration,
        }
    }

    /// The next notification, or what may be missing before it; `None` at the end.
    /// Cancel-safe.
    ///
    /// # Errors
    /// Some may be missing. The next call goes on behind them.
    pub async fn next(&mut self) -> Option<Result<Notification, Missed>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Its uri, which may be a wildcard.
    #[must_use]
    pub fn uri(&self) -> &Bytes {
        &self.registration.uri
    }

    /// What the server has answered.
    #[must_use]
    pub fn confirmation(&self) -> &Message {
        &self.confirmation
    }

    /// Ends it, and waits for the server's answer where it is the last one of its uri.
    ///
    /// Cancel-safe: dropped early, it has ended.
    ///
    /// # Errors
    /// There was no answer; it has ended all the same.
    pub async fn unsubscribe(mut self) -> Result<(), RequestError> {
        let asked = self.registration.end(|remote, message, options| {
            let sent = remote.begin_request(message, options, None);
            Some((remote.clone(), sent))
        });
        match asked {
            Some((remote, sent)) => remote.finish_request(sent?).await.map(drop),
            None => Ok(()),
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Notification, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let notice = match self.behind.take() {
            Some(notice) => notice,
            None => {
                let Some(taken) = ready!(self.items.poll_next(context)) else {
                    return Poll::Ready(None);
                };
                if taken.lost > 0 {
                    self.behind = Some(taken.item);
                    self.lagging.store(false, Ordering::Relaxed);
                    let messages = taken.lost;
                    return Poll::Ready(Some(Err(Lagged { messages }.into())));
                }
                taken.item
            }
        };
        Poll::Ready(Some(match notice {
            Notice::Notification(notification) => Ok(notification),
            Notice::Resubscribed => Err(Missed::Resubscribed),
            Notice::NotResubscribed(why) => Err(Missed::NotResubscribed(why)),
        }))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("uri", &self.registration.uri)
            .field("waiting", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// The place of a stream among others, which it leaves on drop.
pub(super) struct Registration {
    subscriptions: Weak<Subscriptions>,
    /// The server, by the connection that led to it first.
    remote: Remote,
    server: Source,
    uri: Bytes,
    /// `None` once it has left.
    id: Option<u64>,
}

impl Registration {
    pub(super) fn new(
        subscriptions: &Arc<Subscriptions>,
        (remote, server): (Remote, Source),
        uri: Bytes,
        registered: &Registered,
    ) -> Self {
        Self {
            subscriptions: Arc::downgrade(subscriptions),
            remote,
            server,
            uri,
            id: Some(registered.id),
        }
    }

    /// Leaves; with the last stream of its uri `ask` asks the server to notify no more.
    pub(super) fn end<T>(
        &mut self,
        ask: impl FnOnce(&Remote, Message, RequestOptions) -> Option<T>,
    ) -> Option<T> {
        let id = self.id.take()?;
        let subscriptions = self.subscriptions.upgrade()?;
        // Before the lock of the subscriptions: this takes that of a client's servers.
        let remote = self.remote.current();
        subscriptions.remove(self.server, &self.uri, id, |message, options| {
            ask(remote.as_ref()?, message, options)
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end(|remote, message, options| {
            remote.request_unawaited(message, options);
            Some(())
        });
    }
}
