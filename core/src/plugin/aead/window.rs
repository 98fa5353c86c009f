//! Which messages passed, so that none passes twice.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::fmt;
use core::time::Duration;

use super::super::replay::Senders;
use super::session::COUNT_BITS;
use crate::error::ReplayRefusal;
use crate::now::Now;
use crate::place::Place;

/// The numbers of messages that passed, by their senders: how many messages come has no bound,
/// as of each sender the last [`PER_SENDER`](Self::PER_SENDER) numbers are kept, and what is
/// below them is refused.
#[derive(Clone)]
pub(super) struct Window {
    /// In seconds.
    skew: u64,
    max_senders: usize,
    max_numbers: usize,
    senders: BTreeMap<Who, Sender>,
    /// When to look whether a sender is to be forgotten, in Unix seconds.
    looks: BTreeSet<(u64, Who)>,
    by_place: Senders,
    /// Numbers held by all of them.
    numbers: usize,
    /// Messages older than this, in Unix seconds, may be of senders that were forgotten.
    floor: u64,
}

/// The node that receives, and the session that sends.
pub(super) type Who = (u64, u64);

#[derive(Clone)]
struct Sender {
    /// In order, at least one.
    passed: VecDeque<u64>,
    /// Numbers up to this one were forgotten.
    below: u64,
    place: Option<u32>,
}

impl Window {
    /// How far messages of one sender may overtake one another, in messages that came.
    pub(super) const PER_SENDER: usize = 1024;

    pub(super) fn new(skew: Duration, senders: usize) -> Self {
        /// Numbers for each sender on average.
        const MEAN: usize = 16;
        Self {
            // Far from what the numbers overflow at.
            skew: skew.as_secs().min(1 << 30),
            max_senders: senders,
            max_numbers: senders.saturating_mul(MEAN).max(Self::PER_SENDER),
            senders: BTreeMap::new(),
            looks: BTreeSet::new(),
            by_place: Senders::default(),
            numbers: 0,
            floor: 0,
        }
    }

    /// Whether a message may pass, whose sender and number were verified; then it never may
    /// again.
    pub(super) fn admit(
        &mut self,
        who: Who,
        number: u64,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal> {
        let oldest = now.unix.saturating_sub(self.skew);
        self.forget(oldest);
        let sent = number >> COUNT_BITS;
        if sent > now.unix.saturating_add(self.skew) {
            return Err(ReplayRefusal::TooNew);
        }
        if sent < oldest.max(self.floor) {
            return Err(ReplayRefusal::TooOld);
        }
        let is_full = self.numbers >= self.max_numbers;
        let Some(sender) = self.senders.get_mut(&who) else {
            return self.begin(who, number, from);
        };
        if number <= sender.below {
            return Err(ReplayRefusal::TooOld);
        }
        // Nearly all come in order.
        let at = match sender.passed.back() {
            Some(last) if *last >= number => match sender.passed.binary_search(&number) {
                Ok(_) => return Err(ReplayRefusal::Seen),
                Err(at) => at,
            },
            _ => sender.passed.len(),
        };
        if sender.passed.len() < Self::PER_SENDER && !is_full {
            self.numbers = self.numbers.saturating_add(1);
            sender.passed.insert(at, number);
            return Ok(());
        }
        // Its own oldest number gives way, and is what this one has to be above.
        if at == 0 {
            sender.below = number;
        } else if let Some(oldest) = sender.passed.pop_front() {
            sender.below = oldest;
            sender.passed.insert(at.saturating_sub(1), number);
        }
        Ok(())
    }

    fn begin(&mut self, who: Who, number: u64, from: Option<Place>) -> Result<(), ReplayRefusal> {
        // As in a replay log: from one place come as many as there is still room for others.
        let free = self.max_senders.saturating_sub(self.senders.len());
        let held = from.map_or(0, |from| self.by_place.held(from));
        if held >= free {
            return Err(ReplayRefusal::Full);
        }
        let sender = Sender {
            passed: VecDeque::from([number]),
            below: 0,
            place: from.map(|from| self.by_place.add(from)),
        };
        self.senders.insert(who, sender);
        self.looks.insert((number >> COUNT_BITS, who));
        self.numbers = self.numbers.saturating_add(1);
        Ok(())
    }

    /// Looks at two senders at most. A call adds one at most, so all of them are forgotten in
    /// time, and no call takes long.
    fn forget(&mut self, oldest: u64) {
        for _ in 0..2 {
            let Some((when, who)) = self.looks.first().copied() else {
                return;
            };
            if when >= oldest {
                return;
            }
            self.looks.pop_first();
            let Some(sender) = self.senders.get(&who) else {
                continue;
            };
            let last = sender.passed.back().copied().unwrap_or_default() >> COUNT_BITS;
            if last >= oldest {
                self.looks.insert((last, who));
                continue;
            }
            self.floor = self.floor.max(last.saturating_add(1));
            if let Some(sender) = self.senders.remove(&who) {
                self.numbers = self.numbers.saturating_sub(sender.passed.len());
                if let Some(place) = sender.place {
                    self.by_place.remove(place);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.senders.len(), self.numbers)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("skew", &self.skew)
            .field("senders", &self.senders.len())
            .finish_non_exhaustive()
    }
}
