//! What stands for a handler that is to answer.

use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::ops::Deref;

use crate::error::{CloseReason, SendError};
use crate::message::MessageType;
use crate::place::{LinkId, Place};
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// A handler that was called and has not answered: a value that is used up by its
/// reply, here and now or later, from wherever it was sent meanwhile:
/// [`Hub::reply`](crate::Hub::reply), [`DatagramHub::reply`](crate::DatagramHub::reply),
/// [`Link::reply`](crate::Link::reply),
/// [`DatagramLink::reply`](crate::DatagramLink::reply).
///
/// It is answered once, and by the link that it came from. One that is dropped
/// without a reply is noticed when its link is polled next: the asker gets an
/// `ERROR`, and an event says so. Whoever wants to send no answer replies `None`.
#[must_use = "a call waits for its reply: reply `None` where there is none"]
pub struct Call {
    pub(super) slot: usize,
    pub(super) request: MessageType,
    pub(super) verified: bool,
    pub(super) token: OwnToken,
}

/// A call's own handle of its token. Dropped before a reply used the call up, it says so.
pub(super) struct OwnToken(pub(super) Arc<Token>);

/// What tells a call from all others of its link, earlier and later ones too (of as many as a
/// `usize` counts): [`Call::id`]. Those of two links may be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) usize);

/// What a call shares with its link. It stands for the call: no two in flight have the
/// same one.
#[derive(Debug)]
pub(super) struct Token {
    /// Here rather than in the call, so that less is moved with each.
    pub(super) place: Place,
    pub(super) id: AtomicUsize,
    /// A reply used the call up.
    pub(super) answered: AtomicBool,
    dropped: AtomicBool,
    pub(super) any_dropped: Arc<AnyDropped>,
}

/// Whether a call was dropped without a reply.
#[derive(Debug)]
pub(super) struct AnyDropped {
    /// One of this link.
    pub(super) of_link: AtomicBool,
    /// One of any link of the node.
    pub(super) of_node: Arc<AtomicBool>,
}

impl Token {
    pub(super) fn new(place: Place, any_dropped: Arc<AnyDropped>) -> Self {
        Self {
            place,
            id: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
            any_dropped,
        }
    }

    /// Whether its call was dropped since the last look.
    pub(super) fn take_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire) && self.dropped.swap(false, Ordering::AcqRel)
    }
}

impl Call {
    /// What names it where it is [cancelled](crate::CancelReason).
    #[must_use]
    pub fn id(&self) -> CallId {
        CallId(self.token.id.load(Ordering::Relaxed))
    }

    /// Where the request came from.
    #[must_use]
    pub fn place(&self) -> Place {
        self.token.place
    }

    /// The link that the request came by, unless it is a datagram's.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        self.place().link()
    }

    /// The address that the request came from, if the transport has addresses.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.place().address()
    }

    /// The type of the request.
    #[must_use]
    pub fn request_type(&self) -> MessageType {
        self.request
    }

    /// Whether an auth plugin vouched for the request.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }
}

impl Deref for OwnToken {
    type Target = Token;

    #[inline]
    fn deref(&self) -> &Token {
        &self.0
    }
}

impl Drop for OwnToken {
    #[inline]
    fn drop(&mut self) {
        let token = &self.0;
        if !token.answered.load(Ordering::Relaxed) {
            token.dropped.store(true, Ordering::Release);
            token.any_dropped.of_link.store(true, Ordering::Release);
            token.any_dropped.of_node.store(true, Ordering::Release);
        }
    }
}

impl fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("place", &self.place())
            .field("request", &self.request)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

/// Why a reply was not sent as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The call came from another link, which still waits for its reply: here it is
    /// again.
    #[error("the call came from another link; reply to it there")]
    OtherLink(Call),
    /// The link has ended: nobody waits for the reply.
    #[error("the connection is closed: {0}")]
    Closed(CloseReason),
    /// The call was cancelled: its asker was told that its time is over.
    #[error("the call was cancelled")]
    Cancelled,
    /// The reply cannot be sealed or sent; the asker got an `ERROR` that says so.
    #[error("the reply cannot be sent, and an error was sent in its place: {0}")]
    Replaced(SendError),
    /// Neither the reply nor an error in its place can be sent.
    #[error("the reply cannot be sent, nor an error in its place: {0}")]
    NotSent(SendError),
}
