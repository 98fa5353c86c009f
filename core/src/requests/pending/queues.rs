//! The queues of waiting requests: each has those to one remote for one uri.

use core::hash::{BuildHasher, Hash};
use core::mem;

use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;

/// What an answer has in common with its request.
#[derive(Clone, Debug)]
pub(super) struct QueueKey<A> {
    pub(super) remote: A,
    pub(super) uri: Bytes,
}

/// The first and the last of those that wait, which lead to the others.
#[derive(Debug)]
pub(super) struct Queue<A> {
    key: QueueKey<A>,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// All queues. None of them is empty.
#[derive(Debug)]
pub(super) struct Queues<A> {
    queues: Slab<Queue<A>>,
    /// Where they are, by their keys.
    places: HashTable<usize>,
    hashes: DefaultHashBuilder,
    /// The last one that something was put into. As many ask for one thing again and again, it is
    /// looked at before a key is hashed.
    recent: usize,
}

impl<A> Queues<A> {
    pub(super) fn new() -> Self {
        Self {
            queues: Slab::new(),
            places: HashTable::new(),
            hashes: DefaultHashBuilder::default(),
            recent: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.places.is_empty()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Queue<A>> {
        self.queues.get_mut(place)
    }
}

impl<A: Copy + Eq + Hash> Queues<A> {
    /// The queue of a remote and a uri.
    #[inline]
    pub(super) fn find(&self, remote: A, uri: &[u8]) -> Option<&Queue<A>> {
        self.queues.get(self.place(remote, uri)?)
    }

    #[inline]
    fn place(&self, remote: A, uri: &[u8]) -> Option<usize> {
        let is_it = |place: usize| {
            let queue = self.queues.get(place);
            queue.is_some_and(|queue| queue.key.remote == remote && queue.key.uri == *uri)
        };
        if is_it(self.recent) {
            return Some(self.recent);
        }
        let hash = self.hashes.hash_one((remote, uri));
        self.places.find(hash, |place| is_it(*place)).copied()
    }

    /// Puts an entry at the end of the queue of its key. Returns where that queue is, and the
    /// entry before.
    #[inline]
    pub(super) fn push(&mut self, key: &QueueKey<A>, entry: usize) -> (usize, Option<usize>) {
        if let Some(place) = self.place(key.remote, &key.uri)
            && let Some(queue) = self.queues.get_mut(place)
        {
            self.recent = place;
            return (place, Some(mem::replace(&mut queue.last, entry)));
        }
        let place = self.queues.insert(Queue {
            key: key.clone(),
            first: entry,
            last: entry,
        });
        let (hashes, queues) = (&self.hashes, &self.queues);
        let hash_of = |place: &usize| {
            let key = queues.get(*place).map(|queue| &queue.key);
            key.map_or(0, |key| hash(hashes, key))
        };
        self.places.insert_unique(hash_of(&place), place, hash_of);
        self.recent = place;
        (place, None)
    }

    /// Takes a queue out that is empty now.
    pub(super) fn remove(&mut self, place: usize) {
        let Some(queue) = self.queues.try_remove(place) else {
            return;
        };
        let hash = hash(&self.hashes, &queue.key);
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
    }
}

fn hash<A: Hash>(hashes: &DefaultHashBuilder, key: &QueueKey<A>) -> u64 {
    hashes.hash_one((&key.remote, &key.uri[..]))
}
