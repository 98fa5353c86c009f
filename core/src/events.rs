//! What comes out of a link.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use crate::error::{CloseReason, FrameErrorKind, OpenError, RequestError};
use crate::frame::SealedMessage;
use crate::message::{Message, MessageType};
use crate::plugin::Layer;
use crate::requests::RequestId;

/// Something that happened on a link.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message passed the outer layer and answers no request: route it, with
    /// [`Link::dispatch`](crate::Link::dispatch) or by hand.
    Message(Inbound),
    /// A request has its answer, which may be an error message.
    Answered {
        /// Which request.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A request ended without an answer.
    Failed {
        /// Which request.
        request: RequestId,
        /// Why.
        error: RequestError,
    },
    /// A message was refused. Nothing needs to be done about it.
    Refused(Refusal),
    /// The remote reads too slowly, and was not told everything: see
    /// [`Limits::slow_consumer`](crate::Limits::slow_consumer).
    Dropped(Dropped),
    /// The link is closed: the last event. Write what is left, and close the
    /// transport.
    Closed(CloseReason),
}

/// Messages that were dropped before they were written, since the last event of
/// its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// How many.
    pub messages: u64,
    /// Their lengths in bytes, summed up.
    pub bytes: u64,
}

impl Dropped {
    pub(crate) fn count(&mut self, frame: &[u8]) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(frame.len() as u64);
    }
}

/// A message that ended a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message; look at its type, since errors are answers too.
    pub message: Message,
    /// Whether it passed the link's outer layer. `false` marks an error that
    /// the remote could not seal, as netaio's are when a check fails: nothing
    /// proves where it came from.
    pub verified: bool,
}

/// A received message that passed the outer layer. Its handler's inner layer,
/// known once it is routed, may still hide the content.
#[derive(Debug)]
pub struct Inbound {
    pub(crate) sealed: SealedMessage,
    pub(crate) remote: Option<SocketAddr>,
}

impl Inbound {
    /// The message type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.sealed.message_type()
    }

    /// The uri.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        self.sealed.uri()
    }

    /// Where it came from, if the link was given an address.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }
}

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its frame did not hold (on a stream: its checksum).
    Frame(FrameErrorKind),
    /// It did not pass a layer.
    Open {
        /// Its type, which nothing vouches for.
        message_type: MessageType,
        /// Why.
        error: OpenError,
    },
    /// It would have answered a request, but did not pass the request's inner
    /// layer. The request goes on waiting.
    Answer {
        /// The request.
        request: RequestId,
        /// Why.
        error: OpenError,
    },
    /// It answers a request that was given up, or carries the id of one that waits
    /// no more, or of none: it is late, or came twice. It passed the outer layer.
    Unawaited {
        /// Its type.
        message_type: MessageType,
    },
}

/// Whom a reply goes to, and how it is sealed. Dropping it sends nothing.
#[derive(Clone, Debug)]
pub struct ReplyToken {
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) request: MessageType,
    pub(crate) uri: Bytes,
    pub(crate) inner: Layer,
    pub(crate) verified: bool,
    /// The correlation id of the request, packed; empty if it has none.
    pub(crate) id: Bytes,
}

impl ReplyToken {
    /// Where the request came from.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// The type of the request.
    #[must_use]
    pub fn request_type(&self) -> MessageType {
        self.request
    }

    /// The uri of the request, which its answer names again.
    #[must_use]
    pub fn uri(&self) -> &Bytes {
        &self.uri
    }

    /// Whether the request has a correlation id, which the reply repeats: it may
    /// be sent out of turn.
    #[must_use]
    pub fn is_correlated(&self) -> bool {
        !self.id.is_empty()
    }

    /// Whether an auth plugin vouched for the request.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }
}

/// When a link wants to be told the time, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The reading of the monotonic clock at which
    /// [`Link::handle_timeout`](crate::Link::handle_timeout) is due.
    pub at: Duration,
    /// What happens then.
    pub reason: DeadlineReason,
}

/// What a [`Deadline`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineReason {
    /// A request times out.
    Request,
    /// A frame was begun and not ended.
    Frame,
    /// The first valid message has not come.
    Auth,
    /// Nothing has come for a while.
    Idle,
    /// More than [`Limits::backlog`](crate::Limits::backlog) waits to be written.
    Backlog,
}
