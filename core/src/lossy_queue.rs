//! The slow-consumer policy: a queue whose items may be dropped.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::collections::vec_deque::Iter;

use crate::delivery::Fate;
use crate::events::Dropped;
use crate::limits::SlowConsumerPolicy;

/// An item of a [`LossyQueue`].
pub trait Droppable {
    /// Its length in bytes, if it may be dropped. An item always returns the same.
    fn droppable(&self) -> Option<usize>;

    /// The bytes of memory that it takes in the queue, itself included. An item always
    /// returns the same.
    fn held(&self) -> usize;

    /// How many were dropped right before it, as it was [told](Self::lose).
    fn lost(&self) -> u64 {
        0
    }

    /// Says that so many more were dropped right before it. Those who can tell the consumer
    /// of it remember that.
    fn lose(&mut self, _count: u64) {}
}

/// A queue for a consumer that may be slow: the bytes of items that may be dropped are
/// bounded, as a [`SlowConsumerPolicy`] says. Links queue frames in one; a driver may
/// queue what it hands to the task of a link in another.
///
/// ```
/// use netaio_core::{Droppable, LossyQueue, Fate, SlowConsumerPolicy};
///
/// struct News(&'static str);
///
/// impl Droppable for News {
///     fn droppable(&self) -> Option<usize> {
///         Some(self.0.len())
///     }
///
///     fn held(&self) -> usize {
///         size_of::<Self>()
///     }
/// }
///
/// let mut queue = LossyQueue::default();
/// for text in ["old", "newer", "newest"] {
///     let fate = queue.offer(News(text), 0, 8, SlowConsumerPolicy::DropOldest);
///     assert_eq!(fate, if text == "old" { Fate::Sent } else { Fate::Queued });
/// }
/// assert_eq!(queue.take_dropped().map(|dropped| dropped.messages), Some(1));
/// assert_eq!(queue.pop_front().map(|news| news.0), Some("newer"));
/// ```
#[derive(Debug)]
pub struct LossyQueue<T>(
    /// None before the first: most links have only bytes of their own to write.
    Option<Box<Waiting<T>>>,
);

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    /// The bytes of those that may be dropped.
    bytes: usize,
    /// The memory of all.
    held: usize,
    dropped: Dropped,
    /// Dropped, with nothing behind them yet that could be [told](Droppable::lose).
    lost: u64,
}

impl<T> Default for LossyQueue<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            held: 0,
            dropped: Dropped::default(),
            lost: 0,
        }
    }
}

impl<T> LossyQueue<T> {
    /// The bytes of the items that may be dropped.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    /// The bytes of memory that the items take.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.as_ref().map_or(0, |waiting| waiting.held)
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let waiting = self.0.as_ref();
        waiting.is_none_or(|waiting| waiting.items.is_empty())
    }

    /// The items, the oldest first.
    pub fn iter(&self) -> Iter<'_, T> {
        let waiting = self.0.as_ref();
        waiting.map_or_else(Iter::default, |waiting| waiting.items.iter())
    }

    /// Moves all items behind those of `into`. Where there are none, the two change their memory,
    /// and nothing is copied.
    pub fn move_into(&mut self, into: &mut VecDeque<T>) {
        let Some(waiting) = &mut self.0 else {
            return;
        };
        (waiting.bytes, waiting.held) = (0, 0);
        match into.is_empty() {
            true => core::mem::swap(&mut waiting.items, into),
            false => into.append(&mut waiting.items),
        }
    }

    /// Removes all items; they do not count as dropped.
    pub fn clear(&mut self) {
        if let Some(waiting) = &mut self.0 {
            (waiting.bytes, waiting.held) = (0, 0);
            waiting.items.clear();
        }
    }

    /// Whether anything was dropped since the last [`take_dropped`](Self::take_dropped).
    #[inline]
    #[must_use]
    pub fn has_dropped(&self) -> bool {
        let waiting = self.0.as_ref();
        waiting.is_some_and(|waiting| waiting.dropped.messages > 0)
    }

    /// What was dropped since the last call, if anything was.
    pub fn take_dropped(&mut self) -> Option<Dropped> {
        let dropped = &mut self.0.as_mut()?.dropped;
        (dropped.messages > 0).then(|| core::mem::take(dropped))
    }
}

impl<T: Droppable> LossyQueue<T> {
    /// Appends an item without a look at the bound.
    pub fn push_back(&mut self, item: T) {
        self.0.get_or_insert_default().push_back(item);
    }

    /// Appends an item that may be dropped if fewer than `max` bytes wait, `others`
    /// included, which are not of this queue. Otherwise the policy decides: older items
    /// are dropped for it, or it is dropped itself, or, where slow consumers are
    /// disconnected, it is refused, which is [`Fate::Cut`]; nothing has changed then.
    pub fn offer(
        &mut self,
        item: T,
        others: usize,
        max: usize,
        policy: SlowConsumerPolicy,
    ) -> Fate {
        let waiting = self.0.get_or_insert_default();
        waiting.offer(item, others, max, policy)
    }

    /// Says that so many were lost before the first item that may be dropped, beside those
    /// that this queue has dropped.
    pub fn lose(&mut self, count: u64) {
        self.0.get_or_insert_default().lose_at(0, count);
    }

    /// As [`lose`](Self::lose), before the next item that comes.
    pub fn lose_behind(&mut self, count: u64) {
        let lost = &mut self.0.get_or_insert_default().lost;
        *lost = lost.saturating_add(count);
    }

    /// Puts an item before all others. What was lost before them is left to them.
    pub fn push_front(&mut self, item: T) {
        self.0.get_or_insert_default().push_front(item);
    }

    /// Drops the oldest or the newest of the items that may be dropped, as the policy
    /// says, until `is_few` returns `true` of their bytes or none is left. Where slow
    /// consumers are disconnected, nothing is dropped.
    ///
    /// It takes time for each item that may not be dropped and is closer to that end.
    pub fn drop_until(&mut self, policy: SlowConsumerPolicy, is_few: impl Fn(usize) -> bool) {
        if let Some(waiting) = &mut self.0 {
            waiting.drop_until(policy, is_few);
        }
    }

    /// Takes the oldest item.
    pub fn pop_front(&mut self) -> Option<T> {
        self.0.as_mut()?.pop_front()
    }
}

impl<T: Droppable> Waiting<T> {
    fn push_back(&mut self, mut item: T) {
        if self.lost > 0 && item.droppable().is_some() {
            item.lose(core::mem::take(&mut self.lost));
        }
        let len = item.droppable().unwrap_or(0);
        self.bytes = self.bytes.saturating_add(len);
        self.held = self.held.saturating_add(item.held());
        self.items.push_back(item);
    }

    fn offer(&mut self, item: T, others: usize, max: usize, policy: SlowConsumerPolicy) -> Fate {
        let is_few = |bytes: usize| bytes.saturating_add(others) < max;
        if policy == SlowConsumerPolicy::DropOldest {
            self.drop_until(policy, is_few);
        }
        if is_few(self.bytes) {
            let fate = match self.items.is_empty() {
                true => Fate::behind(others),
                false => Fate::Queued,
            };
            self.push_back(item);
            return fate;
        }
        if policy == SlowConsumerPolicy::Disconnect {
            return Fate::Cut;
        }
        self.dropped.count(item.droppable().unwrap_or(0));
        self.lose_at(self.items.len(), item.lost().saturating_add(1));
        Fate::Dropped
    }

    fn push_front(&mut self, item: T) {
        let len = item.droppable().unwrap_or(0);
        self.bytes = self.bytes.saturating_add(len);
        self.held = self.held.saturating_add(item.held());
        self.items.push_front(item);
    }

    /// Tells the first item from an index on that may be dropped, now or when it comes.
    fn lose_at(&mut self, index: usize, count: u64) {
        let behind = self.items.iter_mut().skip(index);
        match behind.into_iter().find(|item| item.droppable().is_some()) {
            Some(next) => next.lose(count),
            None => self.lost = self.lost.saturating_add(count),
        }
    }

    fn drop_until(&mut self, policy: SlowConsumerPolicy, is_few: impl Fn(usize) -> bool) {
        while !is_few(self.bytes) {
            let is_droppable = |item: &T| item.droppable().is_some();
            let next = match policy {
                SlowConsumerPolicy::Disconnect => None,
                SlowConsumerPolicy::DropOldest => self.items.iter().position(is_droppable),
                SlowConsumerPolicy::DropNewest => self.items.iter().rposition(is_droppable),
            };
            let Some((at, item)) = next.and_then(|at| Some((at, self.items.remove(at)?))) else {
                return;
            };
            let len = self.take_out(&item);
            self.dropped.count(len);
            self.lose_at(at, item.lost().saturating_add(1));
        }
    }

    fn pop_front(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.take_out(&item);
        Some(item)
    }

    /// Counts an item no more, and returns its length if it may be dropped.
    fn take_out(&mut self, item: &T) -> usize {
        let len = item.droppable().unwrap_or(0);
        self.bytes = self.bytes.saturating_sub(len);
        self.held = self.held.saturating_sub(item.held());
        len
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// A number, and the length if it may be dropped.
    struct Item(u8, Option<usize>);

    impl Droppable for Item {
        fn droppable(&self) -> Option<usize> {
            self.1
        }

        fn held(&self) -> usize {
            1
        }
    }

    #[test]
    fn the_policy_decides_past_the_bound() {
        use SlowConsumerPolicy::{Disconnect, DropNewest, DropOldest};
        for (policy, left, dropped) in [
            (Disconnect, [0, 1, 2, 3], None),
            (DropOldest, [0, 3, 4, 5], Some(2)),
            (DropNewest, [0, 1, 2, 3], Some(2)),
        ] {
            let mut queue = LossyQueue::default();
            queue.push_back(Item(0, None));
            for number in 1..=5 {
                let fate = queue.offer(Item(number, Some(10)), 5, 35, policy);
                let expected = match policy {
                    _ if number <= 3 => Fate::Queued,
                    Disconnect => Fate::Cut,
                    DropOldest => Fate::Queued,
                    DropNewest => Fate::Dropped,
                };
                assert_eq!(fate, expected, "{policy:?}");
            }
            let numbers: Vec<u8> = queue.iter().map(|item| item.0).collect();
            assert_eq!((&numbers[..], queue.bytes()), (&left[..], 30), "{policy:?}");
            let count = queue.take_dropped().map(|dropped| dropped.messages);
            assert_eq!(count, dropped, "{policy:?}");
            assert!(queue.take_dropped().is_none());
        }
    }

    #[test]
    fn what_is_moved_out_counts_no_more_and_what_was_there_stays_first() {
        let mut taken = VecDeque::new();
        for numbers in [0..2, 2..3, 3..6] {
            let mut queue = LossyQueue::default();
            let first = numbers.start;
            for number in numbers {
                queue.push_back(Item(number, Some(10)));
            }
            queue.move_into(&mut taken);
            assert_eq!(
                (queue.bytes(), queue.held(), queue.is_empty()),
                (0, 0, true)
            );
            // It is as new to what comes.
            let policy = SlowConsumerPolicy::Disconnect;
            assert_eq!(queue.offer(Item(9, Some(10)), 0, 1, policy), Fate::Sent);
            assert_eq!((queue.bytes(), queue.held()), (10, 1), "from {first}");
        }
        let numbers: Vec<u8> = taken.iter().map(|item| item.0).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        let mut never = LossyQueue::<Item>::default();
        never.move_into(&mut taken);
        assert_eq!((taken.len(), never.is_empty()), (6, true));
    }

    /// Its number, and how many were dropped before it.
    #[derive(Debug, PartialEq)]
    struct Told(u8, u64);

    impl Droppable for Told {
        fn droppable(&self) -> Option<usize> {
            (self.0 < 100).then_some(1)
        }

        fn held(&self) -> usize {
            1
        }

        fn lost(&self) -> u64 {
            self.1
        }

        fn lose(&mut self, count: u64) {
            self.1 += count;
        }
    }

    #[test]
    fn what_is_behind_a_gap_is_told_of_it() {
        use SlowConsumerPolicy::{DropNewest, DropOldest};
        for (policy, left, pending) in [
            // One that may not be dropped is not told.
            (DropOldest, &[Told(100, 0), Told(3, 2), Told(4, 0)][..], 0),
            (DropNewest, &[Told(1, 0), Told(100, 0), Told(2, 0)], 2),
        ] {
            let mut queue = LossyQueue::default();
            for number in [1, 100, 2, 3, 4] {
                queue.offer(Told(number, 0), 0, 2, policy);
            }
            assert!(queue.iter().eq(left), "{policy:?}: {queue:?}");
            // What is dropped after it was told leaves that to the next.
            queue.drop_until(policy, |bytes| bytes < 2);
            queue.push_back(Told(9, 0));
            let told: u64 = queue.iter().map(Droppable::lost).sum();
            assert_eq!(told, 3, "{policy:?}: {queue:?}");
            assert_eq!(
                queue.iter().last(),
                Some(&Told(9, if pending > 0 { 3 } else { 0 }))
            );
        }
    }

    #[test]
    fn what_may_not_be_dropped_stays() {
        use SlowConsumerPolicy::{Disconnect, DropNewest, DropOldest};
        for (policy, left) in [
            (Disconnect, &[0, 1, 2, 3, 4][..]),
            (DropOldest, &[0, 2, 3, 4]),
            (DropNewest, &[0, 1, 2, 4]),
        ] {
            let mut queue = LossyQueue::default();
            for (number, len) in [(0, None), (1, Some(9)), (2, None), (3, Some(9)), (4, None)] {
                queue.push_back(Item(number, len));
            }
            queue.drop_until(policy, |bytes| bytes < 10);
            let numbers: Vec<u8> = queue.iter().map(|item| item.0).collect();
            assert_eq!(numbers, left, "{policy:?}");
            queue.drop_until(policy, |_| false);
            let kept = if policy == Disconnect { 18 } else { 0 };
            assert_eq!(queue.bytes(), kept, "{policy:?}");
        }
    }
}
