//! What the table of peers returns.

use alloc::vec::Vec;
use core::time::Duration;

use crate::plugin::Peer;

/// A peer, and where it is heard from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPeer<A> {
    /// Its id and data, as it introduced itself.
    pub peer: Peer,
    /// Where it is heard from, the first address first.
    pub addresses: Vec<A>,
    /// When its last valid message came, a reading of the monotonic clock.
    pub last_heard: Duration,
}

/// Peers and addresses that were removed since nothing was heard from them for
/// the timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired<A> {
    /// The peers that were removed, by the time they were last heard.
    pub peers: Vec<KnownPeer<A>>,
    /// The addresses that were removed of peers that are still heard from others,
    /// each with its peer as it is then.
    pub addresses: Vec<(A, KnownPeer<A>)>,
}

/// What an introduction changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerChange {
    /// The peer was not in the table before.
    Added,
    /// Its data changed, or it has one more address.
    Updated,
    /// Nothing but the time it was last heard.
    Unchanged,
}

/// Why an introduction, or a `DISCONNECT`, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerRefused {
    /// It has the local peer's own id.
    #[error("the local peer's own id")]
    Local,
    /// It has no id.
    #[error("a peer without an id")]
    NoId,
    /// Its id or its data is longer than [`Limits::peer_data`](crate::Limits).
    #[error("a peer with {len} bytes of id or data; at most {max} are kept")]
    TooMuchData {
        /// Length of the longer of both, in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// There are [`Limits::peers_per_address`](crate::Limits) from this network already.
    #[error("{max} peers from this address already")]
    TooManyOfAddress {
        /// The limit.
        max: usize,
    },
    /// An auth layer has vouched for the peer of this id, and none for this message.
    #[error("a peer that was vouched for, in a message that passed no auth layer")]
    NotVouched,
    /// Another peer is heard from this address, and has not left it.
    #[error("another peer is heard from this address")]
    AddressTaken,
    /// The peer is heard from [`Limits::peer_addresses`](crate::Limits) already.
    #[error("the peer is heard from {max} addresses already")]
    TooManyAddresses {
        /// The limit.
        max: usize,
    },
    /// The peer is known with other data, which it can change from the first of
    /// its addresses only.
    #[error("the peer is known with other data, and not at this address first")]
    DataMismatch,
    /// A `DISCONNECT` from an address where the peer is not heard.
    #[error("the peer is known, but not at this address")]
    NotAtAddress,
    /// The connection that leads to it has ended, or is none of this node's.
    #[error("its connection has ended, or is another node's")]
    NotConnected,
    /// There are [`Limits::peers`](crate::Limits) already.
    #[error("{max} peers are known already")]
    TooMany {
        /// The limit.
        max: usize,
    },
}
