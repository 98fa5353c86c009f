//! What takes publications to subscribers.

use std::future::Future;

use bytes::Bytes;
use netaio_core::{Message, SealError, SubscribeError};

use crate::handler::{IntoErrorReply, IntoReply, Reply, Request};
use crate::publisher::Publisher;
use crate::remote::Remote;

/// What takes publications to the subscribers of a uri, at this server and wherever else it reaches.
///
/// Publications of one publisher to one uri are delivered in their order. What
/// [stores](super::Store) tell of is no publication: it comes to subscribers by
/// [`LocalBus::tell`](super::LocalBus::tell) at each server.
pub trait Bus: Send + Sync + 'static {
    /// Subscribes the sender of a `SUBSCRIBE_URI`, which the publisher of its own server or node knows. It
    /// is told of all that is published once this is ready. That it ends is said to the publisher alone,
    /// by [`Publisher::unsubscribe`] or by its leaving: a bus looks there for who is left.
    ///
    /// # Errors
    /// The publisher refuses it, or others cannot be reached.
    fn subscribe(
        &self,
        uri: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> impl Future<Output = Result<(), BusError>> + Send;

    /// Subscribes the sender to all uris that a pattern matches, as [`Publisher::subscribe_wildcard`] does:
    /// the application decides who may.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), or it is no pattern.
    fn subscribe_wildcard(
        &self,
        pattern: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> impl Future<Output = Result<(), BusError>> + Send;

    /// Waits until there is room for one more message to the subscribers of a uri, as
    /// [`Publisher::wait_for_room`] does: who publishes, or changes resources, faster than they read is
    /// slowed down. Cancel-safe.
    fn wait_for_room(&self, uri: &[u8]) -> impl Future<Output = ()> + Send;

    /// Publishes a content, and returns the number of subscribers that are notified, as far as it is
    /// known. It waits for no subscriber here. Other servers may be told who sent it.
    ///
    /// # Errors
    /// It is too long to be sent, or others cannot be reached.
    fn publish(
        &self,
        uri: &[u8],
        content: Bytes,
        from: Option<&Remote>,
    ) -> impl Future<Output = Result<usize, BusError>> + Send;
}

/// Why a bus does not do what it is asked. As the error of a handler it is an answer: `ERROR` with the
/// text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The sender cannot be subscribed.
    #[error(transparent)]
    Subscription(#[from] SubscribeError),
    /// The content was received, but is too long to be sent with the outer layer: no subscriber is
    /// notified.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The engine cannot take it, for a reason that whoever asked may know: a uri that is too long, say.
    #[error("{0}")]
    Refused(String),
    /// Other servers cannot be reached. Why is not for the one who asked: the engine logs it.
    #[error("unavailable")]
    Unavailable,
}

impl IntoErrorReply for BusError {
    fn into_error_reply(self, request: &mut Request) -> Option<Message> {
        Reply::error(self.to_string()).into_reply(request)
    }
}
