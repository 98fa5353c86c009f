//! What can go wrong, and whose fault it is.
//!
//! The type says where something went wrong: [`SealError`] is the caller's
//! (a message that cannot be sent as asked), [`FrameError`] and [`OpenError`]
//! are the remote's (bytes that are no message, or a message that does not
//! hold), [`RequestError`] is how a request ends without an answer.

mod open;

use core::time::Duration;

use bytes::Bytes;

use crate::packify::{DecodeError, EncodeError};
use crate::printable::Printable;

pub use open::{AuthFailure, DecryptFailure, FieldRole, OpenError, ReplayRefusal};

/// Bytes from the remote that are no frame.
///
/// On a stream nothing behind such bytes can be trusted, so the connection is
/// closed; a datagram is dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame at byte {offset}: {kind}")]
pub struct FrameError {
    /// Where the frame starts, in bytes from the start of the stream.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: FrameErrorKind,
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// Nobody registered this message type.
    #[error("unknown message type {0}; register custom types before receiving them")]
    UnknownType(u8),
    /// The auth section is longer than [`Limits::auth_section`](crate::Limits).
    #[error("auth section of {len} bytes; at most {max} are accepted")]
    AuthTooLong {
        /// The length that the header announces, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The body section is longer than [`Limits::body`](crate::Limits).
    #[error("body section of {len} bytes; at most {max} are accepted")]
    BodyTooLong {
        /// The length that the header announces, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The auth section is no packify value, or one past the limits.
    #[error("auth section is not packify: {0}")]
    AuthNotPackify(DecodeError),
    /// The auth section is a packify value, but no dict.
    #[error("auth section is not a dict")]
    AuthNotADict,
    /// The body section has no room for the length of its uri.
    #[error("body section of {len} bytes has no room for the uri's length")]
    BodyTooShort {
        /// Length of the section, in bytes.
        len: usize,
    },
    /// The uri ends past the body section.
    #[error("uri of {uri_len} bytes in a body with room for {room}")]
    UriPastBody {
        /// The length that the body announces, in bytes.
        uri_len: usize,
        /// The bytes behind that length.
        room: usize,
    },
    /// The checksum is not that of the body section. The only error that leaves
    /// a stream in step.
    #[error("checksum {found:08x} does not match the body's {computed:08x}")]
    Checksum {
        /// What the header says.
        found: u32,
        /// What the body section sums to.
        computed: u32,
    },
    /// The input ended within the frame: a datagram cut short, or a stream that
    /// ended early.
    #[error("truncated: {missing} more bytes expected")]
    Truncated {
        /// Bytes missing, at least.
        missing: usize,
    },
    /// A custom format's own reason.
    #[error("{0}")]
    Custom(&'static str),
}

impl FrameErrorKind {
    pub(crate) fn at(self, offset: u64) -> FrameError {
        FrameError { offset, kind: self }
    }
}

/// A message of the caller's that cannot be sent as asked. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Uri and content are longer than can be sent: with netaio's format 65,422 bytes
    /// together ([`Body::MAX_PAYLOAD`](crate::Body::MAX_PAYLOAD)). A frame has room for
    /// 65,533, but netaio's own senders keep 104 bytes free for lower layers, and the
    /// header's 9. What ciphers add (a uri's length, a nonce, a tag) counts, so that less
    /// is left where there are some. Auth fields do not count.
    #[error("body of {len} bytes; at most {max} of uri and content together can be sent")]
    BodyTooLong {
        /// Length of uri and content (or of the section), in bytes.
        len: usize,
        /// The most that fits, in bytes.
        max: usize,
    },
    /// The uri is longer than its length field can say.
    #[error("uri of {len} bytes; at most {max} can be sent")]
    UriTooLong {
        /// Length of the uri, in bytes.
        len: usize,
        /// The most that fits, in bytes.
        max: usize,
    },
    /// The auth fields are longer than a frame carries.
    #[error("auth section of {len} bytes; at most {max} can be sent")]
    AuthTooLong {
        /// Length of the section, in bytes.
        len: usize,
        /// The most that fits, in bytes.
        max: usize,
    },
    /// The sealed message is longer than a datagram.
    #[error("a datagram of {len} bytes; at most {max} can be sent")]
    DatagramTooLong {
        /// Length of the frame, in bytes.
        len: usize,
        /// The most that fits, in bytes.
        max: usize,
    },
    /// An auth field cannot be packed.
    #[error("auth field cannot be packed: {0}")]
    Auth(EncodeError),
    /// Two plugins of the outer and the inner layer write the same auth field, or
    /// one writes the field for [correlation ids](crate::Correlation).
    #[error("auth field {0:?} has two uses, by plugins or for ids; give one of them another name")]
    FieldClash(alloc::string::String),
    /// The type is neither the base protocol's nor registered.
    #[error("message type {0} is not registered")]
    UnknownType(u8),
    /// A peer-specific plugin was used towards somebody who is no known peer.
    #[error("{0} needs a known peer, and there is none for this address")]
    NoPeer(&'static str),
    /// A peer-specific plugin was used towards a peer whose data lacks the key
    /// that it needs.
    #[error("{0} needs a key of 32 bytes that is not in the peer's data")]
    NoPeerKey(&'static str),
    /// The cipher speaks to peers only whose keys are pinned, and this one's is not.
    #[error("the peer's key is not pinned")]
    NotPinned,
    /// A plugin's secret or key is empty, and everybody knows that one.
    #[error("an empty secret protects nothing")]
    EmptySecret,
    /// The peer's public key makes everybody's secret the same: nobody has it by
    /// chance.
    #[error("the peer's public key is one that keeps no secrets; trust no peer that has it")]
    WeakPeerKey,
    /// A plugin's own reason.
    #[error("{0}")]
    Plugin(&'static str),
}

/// An inner layer that does not go with the outer one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// Two plugins of the outer and the inner layer write the same auth field, or
    /// one writes the field for [correlation ids](crate::Correlation).
    #[error("auth field {0:?} has two uses, by plugins or for ids; give one of them another name")]
    FieldClash(alloc::string::String),
    /// The inner cipher hides the uri, by which the messages are to find their handler.
    #[error("the inner cipher hides the uri; use one that encrypts only the content")]
    HiddenUri,
    /// A plugin's secret or key is empty, and everybody knows that one. netaio takes it;
    /// here it is a setting that was left out.
    #[error("an empty secret protects nothing; give one, or leave the plugin out")]
    EmptySecret,
}

/// How a request ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended first.
    #[error("the connection ended before the answer: {0}")]
    Closed(CloseReason),
    /// The datagram could not be sent: there is no route to the address, say. What the system
    /// says.
    #[error("the datagram could not be sent: {0}")]
    NotSent(alloc::string::String),
    /// The network could not deliver the datagram: nobody receives at the address, say. What
    /// the system says.
    #[error("the datagram was not delivered: {0}")]
    Undelivered(alloc::string::String),
    /// The remote has received it and says that no handler had it, nor will: it stops, for one.
    /// What else it says.
    #[error("the remote did not handle it: {}", Printable::bytes(.0).with_max(1024))]
    Refused(Bytes),
    /// It waited for a place among [`Limits::pending_requests`](crate::Limits::pending_requests)
    /// and was not sent: there was none in its time, the connection ended first, or it
    /// cannot be sealed.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl RequestError {
    /// Whether the request was surely not handled, so that it may be made again without being
    /// done twice: it was never sent, the network says that it was not delivered, for which its
    /// word is taken, or the remote [says so](crate::NotHandled). Otherwise it may have been
    /// handled, or may still be.
    #[must_use]
    pub fn was_surely_not_handled(&self) -> bool {
        matches!(
            self,
            Self::Send(_) | Self::NotSent(_) | Self::Undelivered(_) | Self::Refused(_)
        )
    }
}

/// Why a send or a request was not accepted. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message cannot be sent as asked.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// [`Limits::outbound_queue`](crate::Limits) bytes are waiting to be written.
    #[error("{queued} bytes are waiting to be written; at most {max} may")]
    QueueFull {
        /// Bytes waiting.
        queued: usize,
        /// The limit.
        max: usize,
    },
    /// [`Limits::pending_requests`](crate::Limits) requests wait for answers, and there is no
    /// place for another one in time, or none to wait for one.
    #[error("{max} requests are waiting for answers already")]
    TooManyRequests {
        /// The limit.
        max: usize,
    },
    /// The link is closed.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
    /// There is no link: a client of the drivers is connected to no server, and to none in the
    /// time that the message may wait.
    #[error("not connected: no `connect` has succeeded, or the server is being reconnected")]
    NotConnected,
    /// The system refused to send the datagram: there is no route to the address, say. What it
    /// says.
    #[error("the datagram could not be sent: {0}")]
    Transport(alloc::string::String),
}

/// Bytes or datagrams that were not taken: more than may wait has not been handled
/// yet. Poll first, and read while reading is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unhandled} bytes are not handled yet: poll before receiving more")]
pub struct Backpressure {
    /// Bytes that wait to be handled.
    pub unhandled: usize,
}

/// Why a node takes no further link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TooManyLinks {
    /// There are [`Limits::connections`](crate::Limits::connections), and none of them may
    /// be displaced.
    #[error("there are {max} connections, as many as there may be")]
    InAll {
        /// The limit.
        max: usize,
    },
    /// There are [`Limits::connections_per_address`](crate::Limits::connections_per_address)
    /// from this network.
    #[error("there are {max} connections from this address, as many as there may be")]
    OfAddress {
        /// The limit.
        max: usize,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it.
    #[error("closed by this side")]
    Local,
    /// The remote closed it between two frames.
    #[error("closed by the remote")]
    Remote,
    /// The remote closed it within a frame: it has crashed, or has cut this end off, as one
    /// that reads too slowly for example, and did not get its last frame across. What came
    /// before was sound.
    #[error(
        "closed by the remote in the middle of a frame ({0}): it stopped, or cut this end off for reading too slowly"
    )]
    Truncated(FrameError),
    /// The remote sent bytes that are no frame.
    #[error("{0}")]
    Malformed(FrameError),
    /// The remote sent more bad frames than [`Limits::failures`](crate::Limits).
    #[error("too many frames with a bad checksum or failed checks")]
    TooManyFailures,
    /// A frame was begun and not ended within [`Limits::frame_timeout`](crate::Limits).
    #[error("a frame was not completed within {0:?}")]
    FrameTimeout(Duration),
    /// Nothing came for [`Limits::idle_timeout`](crate::Limits).
    #[error("idle for {0:?}")]
    Idle(Duration),
    /// The first valid message did not come within
    /// [`Limits::auth_timeout`](crate::Limits).
    #[error("no valid message within {0:?}")]
    AuthTimeout(Duration),
    /// No valid message had come, and there were [`Limits::connections`](crate::Limits):
    /// another connection took its place.
    #[error("no valid message had come, and another connection took its place")]
    Displaced,
    /// The remote does not read: the outbound queue passed its limit.
    #[error("the remote reads too slowly: {queued} bytes were waiting")]
    SlowConsumer {
        /// Bytes that were waiting to be written.
        queued: usize,
    },
    /// The remote took nothing of what was written for
    /// [`Limits::write_timeout`](crate::Limits).
    #[error("the remote took nothing for {0:?}")]
    WriteTimeout(Duration),
    /// The memory that its unfinished frame took was needed: all links together had received
    /// as much as they may hold, [`Limits::inbound_total`](crate::Limits).
    #[error("too much was received from all remotes together, and its frame was not complete")]
    NoRoom,
    /// What drives the connection on this side failed, by a panic of a plugin say.
    #[error("this side failed: {0}")]
    Failed(alloc::string::String),
    /// The transport failed.
    #[error("transport error: {0}")]
    Transport(alloc::string::String),
}
