//! The table of peers.

mod announce;
mod outcome;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;

pub use self::outcome::{Expired, KnownPeer, PeerChange, PeerRefused};

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
    by_id: HashMap<Bytes, Entry<A>>,
    by_address: HashMap<A, Heard>,
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
struct Entry<A> {
    known: KnownPeer<A>,
    origin: Origin,
}

/// The peer at an address.
#[derive(Clone, Debug)]
struct Heard {
    id: Bytes,
    /// When the last message came from here that counts as a sign of life.
    last: Duration,
    /// An introduction of another peer came from here since the last one of this.
    disputed: bool,
    /// An auth layer vouched for the peer's introduction from here.
    vouched: bool,
}

impl<A: Copy + Eq + Hash> PeerTable<A> {
    /// An empty table. Introductions with the local peer's id are refused.
    #[must_use]
    pub fn new(local: Option<Bytes>) -> Self {
        Self {
            local,
            by_id: HashMap::default(),
            by_address: HashMap::default(),
            crowds: Crowds::default(),
            unverified: 0,
            displaced: Vec::new(),
            oldest: Duration::ZERO,
        }
    }

    /// Changes the places of all entries to ones that no remote knows.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        reseed(&mut self.by_id, hashes);
        reseed(&mut self.by_address, hashes);
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

    /// Notes that a valid message came from an address: a sign of life of its
    /// peer, unless the address is [disputed](Self::is_disputed).
    pub fn heard(&mut self, address: A, now: Duration) {
        self.observe(now);
        let heard = self.by_address.get_mut(&address);
        if let Some(heard) = heard.filter(|heard| !heard.disputed) {
            heard.last = now;
            if let Some(entry) = self.by_id.get_mut(&heard.id) {
                entry.known.last_heard = now;
            }
        }
    }

    /// Whether an introduction of another peer came from this address since the
    /// last one of the peer that is known there. Then messages from it may be
    /// either's, and [`heard`](Self::heard) does not count them. The known peer's
    /// next introduction ends the dispute.
    #[must_use]
    pub fn is_disputed(&self, address: A) -> bool {
        let heard = self.by_address.get(&address);
        heard.is_some_and(|heard| heard.disputed)
    }

    /// Whether the peer at an address introduced itself from there through a layer with an
    /// auth plugin. Without one, anybody may have said that it is this peer. What the plugin
    /// vouches for is that one of those who have its secret made the introduction: it may be
    /// another one's of them, and a recorded one, unless a replay window stands before.
    #[must_use]
    pub fn is_vouched(&self, address: A) -> bool {
        let heard = self.by_address.get(&address);
        heard.is_some_and(|heard| heard.vouched)
    }

    /// Whether something vouches for the peer at an address: an auth plugin, wherever it
    /// introduced itself from, or the application.
    pub(super) fn is_verified(&self, address: A) -> bool {
        let heard = self.by_address.get(&address);
        let entry = heard.and_then(|heard| self.by_id.get(&heard.id));
        entry.is_some_and(|entry| entry.origin.verified) || self.is_vouched(address)
    }

    /// Whether a peer [is vouched for](Self::is_vouched) at one of its addresses.
    pub(super) fn is_vouched_anywhere(&self, id: &[u8]) -> bool {
        let known = self.by_id.get(id);
        known.is_some_and(|entry| entry.known.addresses.iter().any(|at| self.is_vouched(*at)))
    }

    /// Takes a peer's `DISCONNECT`. From the first of its addresses it removes and
    /// returns the peer. From another of them it removes that address only, and
    /// from anywhere else nothing.
    pub fn leave(&mut self, id: &[u8], address: A) -> Option<KnownPeer<A>> {
        if self
            .by_address
            .get(&address)
            .is_none_or(|heard| heard.id != id)
        {
            return None;
        }
        match self.get(id)?.addresses.first() == Some(&address) {
            true => self.remove(id),
            false => self.remove_address(address),
        }
    }

    /// Removes a peer and its addresses.
    pub fn remove(&mut self, id: &[u8]) -> Option<KnownPeer<A>> {
        let known = self.take(id)?;
        for address in &known.addresses {
            self.by_address.remove(address);
        }
        Some(known)
    }

    /// Takes a peer out of the table of ids.
    fn take(&mut self, id: &[u8]) -> Option<KnownPeer<A>> {
        let Entry { known, origin } = self.by_id.remove(id)?;
        self.crowds.remove(origin, 1);
        let unverified = usize::from(!origin.verified);
        self.unverified = self.unverified.saturating_sub(unverified);
        Some(known)
    }

    /// Removes an address, as that of a connection that has ended, and returns its
    /// peer if it was the last: that is removed too.
    pub fn remove_address(&mut self, address: A) -> Option<KnownPeer<A>> {
        let id = self.by_address.remove(&address)?.id;
        let Entry { known, .. } = self.by_id.get_mut(&id)?;
        if known.addresses == [address] {
            return self.take(&id);
        }
        known.addresses.retain(|other| *other != address);
        None
    }

    /// Removes the peers that were not heard for `timeout` or longer, and the
    /// addresses that others were not heard from for as long.
    pub fn remove_expired(&mut self, now: Duration, timeout: Duration) -> Expired<A> {
        let (mut peers, mut addresses, mut oldest) = (Vec::new(), Vec::new(), now);
        for Entry { known, .. } in self.by_id.values_mut() {
            known.last_heard = known.last_heard.min(now);
            let all = addresses.len();
            for (index, address) in known.addresses.iter().enumerate() {
                let last = match self.by_address.get_mut(address) {
                    Some(heard) => {
                        // The clock went back.
                        heard.last = heard.last.min(now);
                        heard.last
                    }
                    None => Duration::ZERO,
                };
                match now.saturating_sub(last) >= timeout {
                    true => addresses.push((known.peer.id.clone(), index, *address)),
                    false => oldest = oldest.min(last),
                }
            }
            if addresses.len().saturating_sub(all) == known.addresses.len() {
                addresses.truncate(all);
                peers.push((known.last_heard, known.peer.id.clone()));
            }
        }
        self.oldest = oldest;
        // No order of a hash map leaves this crate.
        peers.sort_unstable();
        addresses.sort_unstable_by(|(a, i, _), (b, j, _)| (a, i).cmp(&(b, j)));
        let peers = peers.iter().filter_map(|(_, id)| self.remove(id)).collect();
        let addresses = addresses.into_iter().filter_map(|(id, _, address)| {
            self.remove_address(address);
            Some((address, self.get(&id)?.clone()))
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

    /// The peer with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&KnownPeer<A>> {
        self.by_id.get(id).map(|entry| &entry.known)
    }

    /// The peer at this address.
    #[must_use]
    pub fn at(&self, address: A) -> Option<&Peer> {
        self.known_at(address).map(|known| &known.peer)
    }

    /// The peer at this address, and where else it is heard from.
    #[must_use]
    pub fn known_at(&self, address: A) -> Option<&KnownPeer<A>> {
        let heard = self.by_address.get(&address)?;
        self.get(&heard.id)
    }

    /// All peers, by ascending id.
    #[must_use]
    pub fn list(&self) -> Vec<&KnownPeer<A>> {
        let peers = self.by_id.values().map(|entry| &entry.known);
        let mut peers: Vec<_> = peers.collect();
        peers.sort_unstable_by(|a, b| a.peer.id.cmp(&b.peer.id));
        peers
    }

    /// Number of peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
