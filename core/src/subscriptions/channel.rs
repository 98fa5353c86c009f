//! The subscribers of one key.

use alloc::sync::Arc;
use alloc::vec::{self, Vec};
use core::iter::FusedIterator;
use core::slice;

/// A key and its subscribers, in the order in which they subscribed.
///
/// Publishing reads all of them and happens more often than a subscription ends,
/// so they lie one behind the other in one vector: a list whose entries are
/// linked has to load a cache line for each. Who leaves empties its slot, which
/// keeps the order and moves nobody. When more slots are empty than taken, the
/// others close up, which is one move for each that left.
#[derive(Clone, Debug)]
pub(super) struct Channel<S> {
    key: Arc<[u8]>,
    slots: Vec<Option<S>>,
    /// Slots that are taken.
    taken: usize,
    /// Names these subscribers: another set of subscribers, of this key or another, has another
    /// stamp.
    pub(super) stamp: u64,
}

impl<S: Copy> Channel<S> {
    /// Slots that a vector has memory for once there is one in it.
    pub(super) const FIRST_ROOM: usize = 4;

    pub(super) fn new(key: Arc<[u8]>) -> Self {
        Self {
            key,
            slots: Vec::new(),
            taken: 0,
            stamp: 0,
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn shared_key(&self) -> Arc<[u8]> {
        self.key.clone()
    }

    /// Number of subscribers.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Adds a subscriber behind the others, and returns its slot.
    pub(super) fn push(&mut self, subscriber: S) -> u32 {
        let slot = self.slots.len();
        self.slots.push(Some(subscriber));
        self.taken = self.taken.saturating_add(1);
        u32::try_from(slot).unwrap_or(u32::MAX)
    }

    /// Empties a slot that is taken.
    pub(super) fn clear(&mut self, slot: u32) {
        let taken = self.slots.get_mut(slot as usize).and_then(Option::take);
        if taken.is_some() {
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// Whether more slots are empty than taken.
    pub(super) fn is_sparse(&self) -> bool {
        self.slots.len() / 2 > self.taken
    }

    /// Removes the empty slots, and says for each subscriber which slot it has
    /// then.
    pub(super) fn compact(&mut self, mut moved: impl FnMut(S, u32)) {
        self.slots.retain(Option::is_some);
        self.slots.shrink_to(self.taken.saturating_mul(2));
        for (subscriber, slot) in self.slots.iter().flatten().zip(0..) {
            moved(*subscriber, slot);
        }
    }

    /// Slots that there is memory for.
    pub(super) fn room(&self) -> usize {
        self.slots.capacity()
    }

    /// Slots that one subscriber more takes memory for: a vector that is full doubles.
    pub(super) fn next_room(&self) -> usize {
        match self.slots.len() < self.slots.capacity() {
            true => 0,
            false => self.slots.capacity().max(Self::FIRST_ROOM),
        }
    }

    pub(super) fn subscribers(&self) -> Subscribers<'_, S> {
        Subscribers {
            slots: self.slots.iter(),
            joined: Vec::new().into_iter(),
            left: self.taken,
        }
    }
}

/// The subscribers of a key, in the order in which they subscribed: what
/// [`Subscriptions::subscribers`](super::Subscriptions::subscribers) returns.
#[derive(Clone, Debug)]
pub struct Subscribers<'a, S> {
    slots: slice::Iter<'a, Option<S>>,
    /// Those of several channels, instead.
    joined: vec::IntoIter<S>,
    left: usize,
}

impl<S> Subscribers<'_, S> {
    /// Those of several channels, each once.
    pub(crate) fn joined(all: Vec<S>) -> Self {
        Self {
            slots: [].iter(),
            left: all.len(),
            joined: all.into_iter(),
        }
    }
}

impl<S> Default for Subscribers<'_, S> {
    /// Nobody.
    fn default() -> Self {
        Self {
            slots: [].iter(),
            joined: Vec::new().into_iter(),
            left: 0,
        }
    }
}

impl<S: Copy> Iterator for Subscribers<'_, S> {
    type Item = S;

    fn next(&mut self) -> Option<S> {
        let next = self.slots.find_map(|slot| *slot);
        let next = next.or_else(|| self.joined.next());
        self.left = self.left.saturating_sub(1);
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    fn fold<B, F: FnMut(B, S) -> B>(self, init: B, f: F) -> B {
        self.slots
            .flatten()
            .copied()
            .chain(self.joined)
            .fold(init, f)
    }
}

impl<S: Copy> ExactSizeIterator for Subscribers<'_, S> {}

impl<S: Copy> FusedIterator for Subscribers<'_, S> {}
