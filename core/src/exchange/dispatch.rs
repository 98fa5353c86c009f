//! From a message to its handler.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use super::Exchange;
use crate::calls::ReplyAddress;
use crate::config::{AuthErrorReply, FailedCheck, Role};
use crate::error::OpenError;
use crate::events::Refusal;
use crate::frame::SealedMessage;
use crate::message::{Lease, Message, MessageType, types};
use crate::place::Place;
use crate::plugin::Layer;
use crate::routes::Route;
use crate::shared::{Destination, SharedNode, Unrouted, default_answer};
use crate::small_bytes::SmallBytes;

/// A message that did not pass a layer.
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// What its sender is told, sealed by no plugin.
    pub(crate) answer: Option<Box<Message>>,
}

/// What becomes of a message, all layers opened.
pub(crate) enum Dispatched<H, A> {
    /// A handler is to be called.
    Call {
        handler: H,
        message: Message,
        reply: ReplyAddress<A>,
    },
    /// The node's own answer is to be sent, if there is one, after a time.
    Answer {
        answer: Option<Message>,
        delay: Duration,
        reply: ReplyAddress<A>,
    },
    /// There is no handler for it. The node's own answer is to be sent, if there is one.
    Unrouted {
        answer: Option<Message>,
        reply: ReplyAddress<A>,
    },
    /// The application takes it.
    Deliver(Message),
    /// No handler is called for it, since none may be for who sent it.
    Withheld(ReplyAddress<A>),
}

/// Whom a message is for.
enum Target<H> {
    Handler(H),
    Node,
    Unrouted(Unrouted<H>),
}

impl<A: Copy + Eq + Hash> Exchange<A> {
    /// What a failed check leads to. Whether an answer `may_answer` be sent at all is
    /// asked before one is made: whoever sends garbage costs nothing more.
    pub(super) fn failed(
        &self,
        layer: &Layer,
        sealed: &SealedMessage,
        error: OpenError,
        may_answer: &mut dyn FnMut() -> bool,
    ) -> Failed {
        let message_type = sealed.message_type();
        let answers = self.role != Role::Client
            && !matches!(self.config.auth_error, AuthErrorReply::Silent)
            && !matches!(message_type, MessageType::ERROR | MessageType::AUTH_ERROR);
        let answer = match error {
            OpenError::Auth(failure) if answers && may_answer() => {
                let check = FailedCheck {
                    message_type,
                    failure,
                };
                let plugin = layer.auth().map(|auth| auth.error());
                let mut answer = self.config.auth_error.answer(check, plugin).map(Box::new);
                let correlation = &self.config.correlation;
                if let Some(answer) = &mut answer
                    && self.is_correlated(sealed)
                    && let Some(id) = sealed.auth().get_packed(correlation.field())
                {
                    // A field that came fits where it came from.
                    let _ = answer.auth.set_packed(correlation.field(), id);
                }
                answer
            }
            _ => None,
        };
        Failed {
            refusal: Refusal::Open {
                message_type,
                error,
            },
            answer,
        }
    }

    /// Finds the handler of a message and opens the handler's inner layer.
    ///
    /// A one-time handler is taken only after its message has been verified: a
    /// forgery leaves it where it is. A reply goes to `to`. Where no handler `may_call`
    /// for it, one is not even taken.
    #[inline]
    pub(crate) fn dispatch<N: SharedNode>(
        &self,
        node: &mut N,
        sealed: &mut SealedMessage,
        to: A,
        from: Place,
        may_call: bool,
        may_answer: &mut dyn FnMut() -> bool,
    ) -> Result<Dispatched<N::Handler, A>, Failed> {
        let withheld = !may_call && sealed.message_type().is_request();
        // Inner layers whose check it passed, for handlers that were taken away.
        let mut passed: Vec<Layer> = Vec::new();
        let (target, inner) = loop {
            let Route {
                handler,
                inner,
                one_time,
            } = match node.route(sealed.message_type(), sealed.uri(), from) {
                Destination::Handler(route) => route,
                Destination::Node { inner } => {
                    if let Err(error) = self.open(node, sealed, &inner, from) {
                        return Err(self.failed(&inner, sealed, error, may_answer));
                    }
                    break (Target::Node, inner);
                }
                Destination::Unrouted(unrouted) => {
                    break (Target::Unrouted(unrouted), Layer::default());
                }
            };
            // Should somebody else take the handler, the message is routed
            // again, and must then be as it was.
            let again = one_time.and(inner.cipher()).map(|_| sealed.clone());
            // A replay window lets nothing pass twice, this message neither.
            let checked = passed.iter().any(|layer| layer.shares_auth(&inner));
            let unchecked = checked.then(|| inner.clone().without_auth());
            let layer = unchecked.as_ref().unwrap_or(&inner);
            if let Err(error) = self.open(node, sealed, layer, from) {
                return Err(self.failed(&inner, sealed, error, may_answer));
            }
            if withheld || one_time.is_none_or(|id| node.take(id)) {
                break (Target::Handler(handler), inner);
            }
            if let Some(unopened) = again {
                *sealed = unopened;
            }
            passed.push(inner);
        };
        let (message, mut reply) = self.opened(sealed, to, inner);
        node.heard(self.now, from);
        Ok(match target {
            Target::Handler(_) | Target::Unrouted(Unrouted::Handler(_)) if withheld => {
                Dispatched::Withheld(reply)
            }
            Target::Node if withheld && message.message_type == types::SUBSCRIBE_URI => {
                Dispatched::Withheld(reply)
            }
            Target::Handler(handler) | Target::Unrouted(Unrouted::Handler(handler)) => {
                Dispatched::Call {
                    handler,
                    message,
                    reply,
                }
            }
            Target::Unrouted(Unrouted::Deliver) => Dispatched::Deliver(message),
            Target::Unrouted(Unrouted::NotFound) => {
                reply.unprompted = true;
                let answer = default_answer(message.message_type, from);
                Dispatched::Unrouted { answer, reply }
            }
            Target::Node => {
                reply.unprompted = true;
                let answer = node.node_message(self.now, from, &message);
                Dispatched::Answer {
                    delay: answer
                        .as_ref()
                        .map_or(Duration::ZERO, |answer| answer.delay),
                    answer: answer.map(|answer| answer.message),
                    reply,
                }
            }
        })
    }

    /// Whether a reply to a message will repeat its id.
    pub(crate) fn is_correlated(&self, sealed: &SealedMessage) -> bool {
        !self.field_clash && self.config.correlation.is_in(sealed.auth())
    }

    /// A message that passed `inner`, and its reply's address.
    #[inline]
    fn opened(
        &self,
        sealed: &mut SealedMessage,
        to: A,
        inner: Layer,
    ) -> (Message, ReplyAddress<A>) {
        let message = sealed.take_message();
        let correlation = &self.config.correlation;
        let mut id = correlation.to_repeat(&message.auth);
        // A nonce, say, must not be taken for an id.
        if !id.is_empty() && (self.field_clash || inner.writes(correlation.field())) {
            id = SmallBytes::new();
        }
        let reply = ReplyAddress {
            to,
            request: message.message_type,
            uri: SmallBytes::of(&message.uri),
            verified: self.config.outer.auth().is_some() || inner.auth().is_some(),
            inner,
            id,
            unprompted: false,
            has_room: false,
            lease: asked_lease(&message),
            local: None,
        };
        (message, reply)
    }
}

/// The seconds for which a message asks to be subscribed; zero if it names none.
#[inline]
fn asked_lease(message: &Message) -> u32 {
    if message.message_type != types::SUBSCRIBE_URI {
        return 0;
    }
    let lease = Lease::of(message).map(|lease| lease.as_secs());
    lease
        .and_then(|lease| u32::try_from(lease).ok())
        .unwrap_or(0)
}
