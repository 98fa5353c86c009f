//! The subscribers of one key.

use alloc::vec::{self, Vec};
use core::iter::FusedIterator;
use core::slice;

use crate::small_bytes::SmallBytes;

/// A key and its subscribers, in the order in which they subscribed.
///
/// Publishing reads all of them and happens more often than a subscription ends,
/// so they lie one behind the other in one vector: a list whose entries are
/// linked has to load a cache line for each. Who leaves empties its slot, which
/// keeps the order and moves nobody. When more slots are empty than taken, the
/// others close up, which is one move for each that left.
///
/// Of many keys most have one subscriber, and no cache has them: the first one and a short key
/// are in the same lines of memory as the rest.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Channel<S> {
    key: SmallBytes,
    /// Of the hash of the key.
    pub(super) tag: u32,
    pub(super) id: u32,
    /// The first slot, and the others.
    first: Option<S>,
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

    pub(super) fn new(key: &[u8], tag: u32, id: u32) -> Self {
        Self {
            key: SmallBytes::copy(key),
            tag,
            id,
            first: None,
            slots: Vec::new(),
            taken: 0,
            stamp: 0,
        }
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Number of subscribers.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Adds a subscriber behind the others, and returns its slot.
    pub(super) fn push(&mut self, subscriber: S) -> u32 {
        let slot = match self.taken {
            // It is new, since one that has lost its last subscriber is removed.
            0 => {
                self.first = Some(subscriber);
                0
            }
            _ => {
                self.slots.push(Some(subscriber));
                self.slots.len()
            }
        };
        self.taken = self.taken.saturating_add(1);
        u32::try_from(slot).unwrap_or(u32::MAX)
    }

    /// Empties a slot that is taken.
    pub(super) fn clear(&mut self, slot: u32) {
        let slot = match (slot as usize).checked_sub(1) {
            None => Some(&mut self.first),
            Some(slot) => self.slots.get_mut(slot),
        };
        if slot.and_then(Option::take).is_some() {
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// Whether more slots are empty than taken.
    pub(super) fn is_sparse(&self) -> bool {
        self.slots.len().saturating_add(1) / 2 > self.taken
    }

    /// Removes the empty slots, and says for each subscriber which slot it has
    /// then.
    pub(super) fn compact(&mut self, mut moved: impl FnMut(S, u32)) {
        self.slots.retain(Option::is_some);
        if self.first.is_none() && !self.slots.is_empty() {
            self.first = self.slots.remove(0);
        }
        self.slots.shrink_to(self.slots.len().saturating_mul(2));
        for (subscriber, slot) in self
            .first
            .iter()
            .chain(self.slots.iter().flatten())
            .zip(0..)
        {
            moved(*subscriber, slot);
        }
    }

    /// Slots that there is memory for, besides the first.
    pub(super) fn room(&self) -> usize {
        self.slots.capacity()
    }

    /// Slots that one subscriber more takes memory for: a vector that is full doubles.
    pub(super) fn next_room(&self) -> usize {
        match self.taken == 0 || self.slots.len() < self.slots.capacity() {
            true => 0,
            false => self.slots.capacity().max(Self::FIRST_ROOM),
        }
    }

    pub(super) fn subscribers(&self) -> Subscribers<'_, S> {
        Subscribers {
            first: self.first,
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
    first: Option<S>,
    slots: slice::Iter<'a, Option<S>>,
    /// Those of several channels, instead.
    joined: vec::IntoIter<S>,
    left: usize,
}

impl<S> Subscribers<'_, S> {
    /// Those of several channels, each once.
    pub(crate) fn joined(all: Vec<S>) -> Self {
        Self {
            first: None,
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
            first: None,
            slots: [].iter(),
            joined: Vec::new().into_iter(),
            left: 0,
        }
    }
}

impl<S: Copy> Iterator for Subscribers<'_, S> {
    type Item = S;

    fn next(&mut self) -> Option<S> {
        let next = self.first.take();
        let next = next.or_else(|| self.slots.find_map(|slot| *slot));
        let next = next.or_else(|| self.joined.next());
        self.left = self.left.saturating_sub(1);
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    fn fold<B, F: FnMut(B, S) -> B>(self, init: B, f: F) -> B {
        self.first
            .into_iter()
            .chain(self.slots.flatten().copied())
            .chain(self.joined)
            .fold(init, f)
    }
}

impl<S: Copy> ExactSizeIterator for Subscribers<'_, S> {}

impl<S: Copy> FusedIterator for Subscribers<'_, S> {}
