//! From a message to its handler.

use super::Link;
use crate::events::{Inbound, ReplyToken};
use crate::message::Message;
use crate::now::Now;
use crate::routes::{Route, RouteId};

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
        inbound: Inbound,
        router: &mut R,
    ) -> Dispatched<R::Handler> {
        self.exchange.now = now;
        match self.exchange.dispatch(inbound, router) {
            Ok(dispatched) => dispatched,
            Err(failed) => {
                if let Some(event) = self.failed(failed) {
                    self.events.push_back(event);
                }
                Dispatched::Refused
            }
        }
    }
}
