//! The messages that passed and could pass again.

use alloc::collections::BTreeSet;
use core::fmt;
use core::time::Duration;

use crate::error::ReplayRefusal;
use crate::now::Now;

/// The state of a replay window, without a lock: the messages that passed and
/// whose timestamps are recent, up to a number of them.
///
/// A message passes if its timestamp is at most the skew away from the clock, in
/// either direction, and it has not passed before. Messages are forgotten when
/// their timestamps are further back than the skew: they are too old then.
///
/// Where it is full of messages that could pass again, it refuses others: to
/// forget one instead would let it be replayed. So `entries` should be the number
/// of messages within the skew under the highest load; twice that, if senders'
/// clocks may be ahead. An entry takes some 64 bytes once it is used.
pub struct ReplayLog {
    /// In seconds.
    skew: u64,
    entries: usize,
    /// By time, the oldest first.
    passed: BTreeSet<(u64, [u8; 32])>,
    /// Messages older than this, in Unix seconds, may have been forgotten, so they
    /// are refused even if the clock goes back.
    floor: u64,
}

impl ReplayLog {
    /// Timestamps start over after 2^32 seconds, so they tell "long ago" from
    /// "far ahead" only up to half of that; this leaves as much between the two.
    const MAX_SKEW: u64 = 1 << 30;

    /// For clocks that differ by at most `skew`, in whole seconds and up to 34
    /// years, and for this many messages.
    #[must_use]
    pub fn new(skew: Duration, entries: usize) -> Self {
        Self {
            skew: skew.as_secs().min(Self::MAX_SKEW),
            entries,
            passed: BTreeSet::new(),
            floor: 0,
        }
    }

    /// Refuses what was sent before this time, in Unix seconds. A program that was
    /// restarted does not know what passed before: with the time of its start none
    /// of that passes again. Messages of senders whose clocks are behind are
    /// refused for as long as they are behind.
    #[must_use]
    pub fn not_before(mut self, unix: u64) -> Self {
        self.floor = unix;
        self
    }

    /// Whether a message may pass, as in
    /// [`ReplayGuard::admit`](super::ReplayGuard::admit).
    ///
    /// # Errors
    /// It may not pass, and why.
    pub fn admit(&mut self, mac: &[u8; 32], ts: u32, now: Now) -> Result<(), ReplayRefusal> {
        let oldest = now.unix.saturating_sub(self.skew);
        self.forget(oldest);
        let sent = nearest(ts, now.unix);
        if sent > now.unix.saturating_add(self.skew) {
            return Err(ReplayRefusal::TooNew);
        }
        if sent < oldest.max(self.floor) {
            return Err(ReplayRefusal::TooOld);
        }
        let entry = (sent, *mac);
        if self.passed.contains(&entry) {
            return Err(ReplayRefusal::Seen);
        }
        if self.passed.len() >= self.entries {
            return Err(ReplayRefusal::Full);
        }
        self.passed.insert(entry);
        Ok(())
    }

    /// Messages that it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.passed.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passed.is_empty()
    }

    #[cfg(test)]
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Removes two messages at most that are too old. A call adds one at most, so
    /// all of them are removed in time, and no call takes long.
    fn forget(&mut self, oldest: u64) {
        for _ in 0..2 {
            match self.passed.first() {
                Some((sent, _)) if *sent < oldest => {
                    self.floor = self.floor.max(sent.saturating_add(1));
                    self.passed.pop_first();
                }
                _ => return,
            }
        }
    }
}

/// The time nearest to `unix` whose lower 32 bits are `ts`.
fn nearest(ts: u32, unix: u64) -> u64 {
    let ahead = ts.wrapping_sub(unix as u32) as i32;
    unix.saturating_add_signed(ahead.into())
}

impl fmt::Debug for ReplayLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayLog")
            .field("skew", &self.skew)
            .field("entries", &self.entries)
            .field("passed", &self.passed.len())
            .finish()
    }
}
