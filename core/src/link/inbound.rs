//! The way of a frame through a link.

use super::event::{Answer, Event, Inbound, Refusal};
use super::{FailedCheck, Link, Role};
use crate::error::{CloseReason, FrameErrorKind, OpenError};
use crate::frame::{Frame, SealedMessage};
use crate::message::Message;
use crate::plugin::Layer;
use crate::requests::RequestId;

impl Link {
    /// Looks into a frame, opens the outer layer, and finds out whom the message
    /// is for.
    pub(super) fn handle_frame(&mut self, frame: Frame) -> Option<Event> {
        let offset = frame.offset();
        let mut sealed = match frame.decode(&self.config.wire) {
            Ok(sealed) => sealed,
            Err(kind @ FrameErrorKind::Checksum { .. }) => {
                if self.config.role == Role::Server {
                    self.send_unsealed(&(self.config.make_error)("invalid message"));
                }
                return self.refuse(Refusal::Frame(kind));
            }
            Err(kind) => {
                self.close(CloseReason::Malformed(kind.at(offset)));
                return None;
            }
        };
        match sealed.open(&self.config.outer, &self.config.wire, &self.open_context()) {
            Ok(()) => {
                self.timers.authenticated();
                self.answer_or_message(sealed)
            }
            Err(error) => {
                if self.config.role == Role::Client && sealed.message_type().is_error() {
                    return self.unsealed_answer(sealed, error);
                }
                let config = self.config.clone();
                self.tell_failed_check(&config.outer, &sealed, error);
                let message_type = sealed.message_type();
                self.refuse(Refusal::Open {
                    message_type,
                    error,
                })
            }
        }
    }

    /// Routes a message that passed the outer layer: to the request that it
    /// answers, or to the caller.
    fn answer_or_message(&mut self, mut sealed: SealedMessage) -> Option<Event> {
        let Some(request) = self.pending.find((), sealed.message_type(), sealed.uri()) else {
            return self.anonymous_answer_or_message(sealed);
        };
        let inner = self.pending.inner(request).cloned().unwrap_or_default();
        if let Err(error) = sealed.open(&inner, &self.config.wire, &self.open_context()) {
            return self.refuse(Refusal::Answer { request, error });
        }
        self.answered(request, sealed.into_message(), true)
    }

    /// netaio's own errors name no uri: where one request waits, it is meant.
    fn anonymous_answer_or_message(&mut self, sealed: SealedMessage) -> Option<Event> {
        let anonymous = sealed.message_type().is_error() && matches!(sealed.uri(), b"" | b"ERROR");
        match anonymous.then(|| self.pending.only(())).flatten() {
            Some(request) => self.answered(request, sealed.into_message(), true),
            None => Some(Event::Message(Inbound {
                sealed,
                remote: self.remote,
            })),
        }
    }

    /// An error that did not pass the outer layer. netaio seals none of the
    /// errors that it sends for failed checks; whoever could forge one on a
    /// stream could as well cut it. So it ends the one request that waits,
    /// marked as unverified.
    fn unsealed_answer(&mut self, sealed: SealedMessage, error: OpenError) -> Option<Event> {
        let message_type = sealed.message_type();
        let message = sealed.into_message();
        let anonymous = message.is_anonymous_error();
        match anonymous.then(|| self.pending.only(())).flatten() {
            Some(request) => self.answered(request, message, false),
            None => self.refuse(Refusal::Open {
                message_type,
                error,
            }),
        }
    }

    fn answered(&mut self, request: RequestId, message: Message, verified: bool) -> Option<Event> {
        let ended = self.pending.remove(request)?;
        let answer = Answer { message, verified };
        (!ended.abandoned).then_some(Event::Answered { request, answer })
    }

    /// Counts a refused message, and closes the link at one too many. A message
    /// may be dispatched after the end; nobody hears of its refusal.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Option<Event> {
        if self.closed.is_some() {
            return None;
        }
        if self
            .failures
            .note(self.now.monotonic, &self.config.wire.limits)
        {
            self.events.push_back(Event::Refused(refusal));
            self.close(CloseReason::TooManyFailures);
            return None;
        }
        Some(Event::Refused(refusal))
    }

    /// Tells the sender that its message failed a check, if that is wanted.
    pub(super) fn tell_failed_check(
        &mut self,
        layer: &Layer,
        sealed: &SealedMessage,
        error: OpenError,
    ) {
        let OpenError::Auth(failure) = error else {
            return;
        };
        if self.config.role == Role::Client {
            return;
        }
        let check = FailedCheck {
            message_type: sealed.message_type(),
            failure,
        };
        let plugin = layer.auth().map(|auth| auth.error());
        if let Some(message) = self.config.auth_error.answer(check, plugin) {
            self.send_unsealed(&message);
        }
    }
}
