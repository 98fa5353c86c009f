//! Who is heard from which address.

use core::hash::Hash;
use core::time::Duration;

use crate::hashes::Hashes;
use crate::lines::{Line, Lines};

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
#[derive(Clone, Debug)]
pub(super) struct Addresses<A> {
    table: Lines<Heard<A>>,
    /// Where the one is that was expected last.
    last: usize,
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

impl<A: Copy + Eq + Hash> Line for Heard<A> {
    type Key = A;

    #[inline]
    fn key(&self) -> A {
        self.address
    }
}

impl<A: Copy + Eq + Hash> Addresses<A> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            table: Lines::new(Hashes::default()),
            last: 0,
        }
    }

    /// Changes the places of all of them.
    pub(super) fn set_hashes(&mut self, hashes: Hashes) {
        self.table.set_hashes(hashes);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn get(&self, address: A) -> Option<&Heard<A>> {
        self.table.get(self.table.find(address)?)
    }

    pub(super) fn get_mut(&mut self, address: A) -> Option<&mut Heard<A>> {
        self.table.get_mut(self.table.find(address)?)
    }

    /// Fetches what is known of these from memory.
    pub(super) fn expect(&mut self, addresses: &mut dyn Iterator<Item = A>) {
        if self.table.is_in_caches() {
            return;
        }
        for address in addresses {
            self.last = self.table.find(address).unwrap_or(self.last);
        }
    }

    /// As [`get_mut`](Self::get_mut), where it may have been expected.
    pub(super) fn get_expected(&mut self, address: A) -> Option<&mut Heard<A>> {
        let last = self.table.get(self.last);
        match last.is_some_and(|last| last.address == address) {
            true => self.table.get_mut(self.last),
            false => self.get_mut(address),
        }
    }

    /// Adds one, in the place of what was known of the address.
    pub(super) fn insert(&mut self, heard: Heard<A>) {
        match self.get_mut(heard.address) {
            Some(known) => *known = heard,
            None => drop(self.table.insert(heard)),
        }
    }

    pub(super) fn remove(&mut self, address: A) -> Option<Heard<A>> {
        self.table.remove(address)
    }
}
