//! What comes out of links, whatever they lead over.

use core::fmt;
use core::time::Duration;

use crate::error::{FrameErrorKind, OpenError};
use crate::message::{Message, MessageType};
use crate::requests::RequestId;

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
    pub(crate) fn count(&mut self, len: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len as u64);
    }
}

/// A message that ended a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The message; look at its type, since errors are answers too.
    pub message: Message,
    /// Whether it passed the layers that it had to: `false` marks an error that nothing proves where
    /// it came from. netaio does not seal those of a failed check at all, and with no inner
    /// layer those that name no uri: of a request with an inner layer they are taken, and unverified
    /// unless the outer layer has an auth plugin.
    ///
    /// Such an error ends requests of links that were [connected](crate::Hub::connect)
    /// only. Over datagrams, whose sender is easily forged, and on links that were
    /// accepted it is [refused](Refusal::Open), and the request times out.
    pub verified: bool,
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

/// In words, such as `REQUEST_URI: auth check failed: the MAC does not match`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(kind) => kind.fmt(f),
            Self::Open {
                message_type,
                error,
            } => write!(f, "{message_type}: {error}"),
            Self::Answer { error, .. } => write!(f, "an answer: {error}"),
            Self::Unawaited { message_type } => {
                write!(f, "{message_type}: no request waits for it")
            }
        }
    }
}

/// When a machine wants to be polled, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The reading of the monotonic clock at which it is due.
    pub at: Duration,
    /// What is due then.
    pub reason: DeadlineReason,
}

/// What a [`Deadline`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadlineReason {
    /// There is more to do at once: the last turn ended at
    /// [`Limits::frames_per_turn`](crate::Limits::frames_per_turn), or a write has made
    /// room.
    Turn,
    /// A request times out.
    Request,
    /// A frame was begun and not ended.
    Frame,
    /// The first valid message has not come.
    Auth,
    /// Nothing has come for a while.
    Idle,
    /// Nothing was taken of what was handed out to be written.
    Write,
    /// More than [`Limits::backlog`](crate::Limits::backlog) waits to be written.
    Backlog,
    /// A peer may have fallen silent, an advertisement is due, or a lease has run out.
    Peers,
    /// A handler has run for as long as it [may](crate::CallOptions::with_timeout).
    Handler,
    /// A subscription of this node's is to be renewed.
    Renewal,
    /// The link ends: handlers that run, bytes that are not written, or a remote that
    /// goes on sending are waited for no longer.
    End,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::error::AuthFailure;

    #[test]
    fn refusals_are_words() {
        let error = OpenError::Auth(AuthFailure::Mismatch);
        let request = RequestId { serial: 1, slot: 0 };
        let message_type = MessageType::OK;
        for (refusal, text) in [
            (
                Refusal::Frame(FrameErrorKind::UnknownType(200)),
                "unknown message type 200; register custom types before receiving them",
            ),
            (
                Refusal::Open {
                    message_type,
                    error,
                },
                "OK: auth check failed: the MAC does not match",
            ),
            (
                Refusal::Answer { request, error },
                "an answer: auth check failed: the MAC does not match",
            ),
            (
                Refusal::Unawaited { message_type },
                "OK: no request waits for it",
            ),
        ] {
            assert_eq!(refusal.to_string(), text);
        }
    }
}
