//! The end of a link, step by step.

use core::time::Duration;

use super::Link;
use super::event::Notice;
use super::phase::Phase;
use crate::error::CloseReason;
use crate::shared::SharedNode;

impl Link {
    /// How long a remote that was told of the end may go on sending.
    pub(super) const LINGER: Duration = Duration::from_secs(1);

    /// Receives nothing more: what was received is answered, then the link ends.
    pub(super) fn begin_end(&mut self, reason: CloseReason) {
        if !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        self.inlet.clear();
        self.fail_requests(&reason);
        let until = self.after_grace();
        self.phase = Phase::Answering { reason, until };
    }

    /// Writes what is queued, then ends. Nothing more is handled or sent.
    pub(super) fn begin_flush(&mut self, reason: CloseReason) {
        if self.phase.close_reason().is_some() {
            return;
        }
        self.stop_handling(&reason);
        let until = self.after_grace();
        self.phase = Phase::Flushing { reason, until };
    }

    /// Ends at once: what is queued is not written.
    pub(super) fn end(&mut self, reason: CloseReason) {
        let Phase::Closed { .. } = self.phase else {
            let reason = self.phase.close_reason().cloned().unwrap_or(reason);
            self.stop_handling(&reason);
            self.outbox.clear();
            self.phase = Phase::Closed {
                reason,
                announced: false,
            };
            return;
        };
    }

    fn stop_handling(&mut self, reason: &CloseReason) {
        self.inlet.clear();
        self.calls.clear();
        self.fail_requests(reason);
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
    pub(super) fn expire(&mut self) {
        let now = self.exchange.now.monotonic;
        while let Some((request, error)) = self.exchange.next_timed_out() {
            self.notices.push_back(Notice::Failed { request, error });
        }
        if let Phase::Open { drain_until } = self.phase
            && drain_until.is_some_and(|at| at <= now)
        {
            self.end(CloseReason::Local);
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
            Phase::Open { drain_until: None } => false,
            Phase::Open { .. } => self.calls.is_idle() && !self.has_unhandled(),
            Phase::Answering { .. } => self.calls.is_idle(),
            Phase::Flushing { .. } => self.queued() == 0,
            Phase::Lingering { .. } => self.eof,
            Phase::Closed { announced, .. } => !*announced,
        }
    }

    /// Takes the next step towards the end, and says whether there was one.
    pub(super) fn advance_end<N: SharedNode>(&mut self, node: &mut N) -> bool {
        let now = self.exchange.now;
        let is_due = self.end_deadline().is_some_and(|at| at <= now.monotonic);
        if !is_due && !self.may_end() {
            return false;
        }
        match core::mem::replace(&mut self.phase, Phase::Open { drain_until: None }) {
            Phase::Open { .. } => self.close(now, node),
            Phase::Answering { reason, .. } => {
                self.begin_flush(reason);
                node.left(self.place);
            }
            Phase::Flushing { reason, until } if self.queued() == 0 => {
                self.notices.push_back(Notice::Shutdown);
                let linger = Self::LINGER.min(self.limits().shutdown_grace());
                let until = until.min(now.deadline(linger));
                self.phase = Phase::Lingering { reason, until };
            }
            Phase::Flushing { reason, .. } | Phase::Lingering { reason, .. } => {
                self.outbox.clear();
                self.phase = Phase::Closed {
                    reason,
                    announced: false,
                };
            }
            Phase::Closed { reason, .. } => {
                node.closed(self.place);
                self.notices.push_back(Notice::Closed(reason.clone()));
                self.phase = Phase::Closed {
                    reason,
                    announced: true,
                };
            }
        }
        true
    }
}
