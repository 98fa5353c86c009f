//! What a connection gives back when it has nothing to do.

use std::time::Duration;

use super::Task;
use super::running::Running;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Sets the timer for a wait. Before one for the next message memory is given back, or it is
    /// woken for that.
    pub(super) fn prepare_wait(&mut self, more: bool) {
        let is_done = !more && self.writing.is_empty() && self.running.is_empty();
        let kept = is_done.then(|| self.rest()).flatten();
        let deadline = self.link.deadline().map(|deadline| deadline.at);
        self.timer.set(kept.into_iter().chain(deadline).min());
    }

    /// Gives back what was kept for the next message, unless that may come soon; then until when
    /// it is kept.
    fn rest(&mut self) -> Option<Duration> {
        if !self.link.has_spares() && self.writing.capacity() == 0 {
            return None;
        }
        let kept = self.warmth.keep_until(self.now.monotonic);
        if kept.is_none() {
            self.link.release_spares();
            self.writing = Vec::new();
            self.running = Running::default();
        }
        kept
    }
}
