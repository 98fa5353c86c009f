//! The table of peers.

mod addresses;
mod announce;
mod outcome;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;
use slab::Slab;

pub use self::outcome::{Expired, KnownPeer, PeerChange, PeerRefused};

use self::addresses::{Addresses, Heard};
use crate::crowds::Crowds;
use crate::hashes::{HashMap, Hashes, reseed};
use crate::network::Origin;
use crate::plugin::Peer;

/// The known peers, by their ids and by the addresses that they are heard from.
///
/// An address is whatever tells senders apart: a socket address for datagrams,
/// the number of a connection for streams. It belongs to one peer at a time. The
/// table is the only authority: whoever is not in it is no peer. Where it is full, a peer
/// that something vouches for makes room for nobody while it is alive, and any other
/// [only for some](crate::Limits::peers).
///
/// What is in it is worth as much as what let it in. Where introductions pass no auth
/// plugin, anybody can repeat a peer's and be it, be it first and shut it out, or use up its
/// addresses: nothing but its own word says who a peer is.
/// [`is_vouched`](Self::is_vouched) tells those where a plugin stood before.
///
/// A node that restarts with another id at its address has to wait until the
/// peer that is known there expires, or [`Discovery`](crate::Discovery) has found out that
/// it is gone. What it sends meanwhile does not keep that
/// peer alive: once an address has introduced a second peer it is
/// [disputed](Self::is_disputed), and only introductions count as signs of life
/// there.
///
/// Times are readings of a monotonic clock. Should it go back, no peer lives for
/// longer than two timeouts after that without a message.
///
/// ```
/// use netaio_core::{Limits, Peer, PeerChange, PeerTable};
/// use std::time::Duration;
///
/// let (limits, now) = (Limits::default(), Duration::ZERO);
/// let mut peers = PeerTable::new(None);
/// let alice = Peer::new("alice").with_data("at home");
/// assert_eq!(peers.announce(alice, 1, now, &limits), Ok(PeerChange::Added));
/// assert_eq!(peers.at(1).map(|peer| &peer.id[..]), Some(&b"alice"[..]));
/// // From another address alice cannot be removed.
/// assert!(peers.leave(b"alice", 2).is_none());
/// assert!(peers.leave(b"alice", 1).is_some());
/// # Ok::<(), netaio_core::PeerRefused>(())
/// ```
#[derive(Clone, Debug)]
pub struct PeerTable<A> {
    local: Option<Bytes>,
    peers: Slab<Entry<A>>,
    /// Their slots.
    by_id: HashMap<Bytes, u32>,
    by_address: Addresses<A>,
    crowds: Crowds,
    /// Peers that nothing vouches for.
    unverified: usize,
    /// Those that gave way to others, until somebody asks.
    displaced: Vec<KnownPeer<A>>,
    /// No address was last heard before this, and it is not after the last time
    /// that was given.
    oldest: Duration,
}

/// A peer, and where its first introduction came from.
#[derive(Clone, Debug)]
pub(super) struct Entry<A> {
    pub(super) peer: Peer,
    /// Where it is heard from, the first address first.
    pub(super) addresses: Vec<A>,
    origin: Origin,
    /// It was not last heard before this. Of its messages its addresses are told alone: each
    /// message comes from one, and what lies elsewhere is another access to memory.
    heard: Duration,
}

impl<A> Entry<A> {
    /// What those that were silent for longer have less of.
    fn silence(&self) -> (Duration, &Bytes) {
        (self.heard, &self.peer.id)
    }
}

impl<A: Copy + Eq + Hash> PeerTable<A> {
    /// An empty table. Introductions with the local peer's id are refused.
    #[must_use]
    pub fn new(local: Option<Bytes>) -> Self {
        Self {
            local,
            peers: Slab::new(),
            by_id: HashMap::default(),
            by_address: Addresses::new(),
            crowds: Crowds::default(),
            unverified: 0,
            displaced: Vec::new(),
            oldest: Duration::ZERO,
        }
    }

    /// Changes the places of all entries to ones that no remote knows.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        reseed(&mut self.by_id, hashes);
        self.by_address.set_hashes(hashes);
        self.crowds.set_hashes(hashes);
    }

    /// Changes the local peer's id, and removes the peer that was known by it.
    pub fn set_local(&mut self, local: Option<Bytes>) -> Option<KnownPeer<A>> {
        self.local = local;
        let id = self.local.clone()?;
        self.remove(&id)
    }

    /// Notes the time. If the clock went back, addresses were heard in what is the
    /// future to it; they count as heard now, and the first of them expires one
    /// timeout from now.
    pub(super) fn observe(&mut self, now: Duration) {
        self.oldest = self.oldest.min(now);
    }

    /// Fetches what is known of these addresses from memory.
    pub(super) fn expect(&mut self, addresses: &mut dyn Iterator<Item = A>) {
        self.by_address.expect(addresses);
    }

    /// Notes that a valid message came from an address: a sign of life of its
    /// peer, unless the address is [disputed](Self::is_disputed).
    pub fn heard(&mut self, address: A, now: Duration) {
        self.observe(now);
        let heard = self.by_address.get_expected(address);
        if let Some(heard) = heard.filter(|heard| !heard.disputed) {
            heard.last = now;
        }
    }

    /// Whether an introduction of another peer came from this address since the
    /// last one of the peer that is known there. Then messages from it may be
    /// either's, and [`heard`](Self::heard) does not count them. The known peer's
    /// next introduction ends the dispute.
    #[must_use]
    pub fn is_disputed(&self, address: A) -> bool {
        let heard = self.by_address.get(address);
        heard.is_some_and(|heard| heard.disputed)
    }

    /// Whether the peer at an address introduced itself from there through a layer with an
    /// auth plugin. Without one, anybody may have said that it is this peer. What the plugin
    /// vouches for is that one of those who have its secret made the introduction: it may be
    /// another one's of them, and a recorded one, unless a replay window stands before.
    #[must_use]
    pub fn is_vouched(&self, address: A) -> bool {
        let heard = self.by_address.get(address);
        heard.is_some_and(|heard| heard.vouched)
    }

    /// Whether something vouches for the peer at an address: an auth plugin, wherever it
    /// introduced itself from, or the application.
    pub(super) fn is_verified(&self, address: A) -> bool {
        let entry = self.entry_at(address);
        entry.is_some_and(|entry| entry.origin.verified) || self.is_vouched(address)
    }

    /// Whether a peer [is vouched for](Self::is_vouched) at one of its addresses.
    pub(super) fn is_vouched_anywhere(&self, id: &[u8]) -> bool {
        let known = self.entry(id);
        known.is_some_and(|entry| entry.addresses.iter().any(|at| self.is_vouched(*at)))
    }

    /// Takes a peer's `DISCONNECT`. From the first of its addresses it removes and
    /// returns the peer. From another of them it removes that address only, and
    /// from anywhere else nothing.
    pub fn leave(&mut self, id: &[u8], address: A) -> Option<KnownPeer<A>> {
        let known = self.entry_at(address).filter(|known| known.peer.id == id)?;
        match known.addresses.first() == Some(&address) {
            true => self.remove(id),
            false => self.remove_address(address),
        }
    }

    /// Removes a peer and its addresses.
    pub fn remove(&mut self, id: &[u8]) -> Option<KnownPeer<A>> {
        let known = self.take(id)?;
        for address in &known.addresses {
            self.by_address.remove(*address);
        }
        Some(known)
    }

    /// Takes a peer out of the table of ids.
    fn take(&mut self, id: &[u8]) -> Option<KnownPeer<A>> {
        let slot = self.by_id.remove(id)?;
        let entry = self.peers.try_remove(slot as usize)?;
        self.crowds.remove(entry.origin, 1);
        let unverified = usize::from(!entry.origin.verified);
        self.unverified = self.unverified.saturating_sub(unverified);
        let last_heard = self.last_heard(&entry);
        Some(KnownPeer {
            peer: entry.peer,
            addresses: entry.addresses,
            last_heard,
        })
    }

    /// Removes an address, as that of a connection that has ended, and returns its
    /// peer if it was the last: that is removed too.
    pub fn remove_address(&mut self, address: A) -> Option<KnownPeer<A>> {
        let Heard { peer, last, .. } = self.by_address.remove(address)?;
        let entry = self.peers.get_mut(peer as usize)?;
        entry.heard = entry.heard.max(last);
        if entry.addresses == [address] {
            let id = entry.peer.id.clone();
            return self.take(&id);
        }
        entry.addresses.retain(|other| *other != address);
        None
    }

    /// Removes the peers that were not heard for `timeout` or longer, and the
    /// addresses that others were not heard from for as long.
    pub fn remove_expired(&mut self, now: Duration, timeout: Duration) -> Expired<A> {
        let (mut peers, mut addresses, mut oldest) = (Vec::new(), Vec::new(), now);
        for (_, entry) in &mut self.peers {
            entry.heard = entry.heard.min(now);
            let all = addresses.len();
            for (index, address) in entry.addresses.iter().enumerate() {
                let last = match self.by_address.get_mut(*address) {
                    Some(heard) => {
                        // The clock went back.
                        heard.last = heard.last.min(now);
                        heard.last
                    }
                    None => Duration::ZERO,
                };
                entry.heard = entry.heard.max(last);
                match now.saturating_sub(last) >= timeout {
                    true => addresses.push((entry.peer.id.clone(), index, *address)),
                    false => oldest = oldest.min(last),
                }
            }
            if addresses.len().saturating_sub(all) == entry.addresses.len() {
                addresses.truncate(all);
                peers.push((entry.heard, entry.peer.id.clone()));
            }
        }
        self.oldest = oldest;
        // No order of a hash map leaves this crate.
        peers.sort_unstable();
        addresses.sort_unstable_by(|(a, i, _), (b, j, _)| (a, i).cmp(&(b, j)));
        let peers = peers.iter().filter_map(|(_, id)| self.remove(id)).collect();
        let addresses = addresses.into_iter().filter_map(|(id, _, address)| {
            self.remove_address(address);
            Some((address, self.get(&id)?))
        });
        let addresses = addresses.collect();
        Expired { peers, addresses }
    }

    /// Before this time [`remove_expired`](Self::remove_expired) finds nothing; at
    /// this time it may find nothing either, since this is a lower bound that takes
    /// no search. It is at most one timeout after the last time that was given.
    #[must_use]
    pub fn next_expiry(&self, timeout: Duration) -> Option<Duration> {
        (!self.by_address.is_empty()).then(|| self.oldest.saturating_add(timeout))
    }

    pub(super) fn entry(&self, id: &[u8]) -> Option<&Entry<A>> {
        self.peers.get(*self.by_id.get(id)? as usize)
    }

    pub(super) fn entry_at(&self, address: A) -> Option<&Entry<A>> {
        self.peers.get(self.by_address.get(address)?.peer as usize)
    }

    fn known(&self, entry: &Entry<A>) -> KnownPeer<A> {
        KnownPeer {
            peer: entry.peer.clone(),
            addresses: entry.addresses.clone(),
            last_heard: self.last_heard(entry),
        }
    }

    /// When a peer was last heard.
    fn last_heard(&self, entry: &Entry<A>) -> Duration {
        let heard = entry
            .addresses
            .iter()
            .filter_map(|at| self.by_address.get(*at));
        heard.fold(entry.heard, |last, heard| last.max(heard.last))
    }

    /// A copy of what is known of the peer with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<KnownPeer<A>> {
        self.entry(id).map(|entry| self.known(entry))
    }

    /// The peer at this address.
    #[must_use]
    pub fn at(&self, address: A) -> Option<&Peer> {
        self.entry_at(address).map(|entry| &entry.peer)
    }

    /// A copy of what is known of the peer at this address, and where else it is heard from.
    #[must_use]
    pub fn known_at(&self, address: A) -> Option<KnownPeer<A>> {
        self.entry_at(address).map(|entry| self.known(entry))
    }

    /// Copies of what is known of all peers, by ascending id.
    #[must_use]
    pub fn list(&self) -> Vec<KnownPeer<A>> {
        let known = self.entries().into_iter().map(|entry| self.known(entry));
        known.collect()
    }

    /// As [`list`](Self::list), of what `make` makes of each peer, its addresses, the first one
    /// first, and when it was last heard: for those who keep it in another form.
    #[must_use]
    pub fn list_as<T>(&self, mut make: impl FnMut(&Peer, &[A], Duration) -> T) -> Vec<T> {
        let entries = self.entries().into_iter();
        let made = entries.map(|it| make(&it.peer, &it.addresses, self.last_heard(it)));
        made.collect()
    }

    /// The first address of each peer, by ascending id.
    pub(crate) fn first_addresses(&self) -> Vec<A> {
        let entries = self.entries().into_iter();
        let first = entries.filter_map(|entry| entry.addresses.first().copied());
        first.collect()
    }

    fn entries(&self) -> Vec<&Entry<A>> {
        let mut entries: Vec<_> = self.peers.iter().map(|(_, entry)| entry).collect();
        entries.sort_unstable_by(|a, b| a.peer.id.cmp(&b.peer.id));
        entries
    }

    /// Number of peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}
