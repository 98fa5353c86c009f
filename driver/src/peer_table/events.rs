//! What happens to peers, as a stream.

use std::net::SocketAddr;
use std::time::Instant;

use netaio_core::{GoneReason, IntroductionError, Peer};

use crate::clock::Time;
use crate::events::Events;
use crate::remote_id::RemoteId;

/// A peer that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPeer {
    /// What it says of itself.
    pub peer: Peer,
    /// Where it is heard from, the first address first. A connection without
    /// addresses has none here.
    pub addresses: Vec<SocketAddr>,
    /// When it was last heard. Over a connection, when it introduced itself: it
    /// lives as long as the connection does.
    pub last_heard: Instant,
}

impl KnownPeer {
    pub(crate) fn new(known: &netaio_core::Known<RemoteId>, time: &Time) -> Self {
        let addresses = known.addresses.iter();
        Self {
            peer: known.peer.clone(),
            addresses: addresses.filter_map(|place| place.address()).collect(),
            last_heard: time.instant(known.last_heard),
        }
    }
}

/// What happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// It is new.
    Came(KnownPeer),
    /// Its data changed, or it has one more address.
    Changed(KnownPeer),
    /// It is heard from one of its addresses no more.
    AddressGone {
        /// The peer, with the addresses that are left.
        peer: KnownPeer,
        /// The address; none where a connection without one ended.
        address: Option<SocketAddr>,
        /// Why.
        why: GoneReason,
    },
    /// It is known no more.
    Gone {
        /// The peer as it was.
        peer: KnownPeer,
        /// Why.
        why: GoneReason,
    },
    /// What somebody said about a peer was refused.
    Refused {
        /// Where it came from, if that has an address.
        address: Option<SocketAddr>,
        /// Why.
        why: IntroductionError,
    },
}

impl PeerEvent {
    /// What the core says; what it may say besides one day is left out.
    pub(super) fn from_core(event: &netaio_core::PeerEvent<RemoteId>, time: &Time) -> Option<Self> {
        use netaio_core::PeerEvent::{AddressGone, Came, Changed, Gone, Refused};
        Some(match event {
            Came(known) => Self::Came(KnownPeer::new(known, time)),
            Changed(known) => Self::Changed(KnownPeer::new(known, time)),
            AddressGone {
                known,
                address,
                why,
            } => Self::AddressGone {
                peer: KnownPeer::new(known, time),
                address: address.address(),
                why: *why,
            },
            Gone { known, why } => Self::Gone {
                peer: KnownPeer::new(known, time),
                why: *why,
            },
            Refused { address, why } => Self::Refused {
                address: address.address(),
                why: why.clone(),
            },
            _ => return None,
        })
    }
}

/// A stream of what happens to peers. It ends when their node is gone.
pub type PeerEvents = Events<PeerEvent>;
