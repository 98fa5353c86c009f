//! What comes out of a datagram link.

use core::net::SocketAddr;

use bytes::Bytes;

use super::SuppressedReplies;
use crate::calls::{Call, CallId};
use crate::error::{RequestError, SendError};
use crate::events::{Refusal, Response};
use crate::message::{Message, MessageType};
use crate::options::CancelReason;
use crate::requests::RequestId;

/// Something that happened on a [`DatagramLink`](crate::DatagramLink).
///
/// A datagram makes one event at most, and one more where an answer to it was
/// suppressed. A publication makes one for each receiver that does not get it.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatagramEvent<H> {
    /// A handler is to be called with a message, and its
    /// [reply](crate::DatagramLink::reply) to be sent.
    Call {
        /// What is used up by the reply.
        call: Call,
        /// The handler.
        handler: H,
        /// The message, all layers opened. Its uri and content are slices of the
        /// datagram's buffer and keep it alive.
        message: Message,
    },
    /// A message that has no handler, where the application
    /// [takes](crate::Unrouted::Deliver) those.
    Message {
        /// The message.
        message: Message,
        /// Where it came from.
        remote: SocketAddr,
    },
    /// A request has its answer, which may be an error message.
    Answered {
        /// Which request.
        request: RequestId,
        /// The answer.
        answer: Response,
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
    /// An answer or a notification was not sent, or a handler not called: the budget for
    /// those who have not shown that they receive at their address is spent. Nothing needs to
    /// be done about it.
    Suppressed {
        /// Whom it was for.
        remote: SocketAddr,
    },
    /// A publication was not sent to one of its receivers: it cannot be sealed for it. Or a
    /// datagram that is no request was not sent, as the system
    /// [refused](crate::DatagramLink::send_failed) it.
    NotSent {
        /// Whom it was for.
        remote: SocketAddr,
        /// Why.
        error: SendError,
    },
    /// A message was lost: as many handlers run as may, and too many messages wait for
    /// one.
    Lost {
        /// Where it came from.
        remote: SocketAddr,
    },
    /// A message has no handler: its sender got netaio's answer, where its type [wants
    /// one](MessageType::is_request). Nothing needs to be done about it.
    Unrouted {
        /// Where it came from.
        remote: SocketAddr,
        /// Its type.
        message_type: MessageType,
        /// Its uri, a slice of the receive buffer.
        uri: Bytes,
    },
    /// A [`Call`] was dropped without a reply: an error of the application's. The asker
    /// got an `ERROR`.
    Unanswered {
        /// Where the request came from.
        remote: SocketAddr,
        /// The type of the request.
        request: MessageType,
        /// The uri of the request.
        uri: Bytes,
    },
    /// Nobody waits for the answer of a call in flight any more: stop its handler, and drop
    /// the [`Call`].
    Cancelled {
        /// [Which](Call::id) call.
        call: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// A subscription of this node's may be gone: its [lease](crate::Lease) has run out, since
    /// its renewals are not answered, or the server refuses them. It is told once; further
    /// renewals are sent, and the first that is confirmed subscribes this node again.
    Lapsed {
        /// The server.
        remote: SocketAddr,
        /// What it was subscribed to.
        uri: Bytes,
    },
    /// A subscription of which [`Lapsed`](Self::Lapsed) has told is there again: a renewal is
    /// confirmed. What the server notified of meanwhile may be missing.
    Resubscribed {
        /// The server.
        remote: SocketAddr,
        /// What this node is subscribed to.
        uri: Bytes,
    },
    /// The link was [drained](crate::DatagramLink::drain): the last event, with no
    /// datagram to be sent behind it.
    Closed,
}

/// What happens besides messages and answers, until it is polled.
#[derive(Debug)]
pub(super) enum Notice {
    Failed {
        request: RequestId,
        error: RequestError,
    },
    Refused {
        remote: SocketAddr,
        refusal: Refusal,
    },
    Suppressed {
        remote: SocketAddr,
    },
    NotSent {
        remote: SocketAddr,
        error: SendError,
    },
    Lapsed {
        remote: SocketAddr,
        uri: Bytes,
    },
    Resubscribed {
        remote: SocketAddr,
        uri: Bytes,
    },
    Cancelled {
        call: CallId,
        reason: CancelReason,
    },
    Closed,
}

impl<H> From<Notice> for DatagramEvent<H> {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Failed { request, error } => Self::Failed { request, error },
            Notice::Refused { remote, refusal } => Self::Refused { remote, refusal },
            Notice::Suppressed { remote } => Self::Suppressed { remote },
            Notice::NotSent { remote, error } => Self::NotSent { remote, error },
            Notice::Lapsed { remote, uri } => Self::Lapsed { remote, uri },
            Notice::Resubscribed { remote, uri } => Self::Resubscribed { remote, uri },
            Notice::Cancelled { call, reason } => Self::Cancelled { call, reason },
            Notice::Closed => Self::Closed,
        }
    }
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
    /// Datagrams that the system [refused](crate::DatagramLink::send_failed) to send.
    pub not_sent: u64,
    /// Requests that the network [could not deliver](crate::DatagramLink::undelivered).
    pub undelivered: u64,
    /// Messages lost since too many waited for a handler.
    pub lost: u64,
    /// Notifications that were not sent here, as those say who sent the next ones; see
    /// [`Gap`](crate::Gap).
    pub lost_notifications: u64,
    /// Answers that the node makes by itself that were not sent, for want of a budget.
    pub suppressed: SuppressedReplies,
    /// Requests for which no handler was called, and answers of handlers and notifications
    /// that were not sent, since [`Limits::unvalidated_burst`](crate::Limits::unvalidated_burst)
    /// was spent.
    pub unvalidated: u64,
}
