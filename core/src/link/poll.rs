//! What comes out of a link, turn by turn.

use super::Link;
use super::calling::{CallHandler, CallNow, HandOut, OnCall};
use super::event::LinkEvent;
use super::phase::Phase;
use crate::budget::{Cut, Held};
use crate::error::CloseReason;
use crate::events::{Deadline, DeadlineReason};
use crate::now::Now;
use crate::shared::SharedNode;

impl Link {
    /// What has happened, until it returns `None`: then there is nothing more to do
    /// before an input, a command or the [deadline](Self::deadline).
    ///
    /// It handles at most one received frame an event, and at most
    /// [`Limits::frames_per_turn`](crate::Limits::frames_per_turn) of them until it returns `None`:
    /// where there are more, the deadline is due at once, and others may have their turn before.
    pub fn poll<N: SharedNode>(&mut self, now: Now, node: &mut N) -> Option<LinkEvent<N::Handler>> {
        self.run(now, node, &mut HandOut)
    }

    /// As [`poll`](Self::poll), but handlers are called by `caller`, in place of
    /// [`LinkEvent::Call`]. One that answers at once is done by then, and no event tells of it.
    pub fn poll_with<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        caller: &mut impl CallHandler<N::Handler>,
    ) -> Option<LinkEvent<N::Handler>> {
        self.run(now, node, &mut CallNow::new(caller))
    }

    /// As [`poll`](Self::poll), with what is done with messages that have found their handlers.
    #[inline]
    fn run<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        on_call: &mut impl OnCall<N>,
    ) -> Option<LinkEvent<N::Handler>> {
        self.exchange.now = now;
        if core::mem::take(&mut self.idle) {
            if self.outbox.take_progress() {
                self.timers.wrote(now.monotonic);
            }
            if self.is_turn_over() {
                self.turn = 0;
            }
            self.expire(node);
            self.expect(node);
        }
        loop {
            if core::mem::take(&mut self.leaves) {
                self.tell_left(node);
            }
            if self.half_closed.is_some() && self.eof {
                self.cancel_left();
            }
            match self.account.cut() {
                // One that only flushes its queue holds as much with it.
                Some(Cut::Slow) if !self.phase.has_written() => self.give_way(),
                Some(Cut::NoRoom) => self.begin_end(CloseReason::NoRoom),
                // Also one that is about to end: its place is another's by now.
                Some(Cut::Displaced) => self.abort(CloseReason::Displaced),
                Some(Cut::Slow) | None => {}
            }
            if self.has_news() {
                self.send_parked(node);
                if let Some(notice) = self.notices.pop_front() {
                    return Some(notice.into());
                }
                if let Some(dropped) = self.outbox.take_dropped() {
                    return Some(LinkEvent::Dropped(dropped));
                }
                if let Some(event) = self.answer_dropped_call(node) {
                    return Some(event);
                }
            }
            if !self.is_turn_over() {
                let before = self.turn;
                let event = self.advance(node, on_call);
                if event.is_some() {
                    return event;
                }
                if self.turn != before || !self.notices.is_empty() {
                    if on_call.goes_on(self) || !self.wants_poll() {
                        continue;
                    }
                    return None;
                }
            }
            if !self.check_timers() && !self.advance_end(node) && !self.note_half_closed(node) {
                self.tell_gap(node);
                self.settle(node);
                return None;
            }
        }
    }

    /// Whether there may be something to say or to send besides what the next message brings.
    #[inline]
    fn has_news(&self) -> bool {
        let noticed = !self.notices.is_empty() || self.calls.has_dropped();
        noticed || self.outbox.has_dropped() || self.exchange.pending.has_parked()
    }

    /// When [`poll`](Self::poll) is due, if nothing else happens before.
    pub fn deadline(&mut self) -> Option<Deadline> {
        let now = self.exchange.now.monotonic;
        if self.wants_poll() {
            return Some(Deadline {
                at: now,
                reason: DeadlineReason::Turn,
            });
        }
        let request = self.exchange.pending.deadline();
        let request = request.map(|at| (at, DeadlineReason::Request));
        let timer = match self.phase {
            Phase::Open { .. } => self.timers.earliest(self.limits()),
            _ => None,
        };
        let backlog = self.backlog_deadline();
        let backlog = backlog.map(|at| (at, DeadlineReason::Backlog));
        let end = self.end_deadline().map(|at| (at, DeadlineReason::End));
        let call = self.calls.deadline();
        let call = call.map(|at| (at, DeadlineReason::Handler));
        let all = request.into_iter().chain(timer).chain(backlog);
        let all = all.chain(end).chain(call);
        let first = all.min_by_key(|(at, _)| *at);
        first.map(|(at, reason)| Deadline { at, reason })
    }

    /// Ends a turn: publishes what the link holds, and lets the remote's timers rest while
    /// it is this side that keeps the remote waiting.
    fn settle<N: SharedNode>(&mut self, node: &mut N) {
        self.idle = true;
        self.inlet.shrink();
        let now = self.exchange.now.monotonic;
        self.outbox.rest_backlog(now);
        let held = !self.may_take_frame();
        // One that does not read what it was sent keeps itself waiting.
        let reads = !self.outbox.is_being_written() || self.queued() < self.high_water();
        let remote_waits = self.calls.len() > 0 || reads && (held || !self.calls.is_idle());
        self.timers.hold(held, remote_waits, now);
        self.publish(node);
    }

    /// Publishes what the link holds.
    pub(super) fn publish<N: SharedNode>(&mut self, node: &mut N) {
        let calls = self.calls.len();
        let abandoned = match self.half_closed.is_some() || self.close_reason().is_some() {
            true => self.budget.abandon(&self.account, calls).min(calls),
            false => 0,
        };
        let held = Held {
            inbound: self.calls.held_with(self.inlet.occupied()),
            outbound: self
                .outbox
                .held()
                .saturating_add(self.exchange.pending.parked_bytes()),
            queued: self.queued(),
            calls: calls.saturating_sub(abandoned),
            abandoned,
        };
        let unfinished = self.inlet.incomplete && !self.inlet.bytes.is_empty();
        self.budget.set_unfinished(&self.account, unfinished);
        self.hold(node, held);
    }

    /// Publishes that it holds so much.
    pub(super) fn hold<N: SharedNode>(&self, node: &mut N, held: Held) {
        let pressure = self.budget.hold(&self.account, held);
        if !pressure.is_none() {
            node.pressure(pressure);
        }
    }
}
