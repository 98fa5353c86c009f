//! Deadlines of many things, of which the earliest is asked for often.

use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Reverse;
use core::time::Duration;

/// A set of deadlines. Setting one, and finding it when it has ended, costs next to nothing where
/// later things end later, as requests with one timeout do; what has ended is left here
/// until it surfaces or outnumbers the rest.
#[derive(Debug)]
pub(crate) struct Deadlines<T: Ord + Copy> {
    /// Each no earlier than the one before.
    ordered: VecDeque<(Duration, T)>,
    /// Those that were earlier than the last of these.
    others: BinaryHeap<Reverse<(Duration, T)>>,
}

impl<T: Ord + Copy> Deadlines<T> {
    /// Ended entries that are always tolerated.
    const SLACK: usize = 64;

    pub(crate) const fn new() -> Self {
        Self {
            ordered: VecDeque::new(),
            others: BinaryHeap::new(),
        }
    }

    /// Adds a deadline. `live` is how many things have not ended, and `is_live`
    /// tells whether a deadline is that of one: there are never more than twice their number.
    pub(crate) fn insert(
        &mut self,
        at: Duration,
        what: T,
        live: usize,
        is_live: impl Fn(Duration, T) -> bool,
    ) {
        if self.len() > live.saturating_mul(2).saturating_add(Self::SLACK) {
            self.ordered.retain(|(at, what)| is_live(*at, *what));
            self.others
                .retain(|Reverse((at, what))| is_live(*at, *what));
        }
        // One that ended far ahead is in nobody's way.
        while self
            .ordered
            .back()
            .is_some_and(|(at, what)| !is_live(*at, *what))
        {
            self.ordered.pop_back();
        }
        match self.ordered.back() {
            Some((last, _)) if at < *last => self.others.push(Reverse((at, what))),
            _ => self.ordered.push_back((at, what)),
        }
    }

    /// The earliest deadline that is live.
    pub(crate) fn earliest(
        &mut self,
        is_live: impl Fn(Duration, T) -> bool,
    ) -> Option<(Duration, T)> {
        while self
            .ordered
            .front()
            .is_some_and(|(at, what)| !is_live(*at, *what))
        {
            self.ordered.pop_front();
        }
        while self
            .others
            .peek()
            .is_some_and(|Reverse((at, what))| !is_live(*at, *what))
        {
            self.others.pop();
        }
        let first = self.ordered.front().copied();
        match self.others.peek() {
            None => first,
            Some(Reverse(other)) => Some(first.map_or(*other, |first| first.min(*other))),
        }
    }

    fn len(&self) -> usize {
        self.ordered.len().saturating_add(self.others.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_earliest_live_one_is_found_and_the_dead_do_not_pile_up() {
        let mut deadlines = Deadlines::new();
        let live = |_, n: u32| n.is_multiple_of(1000);
        for n in 0..100_000 {
            deadlines.insert(Duration::from_secs(u64::from(n)), n, 100, live);
        }
        assert!(deadlines.len() < 1000);
        let even = |_, n: u32| n == 99_000;
        assert_eq!(deadlines.earliest(live), Some((Duration::ZERO, 0)));
        assert_eq!(
            deadlines.earliest(even),
            Some((Duration::from_secs(99_000), 99_000))
        );
        assert_eq!(deadlines.earliest(|_, _| false), None);
    }

    #[test]
    fn the_earliest_is_found_whatever_the_order_and_whatever_has_ended() {
        let mut deadlines = Deadlines::new();
        // What is live is kept beside, in a set that is sorted.
        let mut live = BTreeSet::new();
        for n in 0..10_000_u64 {
            // Most have the same timeout, some a longer or a shorter one.
            let timeout = match n % 7 {
                3 => 5_000,
                5 => 10,
                _ => 1_000,
            };
            let at = Duration::from_millis(n + timeout);
            live.insert((at, n));
            let is_live = |at, n| live.contains(&(at, n));
            deadlines.insert(at, n, live.len(), is_live);
            assert_eq!(deadlines.earliest(is_live), live.first().copied());
            // Now one in the middle ends, now the first, now the last.
            let ended = match n % 3 {
                0 => live.first().copied(),
                1 => live.last().copied(),
                _ => live.iter().nth(live.len() / 2).copied(),
            };
            if n % 11 != 0 {
                ended.map(|ended| live.remove(&ended));
            }
            assert!(deadlines.len() <= 2 * live.len() + Deadlines::<u64>::SLACK + 3);
        }
    }
}
