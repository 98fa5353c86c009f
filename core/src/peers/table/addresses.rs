//! Who is heard from which address.

use core::hash::{BuildHasher, Hash};
use core::time::Duration;

use hashbrown::HashTable;

use crate::hashes::Hashes;

/// The address that a peer is heard from. With the largest addresses one fills a line of the
/// processor's caches, and it lies in one: each message looks for that of its sender, and where
/// there are many, none is in a cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Heard<A> {
    address: A,
    /// The slot of the peer.
    pub(super) peer: u32,
    /// When the last message came from here that counts as a sign of life.
    pub(super) last: Duration,
    /// An introduction of another peer came from here since the last one of this.
    pub(super) disputed: bool,
    /// An auth layer vouched for the peer's introduction from here.
    pub(super) vouched: bool,
}

/// All addresses that peers are heard from.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses<A> {
    table: HashTable<Heard<A>>,
    hashes: Hashes,
}

impl<A> Heard<A> {
    /// A peer is heard from an address now.
    pub(super) fn new(address: A, peer: u32, now: Duration) -> Self {
        Self {
            address,
            peer,
            last: now,
            disputed: false,
            vouched: false,
        }
    }
}

impl<A: Copy + Eq + Hash> Addresses<A> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            hashes: Hashes::default(),
        }
    }

    /// Changes the places of all of them.
    pub(super) fn set_hashes(&mut self, hashes: Hashes) {
        self.hashes = hashes;
        for heard in core::mem::take(&mut self.table) {
            self.insert(heard);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn get(&self, address: A) -> Option<&Heard<A>> {
        let hash = self.hashes.hash_one(address);
        self.table.find(hash, |heard| heard.address == address)
    }

    pub(super) fn get_mut(&mut self, address: A) -> Option<&mut Heard<A>> {
        let hash = self.hashes.hash_one(address);
        self.table.find_mut(hash, |heard| heard.address == address)
    }

    /// Adds one, in the place of what was known of the address.
    pub(super) fn insert(&mut self, heard: Heard<A>) {
        if let Some(known) = self.get_mut(heard.address) {
            *known = heard;
            return;
        }
        let hash_of = |heard: &Heard<A>| self.hashes.hash_one(heard.address);
        let hash = hash_of(&heard);
        self.table.insert_unique(hash, heard, hash_of);
    }

    pub(super) fn remove(&mut self, address: A) -> Option<Heard<A>> {
        let hash = self.hashes.hash_one(address);
        let found = self
            .table
            .find_entry(hash, |heard| heard.address == address);
        found.ok().map(|found| found.remove().0)
    }
}
