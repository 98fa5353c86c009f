//! Nodes that have one id.

use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::Bytes;

/// Ids that introductions came with from two places at once, so that each is told of once in
/// a while.
#[derive(Debug)]
pub(super) struct Duplicates<A> {
    /// The oldest first.
    entries: VecDeque<Entry<A>>,
}

#[derive(Debug)]
struct Entry<A> {
    id: Bytes,
    /// Where the one is that is not known by this id.
    other: A,
    since: Duration,
    /// The one that is known by this id was heard since: it is not the same node, which has
    /// moved.
    both: bool,
    told: bool,
}

impl<A: Copy + Eq> Duplicates<A> {
    /// Ids that are remembered; the oldest make room.
    pub(super) const ENTRIES: usize = 64;
    /// For how long one that was told of is not told of again.
    pub(super) const QUIET: Duration = Duration::from_secs(600);
    /// For how long the local peer's id from elsewhere is not taken for another node's: the
    /// addresses of a machine change before its programs know, and what was sent before the
    /// local peer changed comes back after it.
    pub(super) const DOUBT: Duration = Duration::from_secs(10);

    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Notes an introduction by this id that cannot be of the peer that is known by it, and
    /// says whether it is to be told of: once that one has been [heard](Self::heard) too.
    pub(super) fn seen(&mut self, id: &[u8], other: A, now: Duration) -> bool {
        self.note(id, other, now, |_| false)
    }

    /// The same, of the local peer's id: once it has been seen for a while.
    pub(super) fn seen_local(&mut self, id: &[u8], other: A, now: Duration) -> bool {
        self.note(id, other, now, |since| {
            now.saturating_sub(since) >= Self::DOUBT
        })
    }

    /// Notes an introduction of the peer that is known by this id.
    pub(super) fn heard(&mut self, id: &[u8]) {
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.id == id) {
            entry.both = true;
        }
    }

    fn note(
        &mut self,
        id: &[u8],
        other: A,
        now: Duration,
        both: impl FnOnce(Duration) -> bool,
    ) -> bool {
        self.entries
            .retain(|entry| now.abs_diff(entry.since) < Self::QUIET);
        let known = self.entries.iter().position(|entry| entry.id == id);
        let known = known.and_then(|index| self.entries.remove(index));
        // One that was not told of may have moved.
        let known = known.filter(|entry| entry.told || entry.other == other);
        let mut entry = known.unwrap_or_else(|| Entry {
            id: Bytes::copy_from_slice(id),
            other,
            since: now,
            both: false,
            told: false,
        });
        entry.both |= both(entry.since);
        let tell = entry.both && !entry.told;
        if tell {
            (entry.told, entry.since) = (true, now);
        }
        if self.entries.len() >= Self::ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        tell
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
