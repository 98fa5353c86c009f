//! Datagrams on their way in.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use crate::calls::{Buffer, Waiting};

/// The receive buffer, and the datagrams that are not handled.
///
/// Short datagrams are pieces of one chunk of memory, which is used again once all of them are
/// gone, so that they take no memory of their own. Each piece keeps its whole chunk, which
/// counts once, for as long as there is one.
pub(super) struct Inlet {
    bytes: BytesMut,
    /// The chunk that those are in.
    chunk: Buffer,
    queue: VecDeque<Inbound>,
    /// Bytes of the datagrams that are not handled.
    unhandled: usize,
    /// Bytes of the chunks that these are in.
    chunks: usize,
}

/// A datagram that is not handled.
pub(super) struct Inbound {
    pub(super) came: Came,
    pub(super) datagram: BytesMut,
    /// It came when the link was drained already.
    pub(super) late: bool,
}

/// How a message came.
#[derive(Clone, Copy)]
pub(super) struct Came {
    pub(super) from: SocketAddr,
    /// Bytes of its datagram.
    pub(super) bytes: usize,
    /// The address of this node that it came to, where the link has several.
    pub(super) local: Option<IpAddr>,
    /// What it keeps.
    pub(super) buffer: Buffer,
}

impl Came {
    pub(super) fn of(waiting: &Waiting<SocketAddr>) -> Self {
        Self {
            from: waiting.from,
            bytes: waiting.bytes,
            local: waiting.local,
            buffer: Buffer::own(waiting.bytes),
        }
    }
}

impl Inlet {
    /// The size of a chunk, in bytes: for as many short datagrams as are received at once, and
    /// little enough to be kept for the sake of one. A longer datagram has a buffer of its own.
    pub(super) const CHUNK: usize = 4 * 1024;

    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            chunk: Buffer::own(0),
            queue: VecDeque::new(),
            unhandled: 0,
            chunks: 0,
        }
    }

    /// The receive buffer, at whose end there is room for a short datagram as a rule.
    pub(super) fn with_room(&mut self) -> &mut BytesMut {
        if self.bytes.is_empty() {
            if self.chunk.size != Self::CHUNK {
                // There was none yet, or a long datagram's own.
                self.bytes = BytesMut::with_capacity(Self::CHUNK);
                self.chunk = Buffer::default().of(&self.bytes);
            } else if self.bytes.capacity() < Self::CHUNK / 2 {
                // Where a piece is still in use, the buffer takes a new chunk when this is full.
                let _ = self.bytes.try_reclaim(Self::CHUNK);
            }
        }
        &mut self.bytes
    }

    /// Takes the first bytes off the receive buffer.
    pub(super) fn split(&mut self, len: usize) -> (BytesMut, Buffer) {
        self.chunk = self.chunk.of(&self.bytes);
        let datagram = self.bytes.split_to(len.min(self.bytes.len()));
        (datagram, self.chunk)
    }

    pub(super) fn push(&mut self, inbound: Inbound) {
        let Came { bytes, buffer, .. } = inbound.came;
        self.unhandled = self.unhandled.saturating_add(bytes);
        if !self.queue.back().is_some_and(|last| last.shares(buffer)) {
            self.chunks = self.chunks.saturating_add(buffer.size);
        }
        self.queue.push_back(inbound);
    }

    pub(super) fn pop(&mut self) -> Option<Inbound> {
        let inbound = self.queue.pop_front()?;
        let Came { bytes, buffer, .. } = inbound.came;
        self.unhandled = self.unhandled.saturating_sub(bytes);
        if !self.queue.front().is_some_and(|next| next.shares(buffer)) {
            self.chunks = self.chunks.saturating_sub(buffer.size);
        }
        Some(inbound)
    }

    /// Where the datagrams come from that are not handled, in their order.
    pub(super) fn senders(&self) -> impl Iterator<Item = SocketAddr> {
        self.queue.iter().map(|inbound| inbound.came.from)
    }

    /// Whether all datagrams are handled.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of the datagrams that are not handled.
    pub(super) fn unhandled(&self) -> usize {
        self.unhandled
    }

    /// The chunk that the next datagram is in, of which others may have been handled, and the
    /// bytes of all that are behind it.
    pub(super) fn held(&self) -> (Buffer, usize) {
        let next = self.queue.front().map(|next| next.came.buffer);
        let next = next.unwrap_or_default();
        (next, self.chunks.saturating_sub(next.size))
    }

    /// Gives up what is not handled.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        (self.unhandled, self.chunks) = (0, 0);
    }
}

impl Inbound {
    /// Whether it is a piece of a chunk that others may be in.
    fn shares(&self, chunk: Buffer) -> bool {
        chunk.id != 0 && self.came.buffer.id == chunk.id
    }
}
