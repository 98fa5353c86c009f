//! What a connection gives back when it has nothing to do.

use std::time::Duration;

use super::Task;
use super::running::Running;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

/// Whether messages come soon one after another.
#[derive(Default)]
pub(super) struct Warmth {
    /// When there was nothing left to do last, with memory kept: a reading of the monotonic clock.
    rested: Option<Duration>,
}

impl Warmth {
    /// A message that comes so soon after another finds what that one used: to take it anew for
    /// each of many costs time.
    const SOON: Duration = Duration::from_millis(100);

    /// How long it is kept should none come, so that few are woken only to give it back.
    const KEEP: Duration = Duration::from_secs(2);

    /// Until when memory is kept that the next message needs again, now that there is nothing to
    /// do. None where it is to be given back at once.
    fn keep_until(&mut self, now: Duration) -> Option<Duration> {
        let before = self.rested.replace(now)?;
        let soon = now.saturating_sub(before) < Self::SOON;
        soon.then(|| now.saturating_add(Self::KEEP))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_while_messages_come_soon_one_after_another() {
        let mut warmth = Warmth::default();
        let at = Duration::from_millis;
        for (now, kept) in [
            (0, None),
            (99, Some(2099)),
            (150, Some(2150)),
            // Woken for that.
            (2150, None),
            (2249, Some(4249)),
            (2400, None),
        ] {
            assert_eq!(warmth.keep_until(at(now)), kept.map(at), "{now}");
        }
    }
}
