//! From a message to its handler.

use bytes::Bytes;

use super::{Inbound, Link, Refusal, ReplyToken};
use crate::message::Message;
use crate::node::{Route, RouteId};
use crate::now::Now;

/// Knows which handler a message is for. [`Node`](crate::Node) is one; a driver
/// that shares its node between threads wraps it.
pub trait Router {
    /// What stands for a handler.
    type Handler;

    /// The route of a message, if there is one.
    fn route(&mut self, inbound: &Inbound) -> Option<Route<Self::Handler>>;

    /// Takes a one-time route out, and says whether it was still there.
    fn take(&mut self, route: RouteId) -> bool;
}

/// What became of a message.
#[derive(Debug)]
pub enum Dispatched<H> {
    /// Call this handler, and [reply](Link::reply) with what it returns.
    Call {
        /// The handler.
        handler: H,
        /// The message, all layers opened.
        message: Message,
        /// For the reply.
        reply: ReplyToken,
    },
    /// No handler is for it: hand it to the application, or answer with
    /// [`Node::default_answer`](crate::Node::default_answer).
    Unrouted {
        /// The message.
        message: Message,
        /// For the reply.
        reply: ReplyToken,
    },
    /// It did not pass its handler's inner layer. The sender was told, as
    /// configured, and an event says so.
    Refused,
}

impl Link {
    /// Finds the handler of a message and opens the handler's inner layer.
    ///
    /// A one-time handler is taken only after its message has been verified:
    /// a forgery leaves it where it is.
    pub fn dispatch<R: Router>(
        &mut self,
        now: Now,
        mut inbound: Inbound,
        router: &mut R,
    ) -> Dispatched<R::Handler> {
        self.now = now;
        loop {
            let reply = |inner| ReplyToken {
                remote: inbound.remote,
                request: inbound.sealed.message_type(),
                uri: Bytes::new(),
                inner,
            };
            let Some(route) = router.route(&inbound) else {
                let mut reply = reply(Default::default());
                let message = inbound.sealed.into_message();
                reply.uri = message.uri.clone();
                return Dispatched::Unrouted { message, reply };
            };
            let mut reply = reply(route.inner.clone());
            // Should somebody else take the handler, the message is routed
            // again, and must then be as it was.
            let again = route
                .one_time
                .and(route.inner.cipher())
                .map(|_| inbound.sealed.clone());
            let opened = inbound
                .sealed
                .open(&route.inner, &self.config.wire, &self.open_context());
            if let Err(error) = opened {
                let message_type = inbound.sealed.message_type();
                self.tell_failed_check(&route.inner, &inbound.sealed, error);
                if let Some(event) = self.refuse(Refusal::Open {
                    message_type,
                    error,
                }) {
                    self.events.push_back(event);
                }
                return Dispatched::Refused;
            }
            if route.one_time.is_some_and(|id| !router.take(id)) {
                if let Some(sealed) = again {
                    inbound.sealed = sealed;
                }
                continue;
            }
            let message = inbound.sealed.into_message();
            reply.uri = message.uri.clone();
            return Dispatched::Call {
                handler: route.handler,
                message,
                reply,
            };
        }
    }
}
