//! Messages for many receivers, a batch at a time.

use core::net::SocketAddr;

use super::event::Notice;
use super::fan_out::FanOut;
use super::{DatagramLink, Phase};
use crate::cookies::Field;
use crate::error::{CloseReason, SendError};
use crate::now::Now;
use crate::place::Place;
use crate::shared::SharedNode;

/// What became of a publication for one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queued {
    /// The last datagram queued is its frame, which is the same for all.
    Frame,
    /// It is sealed for this receiver.
    Apart,
    /// It is not sent.
    Not,
}

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
    /// not is [told of](crate::DatagramEvent::Suppressed), and counted. The next one that is
    /// sent there [tells](crate::Gap) the receiver how many were not, those included that the
    /// node had no room for; up to [`Limits::subscribers`](crate::Limits::subscribers)
    /// receivers are remembered for that.
    ///
    /// Returns for how many receivers it is known already that they will not get it.
    ///
    /// # Errors
    /// The link has ended: nothing was sent.
    pub fn forward<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        fan_out: FanOut,
    ) -> Result<usize, SendError> {
        self.exchange.now = now;
        if !self.may_publish() {
            return Err(SendError::Closed(CloseReason::Local));
        }
        let is_short = self.fan_outs.is_empty() && fan_out.unsent() <= Self::BATCH;
        self.fan_outs.push_back(fan_out);
        if is_short && self.outbox_bytes() < self.exchange.limits().outbound_queue() {
            return Ok(self.publish_batch(node));
        }
        Ok(0)
    }

    /// Whether the next batch of a publication is to be queued.
    pub(super) fn wants_publish(&self) -> bool {
        !self.fan_outs.is_empty() && self.outbox.is_empty() && self.may_publish()
    }

    fn may_publish(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining { .. })
    }

    /// Queues the next batch of the publication that is first, and returns how many receivers
    /// are not sent it.
    pub(super) fn publish_batch<N: SharedNode>(&mut self, node: &mut N) -> usize {
        let mut lost = 0_usize;
        let Some(mut fan_out) = self.fan_outs.pop_front() else {
            return lost;
        };
        for (receivers, refused) in fan_out.take_refused() {
            for receiver in receivers.iter() {
                self.gaps.lose(receiver, refused);
            }
        }
        // The last datagram queued is the frame.
        let mut is_last = false;
        let enough = self.outbox.held().saturating_add(Self::BATCH_BYTES);
        for _ in 0..Self::BATCH {
            let Some(to) = fan_out.next() else {
                return lost;
            };
            let queued = self.publish_to(node, &fan_out, to, is_last);
            if queued == Queued::Not {
                self.gaps.lose(to, 1);
                lost = lost.saturating_add(1);
            }
            is_last = queued == Queued::Frame || is_last && queued == Queued::Not;
            if self.outbox.held() >= enough {
                break;
            }
        }
        if fan_out.unsent() > 0 {
            self.fan_outs.push_front(fan_out);
        }
        lost
    }

    /// Sends a publication to one receiver.
    fn publish_to<N: SharedNode>(
        &mut self,
        node: &mut N,
        fan_out: &FanOut,
        to: SocketAddr,
        is_last: bool,
    ) -> Queued {
        let validated = self.is_validated(to);
        let given = match validated {
            true => None,
            false => self.cookie_to_give(to, false),
        };
        let gap = self.gaps.of(to);
        if let (Some(frame), None, 0) = (fan_out.frame(), &given, gap) {
            if !validated && !self.spend(to, frame.len()) {
                self.suppress(to);
                return Queued::Not;
            }
            match is_last {
                true => self.outbox.repeat(to, self.sources.get(to)),
                false => self.outbox.append(to, self.sources.get(to), frame),
            }
            return Queued::Frame;
        }
        let mut is_told = gap > 0;
        let mut sent = self.publish_apart(node, fan_out, to, (given, gap));
        if is_told && matches!(sent, Err(SendError::Seal(_))) {
            // One that is as long as may be has no place for the number.
            is_told = false;
            sent = self.publish_apart(node, fan_out, to, (given, 0));
        }
        if let Err(error) = sent {
            let not_sent = Notice::NotSent { remote: to, error };
            self.notices.push_back(not_sent);
            return Queued::Not;
        }
        let len = self.outbox.last_len();
        if !validated && !self.spend(to, len) {
            self.outbox.pop();
            self.suppress(to);
            return Queued::Not;
        }
        if is_told {
            self.gaps.told(to);
        }
        Queued::Apart
    }

    /// Queues a publication that is sealed for one receiver: with a cookie, and the number of
    /// those that it was not sent before.
    fn publish_apart<N: SharedNode>(
        &mut self,
        node: &mut N,
        fan_out: &FanOut,
        to: SocketAddr,
        (given, gap): (Option<Field>, u64),
    ) -> Result<(), SendError> {
        let FanOut {
            message, options, ..
        } = fan_out;
        let telling = (gap > 0).then(|| message.clone().with_gap(gap));
        let (message, place) = (telling.as_ref().unwrap_or(message), Place::Datagram(to));
        self.queue_with_cookies(to, given, |exchange, cookies, out| {
            exchange.seal_send(node, place, message, options, cookies, out)
        })
    }

    /// Whether so many bytes may be published to an address that has not shown that it receives.
    fn spend(&mut self, to: SocketAddr, bytes: usize) -> bool {
        let (now, senders) = (self.exchange.now, &mut self.replies.senders);
        self.validation.budget.spend(senders, now, to.ip(), bytes)
    }

    /// Counts a message that was not sent to an address, for want of a budget.
    pub(super) fn suppress(&mut self, remote: SocketAddr) {
        let counters = &mut self.counters;
        counters.unvalidated = counters.unvalidated.saturating_add(1);
        self.notices.push_back(Notice::Suppressed { remote });
    }
}
