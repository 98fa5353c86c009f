//! The end of a link, step by step.

use alloc::boxed::Box;
use core::time::Duration;

use super::Link;
use super::event::Notice;
use super::phase::{Phase, Step};
use crate::calls::Cancelled;
use crate::error::CloseReason;
use crate::options::CancelReason;
use crate::shared::SharedNode;

impl Link {
    /// How long a remote that was told of the end may go on sending.
    pub(super) const LINGER: Duration = Duration::from_secs(1);

    /// Receives nothing more: what was received is answered, then the link ends.
    pub(super) fn begin_end(&mut self, reason: CloseReason) {
        let Phase::Open { drain_until } = self.phase else {
            return;
        };
        self.inlet.clear();
        self.fail_requests(&reason);
        let grace = self.after_grace();
        let until = drain_until.map_or(grace, |until| grace.min(until.into()));
        self.phase = Phase::Answering(Box::new(Step { reason, until }));
    }

    /// Writes what is queued, then ends. Nothing more is handled or sent.
    pub(super) fn begin_flush(&mut self, reason: CloseReason) {
        if self.phase.close_reason().is_some() {
            return;
        }
        self.stop_handling(&reason);
        let until = self.after_grace();
        self.phase = Phase::Flushing(Box::new(Step { reason, until }));
    }

    /// Ends at once: what is queued is not written.
    pub(super) fn end(&mut self, reason: CloseReason) {
        let Phase::Closed { .. } = self.phase else {
            let reason = self.phase.close_reason().cloned().unwrap_or(reason);
            self.stop_handling(&reason);
            self.give_up_queue(&reason);
            self.phase = Phase::Closed {
                reason: Box::new(reason),
                announced: false,
            };
            return;
        };
    }

    /// Writes nothing more, and says so where there was something that the reason does not say.
    fn give_up_queue(&mut self, reason: &CloseReason) {
        let bytes = self.queued();
        self.outbox.clear();
        if bytes > 0 && !matches!(reason, CloseReason::SlowConsumer { .. }) {
            self.notices.push_back(Notice::Unwritten { bytes });
        }
    }

    fn stop_handling(&mut self, reason: &CloseReason) {
        self.inlet.clear();
        self.fail_requests(reason);
        if *reason == CloseReason::Local {
            self.calls.clear();
            return;
        }
        self.calls.clear_waiting();
        self.cancel_left();
        let room = self.budget.abandon(&self.account, self.calls.len());
        while self.calls.len() > room {
            let Some(cancelled) = self.calls.cancel_last(CancelReason::NoRoom) else {
                return;
            };
            self.note_cancelled(&cancelled);
        }
    }

    /// Cancels the calls whose askers are to be there for as long as they run.
    pub(super) fn cancel_left(&mut self) {
        while let Some(cancelled) = self.calls.cancel_left() {
            self.note_cancelled(&cancelled);
        }
    }

    fn note_cancelled(&mut self, cancelled: &Cancelled<()>) {
        let &Cancelled { call, reason, .. } = cancelled;
        self.notices.push_back(Notice::Cancelled { call, reason });
    }

    /// Tells the askers whose handlers take too long.
    fn cancel_timed_out<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now.monotonic;
        while let Some(cancelled) = self.calls.cancel_timed_out(now) {
            self.note_cancelled(&cancelled);
            if let Some(error) = cancelled.error() {
                // Where that cannot be sent, the link has ended.
                let _ = self.send_reply(node, &cancelled.address, &error);
            }
        }
    }

    /// Notes, once, that nothing more is received while something is under way: the remote
    /// may be gone, so nothing is kept for it but what it has asked for.
    pub(super) fn note_half_closed<N: SharedNode>(&mut self, node: &mut N) -> bool {
        let reason = match &self.phase {
            Phase::Open { .. } if self.eof => CloseReason::Remote,
            Phase::Answering(step) => step.reason.clone(),
            _ => return false,
        };
        if self.half_closed.is_some() || self.may_advance() || self.may_end() {
            return false;
        }
        self.half_closed = Some(self.after_grace().into());
        self.exchange.keep_peers(node, self.place());
        node.left(self.place());
        self.notices.push_back(Notice::HalfClosed(reason));
        if self.eof {
            self.cancel_left();
        }
        true
    }

    /// Tells the node that the link takes no more messages, unless it knows.
    pub(super) fn tell_left<N: SharedNode>(&mut self, node: &mut N) {
        if self.half_closed.is_none() {
            node.left(self.place());
        }
    }

    /// What still goes on behind the end of the stream has time for the next step.
    pub(super) fn renew_half_closed(&mut self) {
        if self.half_closed.is_some() {
            self.half_closed = Some(self.after_grace().into());
        }
    }

    fn fail_requests(&mut self, reason: &CloseReason) {
        while let Some((request, error)) = self.exchange.next_closed(reason) {
            self.notices.push_back(Notice::Failed { request, error });
        }
    }

    pub(super) fn after_grace(&self) -> Duration {
        self.exchange.now.deadline(self.limits().shutdown_grace())
    }

    /// Does what is due by now.
    pub(super) fn expire<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now.monotonic;
        while let Some((request, error)) = self.exchange.next_timed_out() {
            self.notices.push_back(Notice::Failed { request, error });
        }
        self.cancel_timed_out(node);
        if let Phase::Open { drain_until } = self.phase
            && drain_until.is_some_and(|at| Duration::from(at) <= now)
        {
            self.end_drain(node);
        }
        self.check_backlog();
    }

    /// Begins the end where the remote has not sent in time what it had to, and says
    /// whether it did. What came in time counts, however late it is handled.
    pub(super) fn check_timers(&mut self) -> bool {
        let is_open = matches!(self.phase, Phase::Open { .. });
        if !is_open || self.may_advance() {
            return false;
        }
        let now = self.exchange.now.monotonic;
        match self.timers.due(self.limits(), now) {
            None => return false,
            // Nothing of what is queued would be taken either.
            Some(reason @ CloseReason::WriteTimeout(_)) => self.end(reason),
            Some(reason) => self.begin_end(reason),
        }
        true
    }

    /// Whether [`advance_end`](Self::advance_end) has something to do.
    pub(super) fn may_end(&self) -> bool {
        match &self.phase {
            Phase::Open { .. } => self.is_drained(),
            Phase::Answering(_) => self.calls.is_idle(),
            Phase::Flushing(_) => self.queued() == 0,
            Phase::Lingering(_) => self.eof,
            Phase::Closed { announced, .. } => !*announced,
        }
    }

    /// Whether it is drained, and has nothing left to do.
    pub(super) fn is_drained(&self) -> bool {
        let idle = self.calls.is_idle() && !self.has_unhandled();
        matches!(
            self.phase,
            Phase::Open {
                drain_until: Some(_)
            }
        ) && idle
    }

    /// Takes the next step towards the end, and says whether there was one.
    pub(super) fn advance_end<N: SharedNode>(&mut self, node: &mut N) -> bool {
        let now = self.exchange.now;
        let is_due = self.end_deadline().is_some_and(|at| at <= now.monotonic);
        if !is_due && !self.may_end() {
            return false;
        }
        // What has come meanwhile is to be refused, and is read in the next turn.
        if !is_due && self.is_drained() && self.wants_read() && !self.intake.look(now.monotonic) {
            return false;
        }
        match core::mem::replace(&mut self.phase, Phase::Open { drain_until: None }) {
            Phase::Open { .. } if is_due && self.half_closed.is_some() => {
                self.begin_flush(CloseReason::Remote);
            }
            Phase::Open { .. } => self.close(now, node),
            Phase::Answering(step) => {
                if self.intake.has_ended() {
                    self.refuse_waiting(node);
                }
                self.begin_flush(step.reason);
                self.tell_left(node);
            }
            Phase::Flushing(mut step) if self.queued() == 0 => {
                self.notices.push_back(Notice::Shutdown);
                let linger = Self::LINGER.min(self.limits().shutdown_grace());
                step.until = step.until.min(now.deadline(linger));
                self.phase = Phase::Lingering(step);
            }
            Phase::Flushing(step) | Phase::Lingering(step) => {
                self.give_up_queue(&step.reason);
                self.phase = Phase::Closed {
                    reason: Box::new(step.reason),
                    announced: false,
                };
            }
            Phase::Closed { reason, .. } => {
                node.closed(self.place());
                self.notices
                    .push_back(Notice::Closed(CloseReason::clone(&reason)));
                self.phase = Phase::Closed {
                    reason,
                    announced: true,
                };
            }
        }
        true
    }
}
