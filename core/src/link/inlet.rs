//! Bytes on their way in.

use bytes::BytesMut;

/// The receive buffer. Its room grows with what arrives, never with what a
/// header announces, and goes when it is empty.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) bytes: BytesMut,
    /// What is there is a part of one frame, as was seen.
    pub(super) incomplete: bool,
    /// The room that the next read is given.
    room: usize,
}

impl Inlet {
    /// The least and the most room for one read, in bytes.
    const ROOM: (usize, usize) = (2 * 1024, 64 * 1024);

    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            incomplete: false,
            room: Self::ROOM.0,
        }
    }

    /// The buffer, with room at its end.
    pub(super) fn with_room(&mut self) -> &mut BytesMut {
        if self.bytes.spare_capacity_mut().len() < Self::ROOM.0 / 2 {
            self.bytes.reserve(self.room);
        }
        &mut self.bytes
    }

    /// Learns from a read how much room the next one wants.
    pub(super) fn received(&mut self, count: usize) {
        let (least, most) = Self::ROOM;
        self.incomplete = false;
        if count >= self.room {
            self.room = self.room.saturating_mul(4).min(most);
        } else if count < self.room / 8 {
            self.room = (self.room / 2).max(least);
        }
    }

    /// Gives the buffer back, if there is nothing in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes = BytesMut::new();
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
