//! Pausing a link: its remote waits until the application takes more.

use core::time::Duration;

use super::Link;
use super::phase::Phase;
use crate::now::Now;

impl Link {
    /// Says that the application takes no more messages for now. No handler is called and no
    /// message handed over until it [resumes](Self::resume); nothing more is
    /// [read](Self::wants_read), so that the remote has to wait (backpressure).
    ///
    /// While requests wait for answers reading goes on, and their answers come as ever. What
    /// else comes meanwhile waits here in its order, up to
    /// [`Limits::outbound_queue`](crate::Limits::outbound_queue) bytes, or a quarter of
    /// [`Limits::inbound_total`](crate::Limits::inbound_total) where that is less, with what
    /// is kept about each message. Past that nothing is read, and the requests may time out.
    ///
    /// The end of the stream is noticed where it is read. What came before it is still handed
    /// over once the link resumes, and until then it does not close by itself.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Says that the application takes messages again. Poll then.
    pub fn resume(&mut self, now: Now) {
        if !core::mem::take(&mut self.paused) {
            return;
        }
        self.exchange.now = now;
        let grace = self.after_grace();
        if let Phase::Answering(step) = &mut self.phase {
            step.until = grace.max(step.until);
        }
        self.renew_half_closed();
    }

    /// Whether it is [paused](Self::pause).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// When the step of the end that is under way is given up. The remote has ended in time
    /// where it is the application that does not take what came.
    pub(super) fn end_deadline(&self) -> Option<Duration> {
        let waits = self.paused && self.calls.waiting().0 > 0;
        match &self.phase {
            Phase::Answering(_) if waits => None,
            Phase::Open { drain_until } => {
                let half_closed = self.half_closed.filter(|_| !self.paused);
                let deadlines = drain_until.iter().copied().chain(half_closed);
                deadlines.map(Duration::from).min()
            }
            _ => self.phase.deadline(),
        }
    }
}
