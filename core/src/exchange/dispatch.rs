//! From a message to its handler.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hash;
use core::mem;

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
use crate::shared::{Destination, SharedNode, Unrouted};

/// A message that did not pass a layer.
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// What its sender is told, sealed by no plugin.
    pub(crate) answer: Option<Box<Message>>,
}

/// Whom a message is for, that has passed the layers it had to pass.
pub(crate) struct Found<H> {
    pub(crate) target: Target<H>,
    /// The layer that seals the answer.
    pub(crate) inner: Layer,
}

pub(crate) enum Target<H> {
    /// A handler is to be called.
    Handler(H),
    Else(Otherwise),
}

/// What becomes of a message for which no handler is called.
pub(crate) enum Otherwise {
    /// No handler may be called for who sent it.
    Withheld,
    /// It is for the node itself.
    Node,
    /// The application takes it.
    Deliver,
    /// There is no handler for it.
    NotFound,
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
                let plugin = layer.error();
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
    /// forgery leaves it where it is. Where no handler `may_call` for it, one is not even
    /// taken.
    pub(crate) fn find<N: SharedNode>(
        &self,
        node: &mut N,
        sealed: &mut SealedMessage,
        from: Place,
        may_call: bool,
        may_answer: &mut dyn FnMut() -> bool,
    ) -> Result<Found<N::Handler>, Failed> {
        let withheld = !may_call && sealed.message_type().is_request();
        match node.route(sealed.message_type(), sealed.uri(), from) {
            // As most are: nothing is to be opened, and nobody else can take the handler.
            Destination::Handler(Route {
                handler,
                inner,
                one_time: None,
            }) if inner.is_empty() && !withheld => {
                let target = Target::Handler(handler);
                Ok(Found { target, inner })
            }
            found => self.find_behind_layers(node, sealed, from, (found, may_call), may_answer),
        }
    }

    /// As [`find`](Self::find), from where the message goes.
    pub(crate) fn find_behind_layers<N: SharedNode>(
        &self,
        node: &mut N,
        sealed: &mut SealedMessage,
        from: Place,
        (mut found, may_call): (Destination<N::Handler>, bool),
        may_answer: &mut dyn FnMut() -> bool,
    ) -> Result<Found<N::Handler>, Failed> {
        let message_type = sealed.message_type();
        let withheld = !may_call && message_type.is_request();
        // Inner layers whose check it passed, for handlers that were taken away, and what it
        // was behind the last one.
        let mut passed: Vec<Layer> = Vec::new();
        let mut opened = None;
        loop {
            let Route {
                handler,
                inner,
                one_time,
            } = match found {
                Destination::Handler(route) => route,
                Destination::Node { inner } => {
                    if let Err(error) = self.open(node, sealed, &inner, from) {
                        return Err(self.failed(&inner, sealed, error, may_answer));
                    }
                    let target = match withheld && message_type == types::SUBSCRIBE_URI {
                        true => Target::Else(Otherwise::Withheld),
                        false => Target::Else(Otherwise::Node),
                    };
                    return Ok(Found { target, inner });
                }
                Destination::Unrouted(unrouted) => {
                    let target = match unrouted {
                        Unrouted::Handler(_) if withheld => Target::Else(Otherwise::Withheld),
                        Unrouted::Handler(handler) => Target::Handler(handler),
                        Unrouted::Deliver => Target::Else(Otherwise::Deliver),
                        Unrouted::NotFound => Target::Else(Otherwise::NotFound),
                    };
                    let inner = Layer::default();
                    return Ok(Found { target, inner });
                }
            };
            // Should somebody else take the handler, the message is routed
            // again, and must then be as it was.
            let again = one_time.and(inner.cipher()).map(|_| sealed.clone());
            // A replay window lets nothing pass twice, this message neither.
            let same = opened.take_if(|_| passed.last().is_some_and(|last| last.is_same(&inner)));
            let is_open = same.is_some();
            if let Some(opened) = same {
                *sealed = opened;
            }
            let checked = passed.iter().any(|layer| layer.shares_auth(&inner));
            let unchecked = checked.then(|| inner.clone().without_auth());
            let layer = unchecked.as_ref().unwrap_or(&inner);
            if !is_open && let Err(error) = self.open(node, sealed, layer, from) {
                return Err(self.failed(&inner, sealed, error, may_answer));
            }
            if withheld {
                let target = Target::Else(Otherwise::Withheld);
                return Ok(Found { target, inner });
            }
            if one_time.is_none_or(|id| node.take(id)) {
                let target = Target::Handler(handler);
                return Ok(Found { target, inner });
            }
            opened = again.map(|unopened| mem::replace(sealed, unopened));
            passed.push(inner);
            found = node.route(message_type, sealed.uri(), from);
        }
    }

    /// Whether a reply to a message will repeat its id.
    pub(crate) fn is_correlated(&self, sealed: &SealedMessage) -> bool {
        !self.field_clash && self.config.correlation.is_in(sealed.auth())
    }

    /// A message that passed all its layers: a sign of life.
    #[inline]
    pub(crate) fn opened(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        from: Place,
    ) -> Message {
        node.heard(self.now, from);
        sealed.take_message()
    }

    /// Fills the address of the reply to a message that passed `inner`.
    #[inline(always)]
    pub(crate) fn reply_to(&self, address: &mut ReplyAddress<A>, message: &Message, inner: Layer) {
        let correlation = &self.config.correlation;
        address.request = message.message_type;
        address.uri.set(&message.uri);
        address.verified = self.config.outer.authenticates() || inner.authenticates();
        // A nonce, say, must not be taken for an id.
        match self.field_clash || inner.writes(correlation.field()) {
            true => address.id.clear(),
            false => correlation.repeat(&message.auth, &mut address.id),
        }
        address.inner = inner;
        address.unprompted = false;
        address.has_room = false;
        address.lease = asked_lease(message);
        address.local = None;
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
