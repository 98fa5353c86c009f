//! What comes out of a datagram link.

use core::net::SocketAddr;

use super::SuppressedReplies;
use crate::error::RequestError;
use crate::events::{Answer, Inbound, Refusal};
use crate::requests::RequestId;

/// Something that happened on a [`DatagramLink`](crate::DatagramLink).
#[derive(Debug)]
#[non_exhaustive]
pub enum DatagramEvent {
    /// A message passed the outer layer and answers no request: route it, with
    /// [`DatagramLink::dispatch`](crate::DatagramLink::dispatch) or by hand.
    Message(Inbound),
    /// A request has its answer, which may be an error message.
    Answered {
        /// Which request.
        request: RequestId,
        /// The answer.
        answer: Answer,
        /// Where it came from.
        remote: SocketAddr,
    },
    /// A request ended without an answer.
    Failed {
        /// Which request.
        request: RequestId,
        /// Why.
        error: RequestError,
    },
    /// A datagram was refused. Nothing needs to be done about it.
    Refused {
        /// Where it came from, if that is true.
        remote: SocketAddr,
        /// Why.
        refusal: Refusal,
    },
    /// An answer was not sent: the budget for those who have proved nothing is
    /// spent. Nothing needs to be done about it.
    Suppressed {
        /// Whom it was for.
        remote: SocketAddr,
    },
}

/// What a datagram link has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramCounters {
    /// Datagrams received.
    pub received: u64,
    /// Those that held no frame, or one with a bad checksum.
    pub malformed: u64,
    /// Those that did not pass a layer.
    pub refused: u64,
    /// Answers that were not sent, for want of a budget.
    pub suppressed: SuppressedReplies,
}
