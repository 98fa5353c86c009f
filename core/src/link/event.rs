//! What comes out of a link.

use bytes::Bytes;

use crate::calls::{Call, CallId};
use crate::error::{CloseReason, RequestError};
use crate::events::{Dropped, Refusal, Response};
use crate::message::{Message, MessageType};
use crate::options::CancelReason;
use crate::requests::RequestId;

/// Something that happened on a link.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkEvent<H> {
    /// A handler is to be called with a message, and its [reply](super::Link::reply) to
    /// be sent.
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
    Message(Message),
    /// A request has its answer, which may be an error message.
    Answered {
        /// Which request.
        request: RequestId,
        /// The answer.
        answer: Response,
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
    /// The remote reads too slowly, and was not sent everything: see
    /// [`Limits::slow_consumer`](crate::Limits::slow_consumer).
    Dropped(Dropped),
    /// A message has no handler: its sender got netaio's answer, where its type [wants
    /// one](MessageType::is_request). Nothing needs to be done about it.
    Unrouted {
        /// Its type.
        message_type: MessageType,
        /// Its uri, a slice of the receive buffer.
        uri: Bytes,
    },
    /// A [`Call`] was dropped without a reply: an error of the application's. The asker
    /// got an `ERROR`.
    Unanswered {
        /// The type of the request.
        request: MessageType,
        /// The uri of the request.
        uri: Bytes,
    },
    /// Nobody waits for the answer of a call in flight any more: stop its handler, and drop
    /// the [`Call`]. It may come behind [`Closed`](Self::Closed).
    Cancelled {
        /// [Which](Call::id) call.
        call: CallId,
        /// Why.
        reason: CancelReason,
    },
    /// Nothing more is received, while calls are in flight or messages wait: the remote has
    /// ended its sending side ([`CloseReason::Remote`]) or closed the connection, which looks
    /// the same; or the link ends for another reason. Its subscriptions and its peer are gone.
    /// What was asked for is still answered, within
    /// [`Limits::shutdown_grace`](crate::Limits::shutdown_grace).
    HalfClosed(CloseReason),
    /// All bytes are written, and there will be no more: shut the sending side of the
    /// transport down (`shutdown(2)`, TLS's `close_notify`), and go on reading while it
    /// is [wanted](super::Link::wants_read), or what was written last may be lost on its
    /// way.
    Shutdown,
    /// The link is closed, and so much that was queued was not written: its time was over, the
    /// transport has failed, or the link was aborted. [`Closed`](Self::Closed) follows. What a
    /// [slow consumer](CloseReason::SlowConsumer) is not sent is in its reason.
    Unwritten {
        /// In bytes.
        bytes: usize,
    },
    /// The link is closed. Close the transport. It is the last event, unless calls are
    /// [in flight](super::Link::calls_in_flight): keep the link then, and poll it as ever,
    /// until they have ended. Their handlers run on unless they are
    /// [cancelled](Self::Cancelled), and their replies are refused. Where it is not kept, or is
    /// dropped without this event, it is to be [let go](super::Link::let_go) before.
    Closed(CloseReason),
}

/// What happens besides messages and answers, until it is polled.
#[derive(Debug)]
pub(super) enum Notice {
    Failed {
        request: RequestId,
        error: RequestError,
    },
    Refused(Refusal),
    Cancelled {
        call: CallId,
        reason: CancelReason,
    },
    HalfClosed(CloseReason),
    Shutdown,
    Unwritten {
        bytes: usize,
    },
    Closed(CloseReason),
}

impl<H> From<Notice> for LinkEvent<H> {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Failed { request, error } => Self::Failed { request, error },
            Notice::Refused(refusal) => Self::Refused(refusal),
            Notice::Cancelled { call, reason } => Self::Cancelled { call, reason },
            Notice::HalfClosed(reason) => Self::HalfClosed(reason),
            Notice::Shutdown => Self::Shutdown,
            Notice::Unwritten { bytes } => Self::Unwritten { bytes },
            Notice::Closed(reason) => Self::Closed(reason),
        }
    }
}
