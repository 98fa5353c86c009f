//! Why a long request failed.

use core::fmt;

/// Why a long request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// The content is longer than the remote takes.
    #[error("a content of {len} bytes {}", Most(.max))]
    TooLarge {
        /// Length of the content, in bytes.
        len: u64,
        /// The most that it takes; `None` where it takes none in parts, as plain netaio peers and
        /// nodes that were not told to.
        max: Option<u64>,
    },
    /// What the remote holds for all who ask leaves no room: later.
    #[error("the remote has no room for it now")]
    NoRoom,
    /// The remote takes no such message in parts: its handler has an inner layer, or it is of a
    /// type that nobody answers.
    #[error("the remote takes no such message in parts")]
    NotPermitted,
    /// The answer is longer than may be.
    #[error("an answer of {len} bytes; at most {max} are taken")]
    AnswerTooLarge {
        /// Its length, in bytes.
        len: u64,
        /// The most that is taken.
        max: u64,
    },
    /// The remote has forgotten the request while its answer was fetched, or takes none in parts
    /// and has not answered the message. It may have been handled.
    #[error("the remote has forgotten the request")]
    Forgotten,
    /// An answer makes no sense.
    #[error("the remote's answer makes no sense")]
    Senseless,
}

struct Most<'a>(&'a Option<u64>);

impl fmt::Display for Most<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(max) => write!(f, "is too long: the remote takes at most {max}"),
            None => f.write_str("fits no frame, and the remote takes no messages in parts"),
        }
    }
}
