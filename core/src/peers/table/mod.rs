//! Who is there.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::limits::Limits;
use crate::plugin::Peer;

/// The known peers, by their ids and by the addresses that they are heard from.
///
/// An address is whatever tells senders apart: a socket address for datagrams,
/// the number of a connection for streams. It belongs to one peer at a time. The
/// table is the only authority: whoever is not in it is no peer, and it never
/// gives a peer that is alive up for a new one.
///
/// A node that starts anew at an address where another was known before has to
/// wait until that one falls silent. What it sends meanwhile keeps nobody alive:
/// once an address has introduced a second peer, only introductions count as
/// life there.
///
/// ```
/// use netaio_core::{Limits, Peer, PeerChange, Peers};
/// use std::time::Duration;
///
/// let (limits, now) = (Limits::default(), Duration::ZERO);
/// let mut peers = Peers::new(None);
/// let alice = Peer::new("alice").with_data("at home");
/// assert_eq!(peers.announce(alice, 1, now, &limits), Ok(PeerChange::Came));
/// assert_eq!(peers.at(1).map(|peer| &peer.id[..]), Some(&b"alice"[..]));
/// // A stranger cannot send alice away.
/// assert!(peers.leave(b"alice", 2).is_none());
/// assert!(peers.leave(b"alice", 1).is_some());
/// # Ok::<(), netaio_core::PeerRefused>(())
/// ```
#[derive(Clone, Debug)]
pub struct Peers<A> {
    local: Option<Bytes>,
    by_id: HashMap<Bytes, Known<A>>,
    by_address: HashMap<A, Heard>,
    /// No address was last heard before this.
    oldest: Duration,
}

/// Who is heard from an address.
#[derive(Clone, Debug)]
struct Heard {
    id: Bytes,
    last: Duration,
    /// Somebody else has introduced itself from here since.
    disputed: bool,
}

/// A peer, and where it is heard from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<A> {
    /// What it says of itself.
    pub peer: Peer,
    /// Where it is heard from, the first address first.
    pub addresses: Vec<A>,
    /// When its last valid message came, a reading of the monotonic clock.
    pub last_heard: Duration,
}

/// Who was not heard any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent<A> {
    /// The peers that were removed, the longest silent first.
    pub peers: Vec<Known<A>>,
    /// The addresses that were removed, each with its peer, which is heard from
    /// others still.
    pub addresses: Vec<(A, Known<A>)>,
}

/// What an announcement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerChange {
    /// It is new.
    Came,
    /// Its data or its addresses changed.
    Changed,
    /// Nothing but the time it was last heard.
    Same,
}

/// Why an announcement, or a leave, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerRefused {
    /// It has the local peer's own id.
    #[error("the local peer's own id")]
    Local,
    /// It has no id.
    #[error("a peer without an id")]
    NoId,
    /// Its data is longer than [`Limits::peer_data`].
    #[error("peer data of {len} bytes; at most {max} are kept")]
    TooMuchData {
        /// Length of the data, in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Another peer is heard from this address, and has not left it.
    #[error("another peer is heard from this address")]
    AddressTaken,
    /// The peer is heard from [`Limits::peer_addresses`] already.
    #[error("the peer is heard from {max} addresses already")]
    TooManyAddresses {
        /// The limit.
        max: usize,
    },
    /// It is known with other data, and not at this address first.
    #[error("the peer is known with other data, at another address")]
    NotItself,
    /// It takes its leave from an address where it is not heard.
    #[error("the peer is known, but not at this address")]
    NotHere,
    /// The connection that leads to it has ended, or is none of this node's.
    #[error("its connection has ended, or is another node's")]
    NotConnected,
    /// There are [`Limits::peers`] already.
    #[error("{max} peers are known already")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

impl<A: Copy + Eq + Hash> Peers<A> {
    /// An empty table. Announcements with the local peer's id will be refused.
    #[must_use]
    pub fn new(local: Option<Bytes>) -> Self {
        Self {
            local,
            by_id: HashMap::new(),
            by_address: HashMap::new(),
            oldest: Duration::ZERO,
        }
    }

    /// Changes the local peer's id, and removes the peer that was known by it.
    pub fn set_local(&mut self, local: Option<Bytes>) -> Option<Known<A>> {
        self.local = local;
        let id = self.local.clone()?;
        self.remove(&id)
    }

    /// Takes an announcement, and says what it changed.
    ///
    /// A known peer may change its data from the first of its addresses only: at
    /// any other it has to be as it is known, for introductions are public, and
    /// whoever repeats one may be somebody else.
    ///
    /// # Errors
    /// It is refused. No peer has changed.
    pub fn announce(
        &mut self,
        peer: Peer,
        address: A,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        let known = self.by_id.get(&peer.id);
        if known
            .is_some_and(|known| known.addresses.first() != Some(&address) && known.peer != peer)
        {
            self.dispute(&peer.id, address);
            return Err(PeerRefused::NotItself);
        }
        self.update(peer, address, now, limits)
    }

    /// Adds a peer, or an address to a peer, or changes its data, on the word of
    /// the application, which counts at any address.
    ///
    /// # Errors
    /// It is refused. No peer has changed.
    pub fn update(
        &mut self,
        peer: Peer,
        address: A,
        now: Duration,
        limits: &Limits,
    ) -> Result<PeerChange, PeerRefused> {
        if peer.id.is_empty() {
            return Err(PeerRefused::NoId);
        }
        if self.local.as_ref() == Some(&peer.id) {
            return Err(PeerRefused::Local);
        }
        let (len, max) = (peer.data.as_ref().map_or(0, Bytes::len), limits.peer_data());
        if len > max || peer.id.len() > max {
            return Err(PeerRefused::TooMuchData {
                len: len.max(peer.id.len()),
                max,
            });
        }
        if self.dispute(&peer.id, address) {
            return Err(PeerRefused::AddressTaken);
        }
        let change = match self.by_id.get_mut(&peer.id) {
            Some(known) => {
                let here = known.addresses.contains(&address);
                let same = known.peer == peer;
                if !here {
                    let max = limits.peer_addresses();
                    if known.addresses.len() >= max {
                        return Err(PeerRefused::TooManyAddresses { max });
                    }
                    known.addresses.push(address);
                }
                known.peer = peer.clone();
                known.last_heard = now;
                match here && same {
                    true => PeerChange::Same,
                    false => PeerChange::Changed,
                }
            }
            None => {
                let max = limits.peers();
                if self.by_id.len() >= max {
                    return Err(PeerRefused::TooMany { max });
                }
                let known = Known {
                    addresses: alloc::vec![address],
                    last_heard: now,
                    peer: peer.clone(),
                };
                self.by_id.insert(peer.id.clone(), known);
                PeerChange::Came
            }
        };
        if self.by_address.is_empty() {
            self.oldest = now;
        }
        let heard = Heard {
            id: peer.id,
            last: now,
            disputed: false,
        };
        self.by_address.insert(address, heard);
        self.oldest = self.oldest.min(now);
        Ok(change)
    }

    /// Whether an address is another peer's. Then it is not sure from now on
    /// that what comes from there is that peer's.
    fn dispute(&mut self, id: &[u8], address: A) -> bool {
        let heard = self.by_address.get_mut(&address);
        heard.filter(|heard| heard.id != id).is_some_and(|heard| {
            heard.disputed = true;
            true
        })
    }

    /// Notes that a valid message came from an address.
    pub fn heard(&mut self, address: A, now: Duration) {
        let heard = self.by_address.get_mut(&address);
        if let Some(heard) = heard.filter(|heard| !heard.disputed) {
            heard.last = now;
            if let Some(known) = self.by_id.get_mut(&heard.id) {
                known.last_heard = now;
            }
        }
    }

    /// Removes a peer that takes its leave from the first of its addresses. From
    /// another of them it leaves that one only, and anybody else's word for it
    /// counts nothing.
    pub fn leave(&mut self, id: &[u8], address: A) -> Option<Known<A>> {
        if self
            .by_address
            .get(&address)
            .is_none_or(|heard| heard.id != id)
        {
            return None;
        }
        match self.by_id.get(id)?.addresses.first() == Some(&address) {
            true => self.remove(id),
            false => self.remove_address(address),
        }
    }

    /// Removes a peer and its addresses.
    pub fn remove(&mut self, id: &[u8]) -> Option<Known<A>> {
        let known = self.by_id.remove(id)?;
        for address in &known.addresses {
            self.by_address.remove(address);
        }
        Some(known)
    }

    /// Forgets an address that is no more, as that of a connection that has
    /// ended, and returns its peer if that was heard from nowhere else.
    pub fn remove_address(&mut self, address: A) -> Option<Known<A>> {
        let id = self.by_address.remove(&address)?.id;
        let known = self.by_id.get_mut(&id)?;
        if known.addresses == [address] {
            return self.by_id.remove(&id);
        }
        known.addresses.retain(|other| *other != address);
        None
    }

    /// Removes the peers that were not heard for `timeout` or longer, and the
    /// addresses that others were not heard from for as long.
    pub fn remove_silent(&mut self, now: Duration, timeout: Duration) -> Silent<A> {
        let (mut peers, mut addresses, mut oldest) = (Vec::new(), Vec::new(), now);
        for known in self.by_id.values() {
            let all = addresses.len();
            for (index, address) in known.addresses.iter().enumerate() {
                let heard = self.by_address.get(address);
                let last = heard.map_or(Duration::ZERO, |heard| heard.last);
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
            Some((address, self.by_id.get(&id)?.clone()))
        });
        let addresses = addresses.collect();
        Silent { peers, addresses }
    }

    /// Before this time [`remove_silent`](Self::remove_silent) finds nothing. It
    /// is found without a look through the table: at this time there may be
    /// nothing either.
    #[must_use]
    pub fn first_silence(&self, timeout: Duration) -> Option<Duration> {
        (!self.by_address.is_empty()).then(|| self.oldest.saturating_add(timeout))
    }

    /// The peer with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&Known<A>> {
        self.by_id.get(id)
    }

    /// The peer at this address.
    #[must_use]
    pub fn at(&self, address: A) -> Option<&Peer> {
        self.known_at(address).map(|known| &known.peer)
    }

    /// The peer at this address, and where else it is heard from.
    #[must_use]
    pub fn known_at(&self, address: A) -> Option<&Known<A>> {
        let heard = self.by_address.get(&address)?;
        self.by_id.get(&heard.id)
    }

    /// All peers, by ascending id.
    #[must_use]
    pub fn list(&self) -> Vec<&Known<A>> {
        let mut peers: Vec<_> = self.by_id.values().collect();
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
