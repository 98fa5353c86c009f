//! From a message to its handler.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hash;

use bytes::Bytes;

use super::Exchange;
use crate::config::{FailedCheck, Role};
use crate::error::OpenError;
use crate::events::{Inbound, Refusal, ReplyToken};
use crate::frame::SealedMessage;
use crate::link::{Dispatched, Router};
use crate::message::Message;
use crate::plugin::Layer;

/// A message that did not pass a layer.
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// What its sender is told, sealed by no plugin.
    pub(crate) answer: Option<Box<Message>>,
}

impl<A: Copy + Eq + Hash> Exchange<A> {
    /// What a failed check leads to.
    pub(super) fn failed(&self, layer: &Layer, sealed: &SealedMessage, error: OpenError) -> Failed {
        let message_type = sealed.message_type();
        let answer = match error {
            OpenError::Auth(failure) if self.config.role != Role::Client => {
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

    /// Finds the handler of a message and opens the handler's inner layer. See
    /// [`Link::dispatch`](crate::Link::dispatch).
    pub(crate) fn dispatch<R: Router>(
        &self,
        mut inbound: Inbound,
        router: &mut R,
    ) -> Result<Dispatched<R::Handler>, Failed> {
        let outer_verifies = self.config.outer.auth().is_some();
        // Inner layers whose check it passed, for handlers that were taken away.
        let mut passed: Vec<Layer> = Vec::new();
        loop {
            let reply = |inner: Layer| ReplyToken {
                remote: inbound.remote,
                request: inbound.sealed.message_type(),
                uri: Bytes::new(),
                verified: outer_verifies || inner.auth().is_some(),
                inner,
                id: Bytes::new(),
            };
            let Some(route) = router.route(&inbound) else {
                let mut reply = reply(Layer::default());
                let message = inbound.sealed.into_message();
                self.address(&mut reply, &message);
                return Ok(Dispatched::Unrouted { message, reply });
            };
            let mut reply = reply(route.inner.clone());
            // Should somebody else take the handler, the message is routed
            // again, and must then be as it was.
            let again = route
                .one_time
                .and(route.inner.cipher())
                .map(|_| inbound.sealed.clone());
            // A replay window lets nothing pass twice, this message neither.
            let checked = passed.iter().any(|layer| layer.shares_auth(&route.inner));
            let unchecked = checked.then(|| route.inner.clone().without_auth());
            let layer = unchecked.as_ref().unwrap_or(&route.inner);
            if let Err(error) = self.open(&mut inbound.sealed, layer, inbound.remote) {
                return Err(self.failed(&route.inner, &inbound.sealed, error));
            }
            if route.one_time.is_some_and(|id| !router.take(id)) {
                if let Some(sealed) = again {
                    inbound.sealed = sealed;
                }
                passed.push(route.inner);
                continue;
            }
            let message = inbound.sealed.into_message();
            self.address(&mut reply, &message);
            return Ok(Dispatched::Call {
                handler: route.handler,
                message,
                reply,
            });
        }
    }

    /// Whether a reply to a message will repeat its id.
    pub(crate) fn is_correlated(&self, sealed: &SealedMessage) -> bool {
        !self.field_clash && self.config.correlation.is_in(sealed.auth())
    }

    /// Notes what of a message its reply names again.
    fn address(&self, reply: &mut ReplyToken, message: &Message) {
        reply.uri = message.uri.clone();
        let correlation = &self.config.correlation;
        let id = correlation.to_repeat(&message.auth);
        // A nonce, say, must not be taken for an id.
        if !id.is_empty() && !self.field_clash && !reply.inner.writes(correlation.field()) {
            reply.id = id;
        }
    }
}
