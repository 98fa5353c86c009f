//! Messages for many receivers, a batch at a time.

use core::net::SocketAddr;

use super::event::Notice;
use super::fan_out::FanOut;
use super::{DatagramLink, Phase};
use crate::error::{CloseReason, SendError};
use crate::now::Now;
use crate::place::Place;
use crate::shared::SharedNode;

impl DatagramLink {
    /// Receivers of one publication that are sent to before anything else has its turn.
    const BATCH: usize = 64;
    /// Bytes that one batch queues before it ends early.
    const BATCH_BYTES: usize = 256 * 1024;

    /// Sends a message to many, as [`poll`](Self::poll) gets to it: one publication after the
    /// other, a batch of receivers each time that all datagrams before are handed out. A short
    /// list is sent to at once, where nothing else is published.
    ///
    /// Who has not shown that it receives at its address gets no more than
    /// [`Limits::unvalidated_burst`](crate::Limits::unvalidated_burst) allows: one that does
    /// not is [told of](crate::DatagramEvent::Suppressed), and counted.
    ///
    /// # Errors
    /// The link has ended: nothing was sent.
    pub fn forward<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        fan_out: FanOut,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        if !self.may_publish() {
            return Err(SendError::Closed(CloseReason::Local));
        }
        let is_short = self.fan_outs.is_empty() && fan_out.unsent() <= Self::BATCH;
        self.fan_outs.push_back(fan_out);
        if is_short && self.outbox_bytes() < self.exchange.limits().outbound_queue() {
            self.publish_batch(node);
        }
        Ok(())
    }

    /// Whether the next batch of a publication is to be queued.
    pub(super) fn wants_publish(&self) -> bool {
        !self.fan_outs.is_empty() && self.outbox.is_empty() && self.may_publish()
    }

    fn may_publish(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining { .. })
    }

    /// Queues the next batch of the publication that is first.
    pub(super) fn publish_batch<N: SharedNode>(&mut self, node: &mut N) {
        let Some(mut fan_out) = self.fan_outs.pop_front() else {
            return;
        };
        // The last datagram queued is the frame.
        let mut is_last = false;
        let enough = self.outbox.held().saturating_add(Self::BATCH_BYTES);
        for _ in 0..Self::BATCH {
            let Some(to) = fan_out.next() else {
                return;
            };
            is_last = self.publish_to(node, &fan_out, to, is_last);
            if self.outbox.held() >= enough {
                break;
            }
        }
        if fan_out.unsent() > 0 {
            self.fan_outs.push_front(fan_out);
        }
    }

    /// Sends a publication to one receiver, and says whether the last datagram queued is its
    /// frame.
    fn publish_to<N: SharedNode>(
        &mut self,
        node: &mut N,
        fan_out: &FanOut,
        to: SocketAddr,
        is_last: bool,
    ) -> bool {
        let now = self.exchange.now;
        let validated = self.is_validated(to);
        let given = match validated {
            true => None,
            false => self.cookie_to_give(to, false),
        };
        if let (Some(frame), None) = (fan_out.frame(), &given) {
            if !validated && !self.validation.budget.spend(now, to.ip(), frame.len()) {
                self.suppress(to);
                return is_last;
            }
            match is_last {
                true => self.outbox.repeat(to, self.sources.get(to)),
                false => self.outbox.append(to, self.sources.get(to), frame),
            }
            return true;
        }
        let place = Place::Datagram(to);
        let sent = self.queue_with_cookies(to, given, |exchange, cookies, out| {
            let FanOut {
                message, options, ..
            } = fan_out;
            Ok(exchange.seal_send(node, place, message, options, cookies, out)?)
        });
        match sent {
            Ok(()) if validated => {}
            Ok(()) => {
                let len = self.outbox.last_len();
                if !self.validation.budget.spend(now, to.ip(), len) {
                    self.outbox.pop();
                    self.suppress(to);
                }
            }
            Err(error) => self
                .notices
                .push_back(Notice::NotSent { remote: to, error }),
        }
        false
    }

    /// Counts a message that was not sent to an address, for want of a budget.
    pub(super) fn suppress(&mut self, remote: SocketAddr) {
        let counters = &mut self.counters;
        counters.unvalidated = counters.unvalidated.saturating_add(1);
        self.notices.push_back(Notice::Suppressed { remote });
    }
}
