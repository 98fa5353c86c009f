//! Events of peers, as a stream.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use netaio_core::{IntroductionError, Peer, Place, RemovalReason};

use crate::clock::Time;
use crate::events::{EventBytes, Events};

/// A known peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPeer {
    /// Its id and data.
    pub peer: Peer,
    /// Its addresses, the oldest first. A connection without addresses has none.
    pub addresses: Vec<SocketAddr>,
    /// The time of its last message. Over a connection, that of its introduction: it is
    /// known until the connection ends.
    pub last_heard: Instant,
}

impl KnownPeer {
    pub(crate) fn new(known: &netaio_core::KnownPeer<Place>, time: &Time) -> Self {
        Self::of(&known.peer, &known.addresses, known.last_heard, time)
    }

    pub(crate) fn of(peer: &Peer, places: &[Place], last_heard: Duration, time: &Time) -> Self {
        let addresses = places.iter().filter_map(|place| place.address());
        Self {
            peer: peer.clone(),
            addresses: addresses.collect(),
            last_heard: time.instant(last_heard),
        }
    }

    /// Bytes that it keeps in memory: its id, data and addresses.
    fn bytes(&self) -> usize {
        let data = self.peer.data.as_ref().map_or(0, |data| data.len());
        let addresses = self.addresses.len().saturating_mul(size_of::<SocketAddr>());
        let id = self.peer.id.len();
        id.saturating_add(data).saturating_add(addresses)
    }
}

/// An event of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// A peer was added.
    Added(KnownPeer),
    /// Its data changed, or it has one more address.
    Updated(KnownPeer),
    /// One of its addresses was removed.
    AddressRemoved {
        /// The peer, with the addresses that are left.
        peer: KnownPeer,
        /// The address; none where a connection without one ended.
        address: Option<SocketAddr>,
        /// Why.
        reason: RemovalReason,
    },
    /// It was removed.
    Removed {
        /// The peer as it was.
        peer: KnownPeer,
        /// Why.
        reason: RemovalReason,
    },
    /// A peer was added or changed, and announces the public key of other peers: at most one
    /// of them has the secret key as well.
    KeyShared {
        /// The peer.
        peer: KnownPeer,
        /// The ids of others that announce it, up to four.
        others: Vec<Bytes>,
    },
    /// Two nodes introduce themselves by one id, with different data or, where it is this
    /// node's own, from elsewhere. Each id is told of once in ten minutes.
    DuplicateId {
        /// The id.
        id: Bytes,
        /// Where the peer is heard that is known by it; `None` where it is this node's own, or
        /// its connection has no address.
        known: Option<SocketAddr>,
        /// Where the other one is heard, if that has an address.
        other: Option<SocketAddr>,
    },
    /// A message of a remote about a peer was refused.
    Refused {
        /// Where it came from, if that has an address.
        address: Option<SocketAddr>,
        /// Why.
        reason: IntroductionError,
    },
    /// So many events that came before this one were lost, as they were not taken in time.
    EventsLost {
        /// How many.
        count: u64,
    },
}

impl PeerEvent {
    /// The event of the core; `None` for kinds of events that are not known here.
    pub(crate) fn from_core(event: &netaio_core::PeerEvent<Place>, time: &Time) -> Option<Self> {
        use netaio_core::PeerEvent::{
            Added, AddressRemoved, DuplicateId, KeyShared, Refused, Removed, Updated,
        };
        Some(match event {
            Added(known) => Self::Added(KnownPeer::new(known, time)),
            Updated(known) => Self::Updated(KnownPeer::new(known, time)),
            AddressRemoved {
                known,
                address,
                reason,
            } => Self::AddressRemoved {
                peer: KnownPeer::new(known, time),
                address: address.address(),
                reason: *reason,
            },
            Removed { known, reason } => Self::Removed {
                peer: KnownPeer::new(known, time),
                reason: *reason,
            },
            KeyShared { known, others } => Self::KeyShared {
                peer: KnownPeer::new(known, time),
                others: others.clone(),
            },
            DuplicateId { id, known, other } => Self::DuplicateId {
                id: id.clone(),
                known: known.and_then(|place| place.address()),
                other: other.address(),
            },
            Refused { address, reason } => Self::Refused {
                address: address.address(),
                reason: reason.clone(),
            },
            _ => return None,
        })
    }
}

impl EventBytes for PeerEvent {
    fn event_bytes(&self) -> usize {
        match self {
            Self::Added(peer)
            | Self::Updated(peer)
            | Self::AddressRemoved { peer, .. }
            | Self::Removed { peer, .. } => peer.bytes(),
            Self::KeyShared { peer, others } => {
                let others = others.iter().map(Bytes::len);
                others.fold(peer.bytes(), usize::saturating_add)
            }
            Self::DuplicateId { id, .. } => id.len(),
            Self::Refused { .. } | Self::EventsLost { .. } => 0,
        }
    }

    fn lost(count: u64) -> Option<Self> {
        Some(Self::EventsLost { count })
    }
}

/// A stream of events of peers. It ends with their server, client or node.
pub type PeerEvents = Events<PeerEvent>;
