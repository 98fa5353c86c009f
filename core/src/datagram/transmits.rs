//! Datagrams on their way out.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Range;

/// Datagrams to be sent, in one buffer.
#[derive(Debug, Default)]
pub struct Transmits {
    bytes: Vec<u8>,
    datagrams: Vec<(SocketAddr, Range<usize>)>,
    /// Their lengths, summed up: those that go to many count each time.
    len: usize,
}

impl Transmits {
    /// Buffers larger than this go back when a burst is over, in bytes.
    const KEEP: usize = 64 * 1024;

    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            datagrams: Vec::new(),
            len: 0,
        }
    }

    /// Each datagram, and where it goes, in the order of the sends.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.datagrams
            .iter()
            .map(|(to, range)| (*to, self.bytes.get(range.clone()).unwrap_or_default()))
    }

    /// The datagram at an index, and where it goes.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(SocketAddr, &[u8])> {
        let (to, range) = self.datagrams.get(index)?;
        Some((*to, self.bytes.get(range.clone())?))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Number of datagrams.
    #[must_use]
    pub fn count(&self) -> usize {
        self.datagrams.len()
    }

    /// Bytes to be sent.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends a datagram of the bytes that `make` appends, and returns how many
    /// they are.
    pub(super) fn push<E>(
        &mut self,
        to: SocketAddr,
        make: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let start = self.bytes.len();
        if let Err(error) = make(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        let range = start..self.bytes.len();
        let len = range.len();
        self.datagrams.push((to, range));
        self.len = self.len.saturating_add(len);
        Ok(len)
    }

    /// Sends the last datagram to one more address.
    pub(super) fn repeat(&mut self, to: SocketAddr) {
        if let Some((_, range)) = self.datagrams.last().cloned() {
            self.len = self.len.saturating_add(range.len());
            self.datagrams.push((to, range));
        }
    }

    /// Takes the last datagram back, which goes to one address, and returns how
    /// long it was.
    pub(super) fn pop(&mut self) -> usize {
        let Some((_, range)) = self.datagrams.pop() else {
            return 0;
        };
        self.bytes.truncate(range.start);
        self.len = self.len.saturating_sub(range.len());
        range.len()
    }

    /// The length of the last datagram.
    pub(super) fn last_len(&self) -> usize {
        self.datagrams.last().map_or(0, |(_, range)| range.len())
    }

    /// Gives what there is for what has been sent.
    pub(super) fn exchange(&mut self, sent: &mut Self) {
        sent.bytes.clear();
        sent.datagrams.clear();
        sent.len = 0;
        core::mem::swap(self, sent);
        if self.bytes.capacity() > Self::KEEP.max(sent.bytes.len().saturating_mul(4)) {
            *self = Self::new();
        }
    }
}
