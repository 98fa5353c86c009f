//! Bytes of all links, of one direction.

use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of all links, of one direction.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: AtomicUsize,
    pub(super) max: usize,
    /// Past this many bytes links are cut.
    pub(super) alarm: usize,
    /// Past this many bytes the links are compared: more than `alarm` when that was
    /// just done.
    look_at: AtomicUsize,
    /// There were more than a sixteenth of `max`, since there were less than half of that.
    many: AtomicBool,
    /// There are less again, which nobody was told yet.
    released: AtomicBool,
}

/// What it means for all that one link holds more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Exceeded,
    Freed,
}

impl Pool {
    pub(super) fn new(max: usize, alarm: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max,
            alarm,
            look_at: AtomicUsize::new(alarm),
            many: AtomicBool::new(false),
            released: AtomicBool::new(false),
        }
    }

    /// Three quarters of the most that may be held.
    pub(super) const fn high(&self) -> usize {
        self.max.saturating_sub(self.max / 4)
    }

    /// An eighth less than the most: enough above [`high`](Self::high) for
    /// [`Change::Exceeded`] to be said in between.
    pub(super) const fn brim(&self) -> usize {
        self.max.saturating_sub(self.max / 8)
    }

    /// Whether much was let go since the last call.
    pub(super) fn take_released(&self) -> bool {
        self.released.load(Ordering::Relaxed) && self.released.swap(false, Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Counts what one link holds otherwise than before. That all hold too much is
    /// not said each time, since all of them are compared then, but whenever they
    /// hold some more.
    pub(super) fn change(&self, before: usize, after: usize) -> Change {
        let less = before.saturating_sub(after);
        if less > 0 {
            let before = self.bytes.fetch_sub(less, Ordering::SeqCst);
            let after = before.saturating_sub(less);
            let freed = |level| after < level && before >= level;
            // The next alarm is as far from here as it was from there, and never farther
            // than it was.
            let next = match after < self.alarm {
                true => self.alarm,
                false => after.saturating_add(self.max / 64),
            };
            if next < self.look_at.load(Ordering::Relaxed) {
                self.look_at.store(next, Ordering::Relaxed);
            }
            if after < self.max / 32 && self.many.load(Ordering::Relaxed) {
                self.many.store(false, Ordering::Relaxed);
                self.released.store(true, Ordering::Relaxed);
            }
            return match freed(self.high()) || freed(self.brim()) || freed(self.max) {
                true => Change::Freed,
                false => Change::None,
            };
        }
        let more = after.saturating_sub(before);
        let all = self.bytes.fetch_add(more, Ordering::SeqCst);
        let all = all.saturating_add(more);
        if all > self.max / 16 && !self.many.load(Ordering::Relaxed) {
            self.many.store(true, Ordering::Relaxed);
        }
        if all <= self.look_at.load(Ordering::Relaxed) {
            return Change::None;
        }
        let next = all.saturating_add(self.max / 64);
        self.look_at.store(next, Ordering::Relaxed);
        Change::Exceeded
    }
}
