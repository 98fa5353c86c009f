//! Events of peers.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::peers::table::{KnownPeer, PeerRefused};
use crate::plugin::PeerError;

/// A change in the table of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent<A> {
    /// A peer was added.
    Added(KnownPeer<A>),
    /// Its data changed, or it has one more address.
    Updated(KnownPeer<A>),
    /// One of its addresses was removed. Its subscriptions are gone already where a
    /// [`Node`](crate::Node) says so; whoever uses [`Discovery`](crate::Discovery) alone
    /// removes them.
    AddressRemoved {
        /// The peer, with the addresses that are left.
        known: KnownPeer<A>,
        /// The address.
        address: A,
        /// Why.
        reason: RemovalReason,
    },
    /// It was removed. The subscriptions of all of its addresses are gone as with
    /// [`AddressRemoved`](Self::AddressRemoved).
    Removed {
        /// The peer as it was.
        known: KnownPeer<A>,
        /// Why.
        reason: RemovalReason,
    },
    /// A peer was added or changed, and its data has the public key of other peers (the 32
    /// bytes that [`PeerPlugin::key`](crate::plugin::PeerPlugin::key) finds under `pubkey`).
    /// At most one of them has the secret key as well.
    KeyShared {
        /// The peer.
        known: KnownPeer<A>,
        /// Others that announce this key, up to four.
        others: Vec<Bytes>,
    },
    /// Two nodes introduce themselves by one id: with different data, each of them since the
    /// other did; or, where it is the local peer's, for ten seconds from an address that is not
    /// [this node's](crate::Node::set_own_addresses), or with other data. Each id is told of
    /// once in ten minutes. Of these events and of refusals only the last 64 are kept.
    DuplicateId {
        /// The id.
        id: Bytes,
        /// Where the peer is heard that is known by it, first; `None` where it is the local
        /// peer's.
        known: Option<A>,
        /// Where the other one is heard.
        other: A,
    },
    /// An introduction or a `DISCONNECT` was refused, and changed no peer. An
    /// introduction may have made an address
    /// [disputed](crate::PeerTable::is_disputed), if the reason is
    /// [`AddressTaken`](PeerRefused::AddressTaken) or
    /// [`DataMismatch`](PeerRefused::DataMismatch). Of these events only the last
    /// 64 are kept.
    Refused {
        /// Where it came from.
        address: A,
        /// Why.
        reason: IntroductionError,
    },
}

/// Why a peer, or one of its addresses, was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalReason {
    /// It sent `DISCONNECT`.
    Disconnect,
    /// Nothing was heard for the timeout.
    TimedOut,
    /// Its connection ended.
    ConnectionEnded,
    /// The application removed it.
    Application,
    /// Nothing vouched for it: another peer [took its place](crate::Limits::peers), or an auth
    /// layer vouched for another that has its id or its address. Or another peer has its
    /// address, and it did not answer there when it was asked.
    Displaced,
}

/// Why an introduction or a `DISCONNECT` was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntroductionError {
    /// It names no peer.
    #[error(transparent)]
    Malformed(#[from] PeerError),
    /// The table of peers refuses it.
    #[error(transparent)]
    Refused(#[from] PeerRefused),
}

/// Events that nobody has taken yet.
///
/// Remotes make events, so they are bounded for an owner that does not take any.
/// A refusal may be lost. A change may not, or the owner's view would be wrong for
/// good: past a limit, nothing is accepted that makes such events.
#[derive(Debug)]
pub(super) struct Events<A> {
    changes: VecDeque<PeerEvent<A>>,
    refused: VecDeque<PeerEvent<A>>,
}

impl<A> Events<A> {
    /// Refusals that are kept; the oldest make room.
    const REFUSED: usize = 64;

    pub(super) const fn new() -> Self {
        Self {
            changes: VecDeque::new(),
            refused: VecDeque::new(),
        }
    }

    /// Whether `max` changes wait to be taken.
    pub(super) fn is_full(&self, max: usize) -> bool {
        self.changes.len() >= max
    }

    pub(super) fn push(&mut self, event: PeerEvent<A>) {
        let may_be_lost = matches!(
            event,
            PeerEvent::Refused { .. } | PeerEvent::DuplicateId { .. }
        );
        if !may_be_lost {
            self.changes.push_back(event);
            return;
        }
        if self.refused.len() >= Self::REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<PeerEvent<A>> {
        self.changes
            .pop_front()
            .or_else(|| self.refused.pop_front())
    }
}
