//! Bytes on their way in.

use bytes::BytesMut;

use crate::calls::Buffer;

/// The receive buffer. Its room grows with what arrives, never with what a
/// header announces, and goes when it is empty.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) bytes: BytesMut,
    /// What is there is a part of one frame, as was seen.
    pub(super) incomplete: bool,
    /// Frames at the front that the node was told of.
    pub(super) expected: u32,
    /// The room that the next read is given.
    room: usize,
    /// The buffer that the bytes are in.
    buffer: Buffer,
}

impl Inlet {
    /// An empty buffer larger than this goes back, in bytes.
    const KEEP: usize = 4 * 1024;
    /// The least and the most room for one read, in bytes.
    const ROOM: (usize, usize) = (2 * 1024, 64 * 1024);

    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            incomplete: false,
            expected: 0,
            room: Self::ROOM.0,
            buffer: Buffer::default(),
        }
    }

    /// The buffer, with room at its end.
    pub(super) fn with_room(&mut self) -> &mut BytesMut {
        if self.bytes.spare_capacity_mut().len() < Self::ROOM.0 / 2 {
            self.bytes.reserve(self.room);
            self.note_buffer();
        }
        &mut self.bytes
    }

    /// Appends bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.note_buffer();
    }

    /// Notes where the bytes are.
    fn note_buffer(&mut self) {
        self.buffer = self.buffer.of(&self.bytes);
    }

    /// The buffer that the bytes are in, and those that were split off last.
    pub(super) const fn buffer(&self) -> Buffer {
        self.buffer
    }

    /// The buffer, unless there is nothing in it.
    pub(super) fn occupied(&self) -> Buffer {
        match self.bytes.is_empty() {
            true => Buffer::default(),
            false => self.buffer,
        }
    }

    /// Gives a large buffer back, if there is nothing in it.
    pub(super) fn shrink(&mut self) {
        if self.buffer.size > Self::KEEP {
            self.release();
        }
    }

    /// Learns from a read how much room the next one wants.
    pub(super) fn received(&mut self, count: usize) {
        let (least, most) = Self::ROOM;
        self.incomplete = false;
        self.note_buffer();
        if count >= self.room {
            self.room = self.room.saturating_mul(4).min(most);
        } else if count < self.room / 8 {
            self.room = (self.room / 2).max(least);
        }
    }

    /// Gives the buffer back, if there is nothing in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes = BytesMut::new();
        self.buffer = Buffer::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_what_comes() {
        for most in [1, 100, 1500, 64 * 1024] {
            let mut inlet = Inlet::new();
            // As much as the longest frame, and so without ever being empty.
            while inlet.bytes.len() < 73_000 {
                let received = inlet.bytes.len();
                let buffer = inlet.with_room();
                let (room, capacity) = (buffer.spare_capacity_mut().len(), buffer.capacity());
                assert!(room >= 1024, "{room} bytes of room");
                assert!(
                    capacity <= 2048 + 5 * received,
                    "{capacity} bytes for {received}, in pieces of {most}"
                );
                let count = room.min(most);
                buffer.resize(received + count, 0);
                inlet.received(count);
                inlet.release();
            }
            inlet.bytes.clear();
            inlet.release();
            assert_eq!(inlet.bytes.capacity(), 0);
        }
    }
}
