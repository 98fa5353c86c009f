//! The memory that requests in flight keep alive.

use alloc::vec::Vec;

use bytes::BytesMut;

/// The buffer that the slices of a message are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buffer {
    /// What tells it from others that several messages are in; 0 for a buffer that one
    /// message has for itself.
    pub(crate) id: usize,
    /// Its bytes.
    pub(crate) size: usize,
}

impl Buffer {
    /// A buffer that one message has for itself.
    pub(crate) const fn own(size: usize) -> Self {
        Self { id: 0, size }
    }

    /// The buffer that bytes are in: this one, or another. What is split off in front keeps all of
    /// it alive, and its end is where it was.
    pub(crate) fn of(self, bytes: &BytesMut) -> Self {
        let size = bytes.capacity();
        let end = (bytes.as_ptr() as usize).wrapping_add(size);
        let size = match self.id == end {
            // What was split off in front may be room again.
            true => self.size.max(size),
            false => size,
        };
        Self { id: end, size }
    }
}

/// The buffers that are kept alive, each of which counts once.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Those of several messages, with the numbers of messages.
    shared: Vec<(Buffer, usize)>,
    bytes: usize,
}

impl Buffers {
    /// Counts a message in a buffer.
    #[inline]
    pub(super) fn hold(&mut self, buffer: Buffer) {
        if buffer.id != 0 {
            if let Some((_, messages)) = self.find(buffer) {
                *messages = messages.saturating_add(1);
                return;
            }
            if self.shared.is_empty() {
                self.shared.reserve_exact(1);
            }
            self.shared.push((buffer, 1));
        }
        self.bytes = self.bytes.saturating_add(buffer.size);
    }

    /// Counts it no more.
    #[inline]
    pub(super) fn release(&mut self, buffer: Buffer) {
        if buffer.id != 0 {
            let Some((_, messages)) = self.find(buffer) else {
                return;
            };
            *messages = messages.saturating_sub(1);
            if *messages == 0 {
                self.forget_unused();
            }
            return;
        }
        self.bytes = self.bytes.saturating_sub(buffer.size);
    }

    fn forget_unused(&mut self) {
        self.shared.retain(|(held, messages)| {
            if *messages == 0 {
                self.bytes = self.bytes.saturating_sub(held.size);
            }
            *messages > 0
        });
    }

    /// The bytes of all of them, and of one more, should it not be among them.
    #[inline]
    pub(super) fn held_with(&self, buffer: Buffer) -> usize {
        let mut shared = self.shared.iter();
        let held = shared.find(|(held, _)| held.id == buffer.id);
        let held = held.map_or(0, |(held, _)| held.size);
        self.bytes.saturating_add(buffer.size.saturating_sub(held))
    }

    fn find(&mut self, buffer: Buffer) -> Option<&mut (Buffer, usize)> {
        let mut shared = self.shared.iter_mut();
        shared.find(|(held, _)| held.id == buffer.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_counts_once_as_long_as_a_message_is_in_it() {
        let (first, second) = (Buffer { id: 1, size: 100 }, Buffer { id: 2, size: 10 });
        let mut buffers = Buffers::default();
        for buffer in [first, first, second, Buffer::own(1), Buffer::own(1)] {
            buffers.hold(buffer);
        }
        assert_eq!(buffers.held_with(first), 112);
        assert_eq!(buffers.held_with(Buffer { id: 3, size: 1000 }), 1112);
        buffers.release(first);
        buffers.release(Buffer::own(1));
        assert_eq!(buffers.held_with(second), 111);
        buffers.release(first);
        assert_eq!(buffers.held_with(second), 11);
        buffers.release(second);
        buffers.release(Buffer::own(1));
        assert_eq!(buffers.held_with(Buffer::default()), 0);
    }
}
