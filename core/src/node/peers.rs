//! Who is there.

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
    by_address: HashMap<A, Bytes>,
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

/// Why an announcement was refused.
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
        }
    }

    /// Takes an announcement, and says what it changed.
    ///
    /// A known peer may change its data from the first of its addresses only: at
    /// any other it has to be as it is known, for introductions are public, and
    /// whoever repeats one may be somebody else.
    ///
    /// # Errors
    /// It is refused, and nothing has changed.
    pub fn announce(
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
        if self
            .by_address
            .get(&address)
            .is_some_and(|id| *id != peer.id)
        {
            return Err(PeerRefused::AddressTaken);
        }
        match self.by_id.get_mut(&peer.id) {
            Some(known) => {
                let here = known.addresses.contains(&address);
                let same = known.peer == peer;
                if !same && known.addresses.first() != Some(&address) {
                    return Err(PeerRefused::NotItself);
                }
                if !here {
                    let max = limits.peer_addresses();
                    if known.addresses.len() >= max {
                        return Err(PeerRefused::TooManyAddresses { max });
                    }
                    known.addresses.push(address);
                    self.by_address.insert(address, peer.id.clone());
                }
                known.peer = peer;
                known.last_heard = now;
                Ok(match here && same {
                    true => PeerChange::Same,
                    false => PeerChange::Changed,
                })
            }
            None => {
                let max = limits.peers();
                if self.by_id.len() >= max {
                    return Err(PeerRefused::TooMany { max });
                }
                self.by_address.insert(address, peer.id.clone());
                let known = Known {
                    addresses: alloc::vec![address],
                    last_heard: now,
                    peer,
                };
                self.by_id.insert(known.peer.id.clone(), known);
                Ok(PeerChange::Came)
            }
        }
    }

    /// Notes that a valid message came from an address.
    pub fn heard(&mut self, address: A, now: Duration) {
        if let Some(known) = self
            .by_address
            .get(&address)
            .and_then(|id| self.by_id.get_mut(id))
        {
            known.last_heard = now;
        }
    }

    /// Removes a peer that takes its leave from the first of its addresses. From
    /// another of them it leaves that one only, and anybody else's word for it
    /// counts nothing.
    pub fn leave(&mut self, id: &[u8], address: A) -> Option<Known<A>> {
        if self
            .by_address
            .get(&address)
            .is_none_or(|known| known != id)
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
        let id = self.by_address.remove(&address)?;
        let known = self.by_id.get_mut(&id)?;
        known.addresses.retain(|other| *other != address);
        match known.addresses.is_empty() {
            true => self.by_id.remove(&id),
            false => None,
        }
    }

    /// Removes the peers that were not heard for longer than `timeout`, the
    /// longest silent first.
    pub fn remove_silent(&mut self, now: Duration, timeout: Duration) -> Vec<Known<A>> {
        let silent = |known: &Known<A>| now.saturating_sub(known.last_heard) > timeout;
        let mut ids: Vec<_> = self
            .by_id
            .values()
            .filter(|known| silent(known))
            .map(|known| (known.last_heard, known.peer.id.clone()))
            .collect();
        // No order of a hash map leaves this crate.
        ids.sort_unstable();
        ids.iter().filter_map(|(_, id)| self.remove(id)).collect()
    }

    /// The peer with this id.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<&Known<A>> {
        self.by_id.get(id)
    }

    /// The peer at this address.
    #[must_use]
    pub fn at(&self, address: A) -> Option<&Peer> {
        let id = self.by_address.get(&address)?;
        self.by_id.get(id).map(|known| &known.peer)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(id: &'static str, data: &'static str) -> Peer {
        Peer::new(id).with_data(data)
    }

    fn announce(peers: &mut Peers<u8>, peer: Peer, at: u8) -> Result<PeerChange, PeerRefused> {
        let limits = Limits::default()
            .with_peers(3)
            .and_then(|limits| limits.with_peer_data(10))
            .unwrap();
        peers.announce(peer, at, SECOND, &limits)
    }

    #[test]
    fn peers_come_change_and_go() {
        let mut peers = Peers::new(None);
        assert_eq!(
            announce(&mut peers, peer("a", "1"), 1),
            Ok(PeerChange::Came)
        );
        assert_eq!(
            announce(&mut peers, peer("a", "1"), 1),
            Ok(PeerChange::Same)
        );
        assert_eq!(
            announce(&mut peers, peer("a", "2"), 1),
            Ok(PeerChange::Changed)
        );
        assert_eq!(
            announce(&mut peers, peer("a", "2"), 2),
            Ok(PeerChange::Changed)
        );
        assert_eq!(peers.get(b"a").unwrap().addresses, [1, 2]);
        assert_eq!(peers.remove_address(1), None);
        assert_eq!((peers.at(1), peers.at(2)), (None, Some(&peer("a", "2"))));
        assert_eq!(peers.remove_address(2).unwrap().peer, peer("a", "2"));
        assert!(peers.is_empty() && peers.by_address.is_empty());
    }

    #[test]
    fn nobody_speaks_for_another() {
        let mut peers = Peers::new(Some("me".into()));
        announce(&mut peers, peer("a", "1"), 1).unwrap();
        assert_eq!(
            announce(&mut peers, peer("a", "2"), 2),
            Err(PeerRefused::NotItself)
        );
        assert_eq!(
            announce(&mut peers, peer("b", "1"), 1),
            Err(PeerRefused::AddressTaken)
        );
        assert_eq!(
            announce(&mut peers, peer("me", "1"), 3),
            Err(PeerRefused::Local)
        );
        assert_eq!(
            announce(&mut peers, Peer::new(""), 3),
            Err(PeerRefused::NoId)
        );
        assert!(peers.leave(b"a", 2).is_none() && peers.leave(b"b", 1).is_none());
        // Nor does one who has repeated what it said.
        assert_eq!(
            announce(&mut peers, peer("a", "1"), 2),
            Ok(PeerChange::Changed)
        );
        assert_eq!(
            announce(&mut peers, peer("a", "2"), 2),
            Err(PeerRefused::NotItself)
        );
        assert!(peers.leave(b"a", 2).is_none());
        assert_eq!(peers.get(b"a").unwrap().addresses, [1]);
        assert_eq!(peers.get(b"a").unwrap().peer, peer("a", "1"));
        assert_eq!(peers.leave(b"a", 1).unwrap().addresses, [1]);
    }

    #[test]
    fn the_table_is_bounded_and_never_gives_a_live_peer_up() {
        let mut peers = Peers::new(None);
        let long = peer("a", "eleven byte");
        assert_eq!(
            announce(&mut peers, long, 1),
            Err(PeerRefused::TooMuchData { len: 11, max: 10 })
        );
        for (id, at) in [("a", 1), ("b", 2), ("c", 3)] {
            announce(&mut peers, peer(id, ""), at).unwrap();
        }
        assert_eq!(
            announce(&mut peers, peer("d", ""), 4),
            Err(PeerRefused::TooMany { max: 3 })
        );
        for at in [4, 5, 6] {
            announce(&mut peers, peer("a", ""), at).unwrap();
        }
        let too_many = Err(PeerRefused::TooManyAddresses { max: 4 });
        assert_eq!(announce(&mut peers, peer("a", ""), 7), too_many);
        assert_eq!((peers.len(), peers.by_address.len()), (3, 6));
    }

    #[test]
    fn silence_ends_a_peer_and_any_message_is_life() {
        let limits = Limits::default();
        let mut peers = Peers::new(None);
        for (id, at) in [("b", 2u8), ("a", 1), ("c", 3)] {
            peers
                .announce(peer(id, ""), at, SECOND * u32::from(at), &limits)
                .unwrap();
        }
        peers.heard(1, SECOND * 50);
        peers.heard(9, SECOND * 50);
        let gone = peers.remove_silent(SECOND * 64, SECOND * 60);
        let ids: Vec<_> = gone.iter().map(|known| &known.peer.id[..]).collect();
        assert_eq!(ids, [b"b", b"c"]);
        let left: Vec<_> = peers
            .list()
            .iter()
            .map(|known| known.peer.id.clone())
            .collect();
        assert_eq!(left, ["a"]);
        assert!(peers.remove_silent(SECOND * 110, SECOND * 60).is_empty());
    }
}
