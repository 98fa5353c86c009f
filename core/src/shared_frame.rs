//! A frame that many links send.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use bytes::Bytes;

use crate::budget::{Budget, Pressure};

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
}

/// The bytes of a frame that all links share, counted as long as they are there.
struct Counted {
    bytes: Vec<u8>,
    budget: Arc<Budget>,
}

impl SharedFrame {
    /// The length of the shortest frame that is shared rather than copied, 4 KiB.
    pub const SHARED_FROM: usize = 4 * 1024;

    /// Makes one, and says what it means for all links.
    pub(crate) fn new(mut bytes: Vec<u8>, budget: &Arc<Budget>) -> (Self, Pressure) {
        if bytes.len() < Self::SHARED_FROM {
            return (bytes.into(), Pressure::default());
        }
        bytes.shrink_to_fit();
        let pressure = budget.share(bytes.capacity());
        let budget = budget.clone();
        let frame = Self {
            bytes: Bytes::from_owner(Counted { bytes, budget }),
            counted: true,
        };
        (frame, pressure)
    }

    /// The bytes that count for each who holds it.
    #[must_use]
    pub fn uncounted(&self) -> usize {
        match self.counted {
            true => 0,
            false => self.bytes.len(),
        }
    }
}

/// A frame that counts for each who holds it.
impl From<Vec<u8>> for SharedFrame {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            counted: false,
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
        self.budget.unshare(self.bytes.capacity());
    }
}
