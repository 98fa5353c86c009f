//! A frame that many links send.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, Range};

use bytes::Bytes;

use crate::budget::{Budget, MailboxAccount, Pressure};
use crate::message::Message;
use crate::options::SendOptions;

/// A frame that was sealed for many links: [`Link::forward`](crate::Link::forward) queues
/// it, and [`Node::share`](crate::Node::share) makes it.
///
/// Links that have it queued share its bytes from [`SHARED_FROM`](Self::SHARED_FROM) on:
/// they count once in [`Node::outbound_bytes`](crate::Node::outbound_bytes), from its
/// making until nobody holds it. A shorter one is copied, and counts for each.
///
/// Cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct SharedFrame {
    bytes: Bytes,
    /// It counts as long as it is there.
    counted: bool,
    source: Option<Arc<Source>>,
}

/// What a frame was sealed of, to be sealed again for a receiver that has to be told
/// something of its own.
#[derive(Debug)]
pub(crate) struct Source {
    /// A copy, which keeps no receive buffer alive.
    pub(crate) message: Message,
    pub(crate) options: SendOptions,
}

impl Source {
    fn new(message: &Message, options: &SendOptions) -> Arc<Self> {
        Arc::new(Self {
            message: Message {
                uri: Bytes::copy_from_slice(&message.uri),
                content: Bytes::copy_from_slice(&message.content),
                auth: message.auth.clone().into_owned(),
                ..*message
            },
            options: options.clone(),
        })
    }

    fn len(&self) -> usize {
        let Message { uri, content, .. } = &self.message;
        let texts = uri.len().saturating_add(content.len());
        texts.saturating_add(size_of::<Self>())
    }
}

/// The bytes of a frame that all links share, counted as long as they are there.
struct Counted {
    bytes: Vec<u8>,
    count: usize,
    budget: Arc<Budget>,
}

impl SharedFrame {
    /// The length of the shortest frame that is shared rather than copied, 4 KiB.
    pub const SHARED_FROM: usize = 4 * 1024;

    /// Makes one, of what can be sealed again if that is said, and says what it means for
    /// all links.
    pub(crate) fn new(
        mut bytes: Vec<u8>,
        source: Option<(&Message, &SendOptions)>,
        budget: &Arc<Budget>,
    ) -> (Self, Pressure) {
        let source = source.map(|(message, options)| Source::new(message, options));
        if bytes.len() < Self::SHARED_FROM {
            let frame = Self {
                source,
                ..bytes.into()
            };
            return (frame, Pressure::default());
        }
        bytes.shrink_to_fit();
        let count = source.as_ref().map_or(0, |source| source.len());
        let count = bytes.capacity().saturating_add(count);
        let pressure = budget.share(count);
        let counted = Counted {
            bytes,
            count,
            budget: budget.clone(),
        };
        let frame = Self {
            bytes: Bytes::from_owner(counted),
            counted: true,
            source,
        };
        (frame, pressure)
    }

    /// Frames one behind the other, of which links send [slices](Self::slice), and what that
    /// means for all links: the account is that of one of them. They count once for all, as
    /// one [shared](crate::Node::share) frame does.
    #[must_use]
    pub fn gather(frames: Vec<u8>, account: &MailboxAccount) -> (Self, Pressure) {
        Self::new(frames, None, &account.budget)
    }

    /// One of a single link, of what can be sealed again.
    pub(crate) fn of_one(bytes: Vec<u8>, message: &Message, options: &SendOptions) -> Self {
        Self {
            source: Some(Source::new(message, options)),
            ..bytes.into()
        }
    }

    /// What it was sealed of, where that is known.
    pub(crate) fn source(&self) -> Option<&Arc<Source>> {
        self.source.as_ref()
    }

    /// Some of its bytes, which keep all of them: frames that were
    /// [gathered](Self::gather) in one. What is not there is left out.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.bytes.len());
        Self {
            bytes: self.bytes.slice(range.start.min(end)..end),
            counted: self.counted,
            source: None,
        }
    }

    /// The bytes that count for each who holds it.
    #[must_use]
    pub fn uncounted(&self) -> usize {
        match self.counted {
            true => 0,
            false => {
                let source = self.source.as_ref().map_or(0, |source| source.len());
                self.bytes.len().saturating_add(source)
            }
        }
    }
}

/// A frame that counts for each who holds it.
impl From<Vec<u8>> for SharedFrame {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            counted: false,
            source: None,
        }
    }
}

impl Deref for SharedFrame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.budget.unshare(self.count);
    }
}
