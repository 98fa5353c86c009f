//! Bytes on their way out.

use alloc::vec::Vec;

/// The bytes that wait to be written: one buffer, exchanged for an empty one
/// with every write.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) bytes: Vec<u8>,
    /// Bytes handed out and not yet known to be written.
    in_flight: usize,
}

impl Outbox {
    /// An empty buffer larger than this goes back, in bytes.
    const KEEP: usize = 1024;

    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            in_flight: 0,
        }
    }

    /// Bytes that wait, those handed out last included.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_add(self.in_flight)
    }

    /// Exchanges what waits for what has been written, and says whether there
    /// is anything. Buffers of a burst that is over go back.
    pub(super) fn exchange(&mut self, written: &mut Vec<u8>) -> bool {
        written.clear();
        core::mem::swap(&mut self.bytes, written);
        self.in_flight = written.len();
        if written.is_empty() && written.capacity() > Self::KEEP {
            *written = Vec::new();
        }
        if self.bytes.capacity() > Self::KEEP.max(written.len().saturating_mul(4)) {
            self.bytes = Vec::new();
        }
        !written.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_counts_until_it_is_written() {
        let (mut outbox, mut writing) = (Outbox::new(), Vec::new());
        outbox.bytes.extend_from_slice(&[1; 5000]);
        assert!(outbox.exchange(&mut writing));
        outbox.bytes.push(2);
        assert_eq!((writing.len(), outbox.len()), (5000, 5001));
        assert!(outbox.exchange(&mut writing));
        assert_eq!((&writing[..], outbox.len()), (&[2][..], 1));
        assert!(!outbox.exchange(&mut writing));
        assert!(outbox.len() == 0 && writing.capacity() <= Outbox::KEEP);
        assert!(outbox.bytes.capacity() <= Outbox::KEEP);
    }
}
