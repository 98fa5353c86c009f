//! The messages that passed and could pass again.

use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;

use super::senders::Senders;
use crate::error::ReplayRefusal;
use crate::now::Now;
use crate::place::Place;

/// The state of a replay window, without a lock: the messages that passed and
/// whose timestamps are recent, up to a number of them.
///
/// A message passes if its timestamp is at most the skew away from the clock, in
/// either direction, and it has not passed before. Messages are forgotten when
/// their timestamps are further back than the skew: they are too old then.
///
/// Where it is full of messages that could pass again, it refuses others: to
/// forget one instead would let it be replayed. No sender fills it for the others, and no
/// messages from the future for those of now:
///
/// - A sender, that is an end of a link or an address, may have as many messages in it as
///   there is still room for others: one alone has half of the room, two a third each.
/// - Messages whose timestamps are ahead of the clock have half of the room at most.
///
/// So `entries` should be twice the number of messages within the skew under the highest
/// load. Those who know the secret and come from many addresses can fill it all the same,
/// as they could send anything else.
///
/// An entry takes some 80 bytes once it is used, and its sender's first one 140 more.
pub struct ReplayLog {
    /// In seconds.
    skew: u64,
    entries: usize,
    /// By time, the oldest first.
    passed: BTreeMap<(u64, [u8; 32]), Entry>,
    senders: Senders,
    /// Entries whose timestamps were ahead when they passed.
    early: usize,
    /// Messages older than this, in Unix seconds, may have been forgotten, so they
    /// are refused even if the clock goes back.
    floor: u64,
}

/// What is known of a message that passed.
struct Entry {
    /// The slot of its sender, if that is known.
    sender: Option<u32>,
    early: bool,
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
            passed: BTreeMap::new(),
            senders: Senders::default(),
            early: 0,
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

    /// Whether a message may pass that came from there, as in
    /// [`ReplayGuard::admit`](super::ReplayGuard::admit). Where nobody knows its sender,
    /// all of the room is for it.
    ///
    /// # Errors
    /// It may not pass, and why.
    pub fn admit(
        &mut self,
        mac: &[u8; 32],
        ts: u32,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal> {
        let oldest = now.unix.saturating_sub(self.skew);
        self.forget(oldest);
        let sent = nearest(ts, now.unix);
        if sent > now.unix.saturating_add(self.skew) {
            return Err(ReplayRefusal::TooNew);
        }
        if sent < oldest.max(self.floor) {
            return Err(ReplayRefusal::TooOld);
        }
        let key = (sent, *mac);
        if self.passed.contains_key(&key) {
            return Err(ReplayRefusal::Seen);
        }
        let free = self.entries.saturating_sub(self.passed.len());
        let early = sent > now.unix;
        let held = from.map_or(0, |from| self.senders.held(from));
        if held >= free || (early && self.early >= self.entries.div_ceil(2)) {
            return Err(ReplayRefusal::Full);
        }
        let sender = from.map(|from| self.senders.add(from));
        self.early = self.early.saturating_add(usize::from(early));
        self.passed.insert(key, Entry { sender, early });
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
    pub(super) fn senders(&self) -> usize {
        self.senders.len()
    }

    #[cfg(test)]
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Removes two messages at most that are too old. A call adds one at most, so
    /// all of them are removed in time, and no call takes long.
    fn forget(&mut self, oldest: u64) {
        for _ in 0..2 {
            let Some(first) = self.passed.first_entry() else {
                return;
            };
            let (sent, _) = *first.key();
            if sent >= oldest {
                return;
            }
            self.floor = self.floor.max(sent.saturating_add(1));
            let Entry { sender, early } = first.remove();
            self.early = self.early.saturating_sub(usize::from(early));
            if let Some(sender) = sender {
                self.senders.remove(sender);
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
