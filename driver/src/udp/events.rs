//! What happens at a UDP node.

use std::net::SocketAddr;

use netaio_core::Refusal;

use super::UdpNode;
use crate::events::Events;
use crate::runtime::Runtime;

/// What happened at a UDP node. Whose address a datagram bears is whose its
/// sender says.
///
/// What happens to peers is told by [`Peers::events`](crate::Peers::events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpEvent {
    /// A datagram was refused: it holds no frame, its checksum is wrong, it did not
    /// pass a layer, or it answers nothing that waits.
    Refused {
        /// Where it came from.
        remote: SocketAddr,
        /// Why.
        why: Refusal,
    },
    /// An answer was not sent: the budget for those who have proved nothing is
    /// spent ([`Limits::unverified_replies`](netaio_core::Limits::unverified_replies)).
    Suppressed {
        /// Whom it was for.
        remote: SocketAddr,
    },
    /// A message was lost: as many handlers run as may, and too many messages
    /// wait for one.
    Lost {
        /// Where it came from.
        remote: SocketAddr,
    },
}

/// A stream of what happens at a UDP node. It ends with the node.
pub type UdpEvents = Events<UdpEvent>;

impl<R: Runtime> UdpNode<R> {
    /// What is refused, suppressed or lost from now on, datagram by datagram: for
    /// an application that bans senders, say. Who does not take the events loses
    /// the oldest when some thousand wait; [`counters`](Self::counters) tells the
    /// numbers at any time.
    #[must_use]
    pub fn events(&self) -> UdpEvents {
        self.shared.events.listen()
    }
}
