//! What comes out of hubs.

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::calls::{Call, CallId};
use crate::error::{CloseReason, RequestError, SendError};
use crate::events::{Dropped, Refusal, Response};
use crate::message::{Message, MessageType};
use crate::options::CancelReason;
use crate::peers::PeerEvent;
use crate::place::{LinkId, Place};
use crate::requests::RequestId;

/// What a [`Hub`](crate::Hub) wants done, or says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output<'a, H> {
    /// Call this handler, and [reply](crate::Hub::reply) with what it returns, now or
    /// later.
    Call {
        /// What is used up by the reply.
        call: Call,
        /// The handler.
        handler: H,
        /// The message, all layers opened. Its uri and content are slices of the
        /// receive buffer and keep it alive.
        message: Message,
    },
    /// A message that has no handler, where the application
    /// [takes](crate::Unrouted::Deliver) those.
    Message {
        /// The link that it came by.
        link: LinkId,
        /// The message.
        message: Message,
    },
    /// A request has its answer, which may be an error message.
    Answered {
        /// The link of the request.
        link: LinkId,
        /// Which request of the link's.
        request: RequestId,
        /// The answer.
        answer: Response,
    },
    /// A request ended without an answer.
    Failed {
        /// The link of the request.
        link: LinkId,
        /// Which request of the link's.
        request: RequestId,
        /// Why.
        error: RequestError,
    },
    /// Nobody waits for the answer of a call any more: stop its handler, and drop the
    /// [`Call`]. Its link may be closed already.
    Cancelled {
        /// The link of the call.
        link: LinkId,
        /// [Which](Call::id) call of the link's.
        call: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// Write as many of these bytes as the transport takes, and say so with
    /// [`Hub::written`](crate::Hub::written): the rest comes again. `Hub::write_to` does
    /// both, for the standard library's writers.
    Write {
        /// The link to write to.
        link: LinkId,
        /// The bytes: one at least.
        bytes: &'a [u8],
    },
    /// All bytes are written, and there will be no more: shut the sending side of the
    /// transport down, and go on reading while it is [wanted](crate::Hub::wants_read).
    Shutdown {
        /// The link.
        link: LinkId,
    },
    /// The link is closed, the last of it: close the transport. Nothing is lost by that:
    /// what was received was answered, and the answers were written, as far as there was
    /// time and the reason allows.
    Close {
        /// The link, which is gone.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
    /// Something to know; nothing needs to be done about it.
    Event(HubEvent),
}

/// What an application may want to know of a [`Hub`](crate::Hub).
#[derive(Debug)]
#[non_exhaustive]
pub enum HubEvent {
    /// A message was refused.
    Refused {
        /// The link that it came by.
        link: LinkId,
        /// Why.
        refusal: Refusal,
    },
    /// A remote reads too slowly, and was not sent everything.
    Dropped {
        /// The link.
        link: LinkId,
        /// What was dropped.
        dropped: Dropped,
    },
    /// A link is closed, and not all that was queued was written: see
    /// [`LinkEvent::Unwritten`](crate::LinkEvent::Unwritten).
    Unwritten {
        /// The link.
        link: LinkId,
        /// In bytes.
        bytes: usize,
    },
    /// Nothing more is received by a link, while handlers run or messages wait for theirs: see
    /// [`LinkEvent::HalfClosed`](crate::LinkEvent::HalfClosed).
    HalfClosed {
        /// The link.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
    /// A message has no handler: its sender got netaio's answer, where its type [wants
    /// one](MessageType::is_request). Nothing needs to be done about it.
    Unrouted {
        /// The link that it came by.
        link: LinkId,
        /// Its type.
        message_type: MessageType,
        /// Its uri, a slice of the receive buffer.
        uri: Bytes,
    },
    /// A [`Call`] was dropped without a reply: an error of the application's. The asker
    /// got an `ERROR`.
    Unanswered {
        /// The link that the request came by.
        link: LinkId,
        /// The type of the request.
        request: MessageType,
        /// The uri of the request.
        uri: Bytes,
    },
    /// A peer came, changed or went.
    Peer(PeerEvent<Place>),
}

/// What a [`DatagramHub`](crate::DatagramHub) wants done, or says.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatagramOutput<'a, H> {
    /// Call this handler, and [reply](crate::DatagramHub::reply) with what it returns,
    /// now or later.
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
    /// Nobody waits for the answer of a call any more: stop its handler, and drop the
    /// [`Call`].
    Cancelled {
        /// [Which](Call::id) call.
        call: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// Send this datagram. A socket that takes none now says so with
    /// [`DatagramHub::not_sent`](crate::DatagramHub::not_sent), one that refuses it with
    /// [`DatagramHub::send_failed`](crate::DatagramHub::send_failed).
    Transmit {
        /// Where to: an address, or the group.
        to: SocketAddr,
        /// The address of this node that it is to leave from, on a socket with several; see
        /// [`DatagramHub::receive_at`](crate::DatagramHub::receive_at).
        from: Option<IpAddr>,
        /// The datagram.
        bytes: &'a [u8],
    },
    /// The hub was [drained](crate::DatagramHub::drain): the last output. Datagrams that
    /// the socket had not taken by the end of the grace are dropped.
    Closed,
    /// Something to know; nothing needs to be done about it.
    Event(DatagramHubEvent),
}

/// What an application may want to know of a [`DatagramHub`](crate::DatagramHub).
#[derive(Debug)]
#[non_exhaustive]
pub enum DatagramHubEvent {
    /// A datagram was refused.
    Refused {
        /// Where it came from, if that is true.
        remote: SocketAddr,
        /// Why.
        refusal: Refusal,
    },
    /// An answer or a notification was not sent, or a handler not called: the budget for
    /// those who have not shown that they receive at their address is spent.
    Suppressed {
        /// Whom it was for.
        remote: SocketAddr,
    },
    /// A publication was not sent to one of its receivers: it cannot be sealed for it. Or the
    /// system [refused](crate::DatagramHub::send_failed) to send a datagram that is no request.
    NotSent {
        /// Whom it was for.
        remote: SocketAddr,
        /// Why.
        error: SendError,
    },
    /// A subscription of this node's may be gone: see
    /// [`DatagramEvent::Lapsed`](crate::DatagramEvent::Lapsed).
    Lapsed {
        /// The server.
        remote: SocketAddr,
        /// What it was subscribed to.
        uri: Bytes,
    },
    /// It is there again: see
    /// [`DatagramEvent::Resubscribed`](crate::DatagramEvent::Resubscribed).
    Resubscribed {
        /// The server.
        remote: SocketAddr,
        /// What it is subscribed to.
        uri: Bytes,
    },
    /// A message was lost: too many wait for a handler.
    Lost {
        /// Where it came from.
        remote: SocketAddr,
    },
    /// An address that nothing vouched for gave way to others with all its subscriptions:
    /// there are as many as may be ([`Limits::subscribers`](crate::Limits::subscribers)).
    Unsubscribed {
        /// The address.
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
    /// A peer came, changed or went.
    Peer(PeerEvent<Place>),
}
