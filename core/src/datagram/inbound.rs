//! The way of a datagram through a link.

use core::net::SocketAddr;

use bytes::BytesMut;

use super::{DatagramEvent, DatagramLink};
use crate::error::FrameErrorKind;
use crate::events::{Inbound, Refusal};
use crate::exchange::{Failed, Sorted};
use crate::frame::Frame;
use crate::now::Now;

impl DatagramLink {
    /// Takes a datagram. Bytes behind its frame are ignored; a frame that is cut
    /// short is refused, even where the checksum of what is there fits.
    pub fn receive(&mut self, now: Now, from: SocketAddr, datagram: BytesMut) {
        self.exchange.now = now;
        let counters = &mut self.counters;
        counters.received = counters.received.saturating_add(1);
        self.budget.received(now, from.ip(), datagram.len());
        let wire = &self.exchange.config.wire;
        let decoded = Frame::from_datagram(wire, datagram).and_then(|frame| frame.decode(wire));
        let mut sealed = match decoded {
            Ok(sealed) => sealed,
            Err(kind) => {
                if matches!(kind, FrameErrorKind::Checksum { .. }) {
                    let answer = (self.exchange.config.make_error)("invalid message");
                    self.send_unsealed(from, &answer);
                }
                let counters = &mut self.counters;
                counters.malformed = counters.malformed.saturating_add(1);
                return self.note(from, Refusal::Frame(kind));
            }
        };
        let message_type = sealed.message_type();
        let sorted = match self.exchange.open_outer(&mut sealed, Some(from)) {
            Ok(()) => self.exchange.sort(sealed, from, Some(from)),
            Err(error) => match self.exchange.sort_unopened(sealed, from, error) {
                Ok(sorted) => sorted,
                Err(failed) => return self.failed(from, failed),
            },
        };
        let event = match sorted {
            Sorted::Message(sealed) => DatagramEvent::Message(Inbound {
                sealed,
                remote: Some(from),
            }),
            Sorted::Answered(request, answer) => DatagramEvent::Answered {
                request,
                answer,
                remote: from,
            },
            // Nobody waits for it, but whoever sent it is there.
            Sorted::Nothing => return self.note(from, Refusal::Unawaited { message_type }),
            Sorted::Refused(refusal) => return self.refuse(from, refusal),
            Sorted::Unawaited(refusal) => return self.note(from, refusal),
        };
        self.events.push_back(event);
    }

    pub(super) fn failed(&mut self, from: SocketAddr, failed: Failed) {
        if let Some(answer) = failed.answer {
            self.send_unsealed(from, &answer);
        }
        self.refuse(from, failed.refusal);
    }

    fn refuse(&mut self, from: SocketAddr, refusal: Refusal) {
        let counters = &mut self.counters;
        counters.refused = counters.refused.saturating_add(1);
        self.note(from, refusal);
    }

    fn note(&mut self, remote: SocketAddr, refusal: Refusal) {
        self.events
            .push_back(DatagramEvent::Refused { remote, refusal });
    }
}
