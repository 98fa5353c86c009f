//! The events of a UDP node.

use std::net::SocketAddr;

use bytes::Bytes;
use netaio_core::{Refusal, SendError};

use crate::error::TaskPanicked;
use crate::events::{EventBytes, Events};

/// An event of a UDP node. The address of a sender may be forged. The events of peers
/// are in [`Peers::events`](crate::Peers::events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpEvent {
    /// A datagram was refused: it holds no frame, its checksum is wrong, it did not
    /// pass a layer, or it answers no pending request.
    Refused {
        /// Where it came from.
        remote: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// An answer or a notification was not sent, or a handler not called: a budget for those
    /// who have not shown that they receive at their address is spent
    /// ([`Limits::unverified_replies`](netaio_core::Limits::unverified_replies),
    /// [`Limits::unvalidated_burst`](netaio_core::Limits::unvalidated_burst)).
    Suppressed {
        /// The receiver.
        remote: SocketAddr,
    },
    /// A datagram was not sent that is no request: the system refuses, since there is no route
    /// to the address, say; or a notification cannot be sealed for it. A request that is not
    /// sent [fails](crate::RequestError::NotSent).
    NotSent {
        /// Where it was to go.
        remote: SocketAddr,
        /// Why.
        error: SendError,
    },
    /// An address that nothing vouched for has lost its subscriptions to others: there are as
    /// many as may be ([`Limits::subscribers`](netaio_core::Limits::subscribers)).
    Unsubscribed {
        /// The address.
        remote: SocketAddr,
    },
    /// Notifications were not sent here: who sent them says so in the one that came next
    /// ([`Gap`](netaio_core::Gap)).
    Gap {
        /// The sender.
        remote: SocketAddr,
        /// How many.
        lost: u64,
    },
    /// A subscription of this node's may be gone: its
    /// [lease](netaio_core::Lease) has run out, since its renewals are not answered, or the
    /// server refuses them. It is told once, and renewed on: the first renewal that is confirmed
    /// subscribes this node again.
    Lapsed {
        /// The server.
        remote: SocketAddr,
        /// What this node was subscribed to.
        uri: Bytes,
    },
    /// It is there again: a renewal is confirmed. What the server notified of meanwhile may be
    /// missing.
    Resubscribed {
        /// The server.
        remote: SocketAddr,
        /// What this node is subscribed to.
        uri: Bytes,
    },
    /// Notifications were dropped, as a [`Subscription`](crate::Subscription) is not read fast
    /// enough: the first ones since that one said so.
    Lagged {
        /// The server of the first one.
        remote: SocketAddr,
    },
    /// A message was dropped: as many handlers run as may, and too many messages wait
    /// for one.
    Lost {
        /// Where it came from.
        remote: SocketAddr,
    },
    /// The groups were joined: anew, since the interfaces of this machine have changed or
    /// multicasts were lost, or at last, where they could not be joined before.
    GroupJoined,
    /// The node is no longer in its groups, as the interface where they were joined is gone:
    /// nothing is received from them until they are [joined](Self::GroupJoined) again. It is told once, and
    /// tried every five seconds.
    GroupLost {
        /// What the system says.
        reason: String,
    },
    /// The node has ended, as something panicked that the application plugged in: the last
    /// event. See [`UdpNode::ended`](crate::UdpNode::ended).
    Panicked(TaskPanicked),
    /// So many events that came before this one were lost, as they were not taken in time.
    EventsLost {
        /// How many.
        count: u64,
    },
}

impl EventBytes for UdpEvent {
    fn event_bytes(&self) -> usize {
        match self {
            Self::Panicked(panicked) => panicked.what.len(),
            Self::Lapsed { uri, .. } | Self::Resubscribed { uri, .. } => uri.len(),
            Self::GroupLost { reason } => reason.len(),
            _ => 0,
        }
    }

    fn lost(count: u64) -> Option<Self> {
        Some(Self::EventsLost { count })
    }
}

/// The stream of events of a UDP node. It ends with the node.
pub type UdpEvents = Events<UdpEvent>;
