//! The way of a frame through a link.

use super::Link;
use crate::config::Role;
use crate::error::{CloseReason, FrameErrorKind};
use crate::events::{Event, Inbound, Refusal};
use crate::exchange::{Failed, Sorted};
use crate::frame::Frame;

impl Link {
    /// Looks into a frame, opens the outer layer, and finds out whom the message
    /// is for.
    pub(super) fn handle_frame(&mut self, frame: Frame) -> Option<Event> {
        let offset = frame.offset();
        let config = &self.exchange.config;
        let mut sealed = match frame.decode(&config.wire) {
            Ok(sealed) => sealed,
            Err(kind @ FrameErrorKind::Checksum { .. }) => {
                if config.role != Role::Client {
                    self.send_unsealed(&(config.make_error)("invalid message"));
                }
                return self.refuse(Refusal::Frame(kind));
            }
            Err(kind) => {
                self.close(CloseReason::Malformed(kind.at(offset)));
                return None;
            }
        };
        let sorted = match self.exchange.open_outer(&mut sealed, self.remote) {
            Ok(()) => {
                self.timers.authenticated();
                self.exchange.sort(sealed, (), self.remote)
            }
            Err(error) => match self.exchange.sort_unopened(sealed, (), error) {
                Ok(sorted) => sorted,
                Err(failed) => return self.failed(failed),
            },
        };
        match sorted {
            Sorted::Message(sealed) => Some(Event::Message(Inbound {
                sealed,
                remote: self.remote,
            })),
            Sorted::Answered(request, answer) => Some(Event::Answered { request, answer }),
            Sorted::Nothing => None,
            Sorted::Refused(refusal) => self.refuse(refusal),
            Sorted::Unawaited(refusal) => Some(Event::Refused(refusal)),
        }
    }

    /// Tells the sender that its message failed a check, if that is wanted, and
    /// counts it.
    pub(super) fn failed(&mut self, failed: Failed) -> Option<Event> {
        if let Some(answer) = failed.answer {
            self.send_unsealed(&answer);
        }
        self.refuse(failed.refusal)
    }

    /// Counts a refused message, and closes the link at one too many. A message
    /// may be dispatched after the end; nobody hears of its refusal.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Option<Event> {
        if self.closed.is_some() {
            return None;
        }
        let limits = &self.exchange.config.wire.limits;
        if self.failures.note(self.exchange.now.monotonic, limits) {
            self.events.push_back(Event::Refused(refusal));
            self.close(CloseReason::TooManyFailures);
            return None;
        }
        Some(Event::Refused(refusal))
    }
}
