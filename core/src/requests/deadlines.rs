//! Deadlines of many things, of which the earliest is asked for often.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;

/// A set of deadlines. Setting one costs next to nothing where later things end
/// later, as requests with one timeout do; what has ended is left in the heap
/// until it surfaces or outnumbers the rest.
#[derive(Debug)]
pub(crate) struct Deadlines<T: Ord + Copy> {
    heap: BinaryHeap<Reverse<(Duration, T)>>,
}

impl<T: Ord + Copy> Deadlines<T> {
    /// Ended entries that are always tolerated.
    const SLACK: usize = 64;

    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    /// Adds a deadline. `live` is how many things have not ended, and `is_live`
    /// tells whether a deadline is that of one: the heap stays within twice their number.
    pub(crate) fn insert(
        &mut self,
        at: Duration,
        what: T,
        live: usize,
        is_live: impl Fn(Duration, T) -> bool,
    ) {
        if self.heap.len() > live.saturating_mul(2).saturating_add(Self::SLACK) {
            self.heap.retain(|Reverse((at, what))| is_live(*at, *what));
        }
        self.heap.push(Reverse((at, what)));
    }

    /// The earliest deadline that is live.
    pub(crate) fn earliest(
        &mut self,
        is_live: impl Fn(Duration, T) -> bool,
    ) -> Option<(Duration, T)> {
        while let Some(Reverse((at, what))) = self.heap.peek().copied() {
            if is_live(at, what) {
                return Some((at, what));
            }
            self.heap.pop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_live_one_is_found_and_the_dead_do_not_pile_up() {
        let mut deadlines = Deadlines::new();
        let live = |_, n: u32| n.is_multiple_of(1000);
        for n in 0..100_000 {
            deadlines.insert(Duration::from_secs(u64::from(n)), n, 100, live);
        }
        assert!(deadlines.heap.len() < 1000);
        let even = |_, n: u32| n == 99_000;
        assert_eq!(deadlines.earliest(live), Some((Duration::ZERO, 0)));
        assert_eq!(
            deadlines.earliest(even),
            Some((Duration::from_secs(99_000), 99_000))
        );
        assert_eq!(deadlines.earliest(|_, _| false), None);
    }
}
