//! Who is taken in, and who gives way.

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;

use super::addresses::Addresses;
use super::{Entry, Heard, KnownPeer, PeerChange, PeerRefused, PeerTable};
use crate::limits::Limits;
use crate::network::{Network, Origin};
use crate::plugin::Peer;

impl<A: Copy + Eq + Hash> PeerTable<A> {
    /// Takes a peer's introduction of itself, and says what it changed. Nothing vouches for
    /// it, and where it comes from does not count; for the rest as
    /// [`announce_from`](Self::announce_from).
    ///
    /// # Errors
    /// As [`announce_from`](Self::announce_from).
    pub fn announce(
        &mut self,
        peer: Peer,
        address: A,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        self.announce_from(peer, address, Origin::default(), now, limits)
    }

    /// Takes a peer's introduction of itself, and says what it changed.
    ///
    /// A known peer may change its data from the first of its addresses only.
    /// From any other the introduction has to be the same as before: introductions
    /// are public, and whoever repeats one may be somebody else.
    ///
    /// # Errors
    /// It is refused, and no peer, data or address has changed. One thing may have:
    /// if another peer is known at this address, the address is now
    /// [disputed](Self::is_disputed).
    pub fn announce_from(
        &mut self,
        peer: Peer,
        address: A,
        origin: Origin,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        let id = peer.id.clone();
        let known = self.entry(&id);
        let announced = match known {
            Some(known) if known.addresses.first() != Some(&address) && known.peer != peer => {
                Err(PeerRefused::DataMismatch)
            }
            _ => self.update_from(peer, address, origin, now, limits),
        };
        if announced.is_ok()
            && origin.verified
            && let Some(heard) = self.by_address.get_mut(address)
        {
            heard.vouched = true;
        }
        if let Err(PeerRefused::DataMismatch | PeerRefused::AddressTaken) = announced
            && self.at(address).is_some_and(|known| known.id != id)
            && let Some(heard) = self.by_address.get_mut(address)
        {
            heard.disputed = true;
        }
        announced
    }

    /// Adds a peer, or an address to a peer, or changes its data, on the word of
    /// the application, which counts at any address.
    ///
    /// # Errors
    /// It is refused, and nothing has changed. Where the address is another
    /// peer's, [`remove_address`](Self::remove_address) makes it free.
    pub fn update(
        &mut self,
        peer: Peer,
        address: A,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        let origin = Origin {
            network: None,
            verified: true,
        };
        self.update_from(peer, address, origin, now, limits)
    }

    fn update_from(
        &mut self,
        peer: Peer,
        address: A,
        origin: Origin,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        self.observe(now);
        if peer.id.is_empty() {
            return Err(PeerRefused::NoId);
        }
        if self.local.as_ref() == Some(&peer.id) {
            return Err(PeerRefused::Local);
        }
        let len = peer.data.as_ref().map_or(0, Bytes::len).max(peer.id.len());
        let max = limits.peer_data();
        if len > max {
            return Err(PeerRefused::TooMuchData { len, max });
        }
        if self.at(address).is_some_and(|known| known.id != peer.id) {
            return Err(PeerRefused::AddressTaken);
        }
        let vouched = self.is_vouched(address);
        let slot = self.by_id.get(&peer.id).copied();
        let entry = slot.and_then(|slot| Some((slot, self.peers.get_mut(slot as usize)?)));
        let (slot, change) = match entry {
            Some((slot, known)) => {
                let here = known.addresses.contains(&address);
                let same = known.peer == peer;
                if !here {
                    let max = limits.peer_addresses();
                    if known.addresses.len() >= max {
                        return Err(PeerRefused::TooManyAddresses { max });
                    }
                    known.addresses.push(address);
                }
                if !same {
                    known.peer = peer.into_owned();
                }
                known.heard = now;
                if origin.verified && !known.origin.verified {
                    self.crowds.shrink(known.origin, 1);
                    self.unverified = self.unverified.saturating_sub(1);
                    known.origin.verified = true;
                }
                let change = match here && same {
                    true => PeerChange::Unchanged,
                    false => PeerChange::Updated,
                };
                (slot, change)
            }
            None => {
                self.make_room(origin, limits)?;
                let slot = self.next_slot()?;
                let peer = peer.into_owned();
                let id = peer.id.clone();
                let entry = Entry {
                    peer,
                    addresses: alloc::vec![address],
                    origin,
                    heard: now,
                };
                self.crowds.add(origin, 1);
                let unverified = usize::from(!origin.verified);
                self.unverified = self.unverified.saturating_add(unverified);
                self.peers.insert(entry);
                self.by_id.insert(id, slot);
                (slot, PeerChange::Added)
            }
        };
        if self.by_address.is_empty() {
            self.oldest = now;
        }
        let mut heard = Heard::new(address, slot, now);
        heard.vouched = vouched;
        self.by_address.insert(heard);
        Ok(change)
    }

    /// As many as have slots.
    const MOST: usize = u32::MAX as usize;

    /// The slot that the next peer gets.
    fn next_slot(&self) -> Result<u32, PeerRefused> {
        let slot = u32::try_from(self.peers.vacant_key());
        slot.map_err(|_| PeerRefused::TooMany { max: Self::MOST })
    }

    /// Sees that there is room for one more peer: where there is none, one that nothing
    /// vouches for makes room, if it has to.
    fn make_room(&mut self, newcomer: Origin, limits: &Limits) -> Result<(), PeerRefused> {
        if let Some(max) = limits.peers_per_address()
            && self.crowds.entries(newcomer.network) >= max
        {
            return Err(PeerRefused::TooManyOfAddress { max });
        }
        let max = limits.peers().min(Self::MOST);
        if self.peers.len() < max {
            return Ok(());
        }
        let full = PeerRefused::TooMany { max };
        let network = match newcomer.verified {
            true if self.unverified > 0 => None,
            true => return Err(full),
            false => Some(self.crowds.crowded(newcomer, 1, max).ok_or(full)?),
        };
        let id = self.most_silent(network).map(|entry| entry.peer.id.clone());
        let known = id.and_then(|id| self.remove(&id)).ok_or(full)?;
        self.displaced.push(known);
        Ok(())
    }

    /// The peer that was silent for the longest time of those that nothing vouches for, of one
    /// network or of all.
    fn most_silent(&mut self, network: Option<Network>) -> Option<&Entry<A>> {
        let may_go = |entry: &Entry<A>| {
            let origin = entry.origin;
            !origin.verified && (network.is_none() || origin.network == network)
        };
        // Of each it is known that it was not last heard before some time. Where the first by that was
        // not heard since, as in a crowd that is silent, no other's addresses are looked up.
        let mut first: Option<(usize, (Duration, &Bytes))> = None;
        for (slot, entry) in &self.peers {
            let silence = entry.silence();
            if first.is_none_or(|(_, least)| silence < least) && may_go(entry) {
                first = Some((slot, silence));
            }
        }
        let (first, _) = first?;
        if let Some(entry) = self.peers.get_mut(first)
            && !renew(entry, &self.by_address)
        {
            return self.peers.get(first);
        }
        let mut silent: Option<&Entry<A>> = None;
        for (_, entry) in &mut self.peers {
            if !may_go(entry) || silent.is_some_and(|silent| entry.silence() > silent.silence()) {
                continue;
            }
            renew(entry, &self.by_address);
            if silent.is_none_or(|silent| entry.silence() < silent.silence()) {
                silent = Some(entry);
            }
        }
        silent
    }

    /// The peers that gave way to others since the last call.
    pub fn take_displaced(&mut self) -> Vec<KnownPeer<A>> {
        core::mem::take(&mut self.displaced)
    }
}

/// Notes when a peer was heard since that was noted last; says whether it was.
fn renew<A: Copy + Eq + Hash>(entry: &mut Entry<A>, by_address: &Addresses<A>) -> bool {
    let heard = entry.addresses.iter().filter_map(|at| by_address.get(*at));
    let last = heard.map(|heard| heard.last).max();
    let later = last.filter(|last| *last > entry.heard);
    entry.heard = later.unwrap_or(entry.heard);
    later.is_some()
}
