//! What lies between two links.

use bytes::BytesMut;
use netaio_core::LinkId;

/// A connection: the hub and the link at either end, and a way from each to the other.
pub(super) struct Pipe {
    pub(super) ends: [(usize, LinkId); 2],
    pub(super) ways: [Way; 2],
}

#[derive(Default)]
pub(super) struct Way {
    /// Bytes that were written and are not read.
    pub(super) bytes: BytesMut,
    /// It takes so many in all before they are read.
    pub(super) capacity: usize,
    /// It takes none.
    pub(super) stalled: bool,
    /// Nothing comes behind the bytes.
    pub(super) ended: bool,
    /// The reader was told so.
    pub(super) eof: bool,
    /// The reader is gone.
    pub(super) unread: bool,
}

impl Pipe {
    /// The end of the pipe that is this hub's link.
    pub(super) fn side(&self, hub: usize, link: LinkId) -> Option<usize> {
        self.ends.iter().position(|end| *end == (hub, link))
    }
}

impl Way {
    /// Takes some of these bytes, and says how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        if self.unread || self.ended {
            // Into the void, as a socket whose remote is gone.
            return bytes.len();
        }
        let room = match self.stalled {
            true => 0,
            false => self.capacity.saturating_sub(self.bytes.len()),
        };
        let count = room.min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        count
    }

    pub(super) fn has_room(&self) -> bool {
        self.unread || self.ended || !self.stalled && self.bytes.len() < self.capacity
    }
}
