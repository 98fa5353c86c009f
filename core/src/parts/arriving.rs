//! A content that arrives.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::PART_LEN;
use super::pieces::{Pieces, Place};

/// A content that arrives, for a handler of whole ones or one that takes a stream.
#[derive(Debug)]
pub(super) struct Arriving {
    len: u64,
    /// How far bytes may come beyond those that have.
    window: u64,
    pieces: Pieces,
    kept: Kept,
    /// A part has come, maybe of no bytes.
    is_begun: bool,
}

#[derive(Debug)]
enum Kept {
    Whole(Vec<u8>),
    Stream {
        chunks: VecDeque<Bytes>,
        bytes: usize,
        taken: u64,
    },
}

/// What a part needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// These are the next bytes.
    Next(Bytes),
    /// It is from beyond a gap, and takes so much memory.
    Ahead(usize),
    /// It changes nothing.
    Nothing,
}

impl Arriving {
    pub(super) fn new(len: u64, window: usize) -> Self {
        Self {
            len,
            window: window as u64,
            pieces: Pieces::default(),
            kept: Kept::Whole(Vec::new()),
            is_begun: false,
        }
    }

    /// Is taken as a stream from now on.
    pub(super) fn stream(&mut self) {
        if let Kept::Whole(content) = &mut self.kept {
            let content = Bytes::from(core::mem::take(content));
            self.kept = Kept::Stream {
                bytes: content.len(),
                chunks: (!content.is_empty())
                    .then_some(content)
                    .into_iter()
                    .collect(),
                taken: 0,
            };
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self.kept, Kept::Stream { .. })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pieces.end() == self.len
    }

    /// A part has come.
    pub(super) fn note_part(&mut self) {
        self.is_begun = true;
    }

    /// Whether there is nothing more to send, not even a part of no bytes.
    pub(super) fn is_ended(&self) -> bool {
        self.is_complete() && self.is_begun
    }

    /// Bytes that have come without a gap.
    pub(super) fn end(&self) -> u64 {
        self.pieces.end()
    }

    /// Where the bytes end that may be sent.
    pub(super) fn until(&self) -> u64 {
        let from = match self.kept {
            Kept::Whole(_) => self.end(),
            Kept::Stream { taken, .. } => taken,
        };
        from.saturating_add(self.window)
            .clamp(self.end(), self.len.max(self.end()))
    }

    /// Memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let kept = match &self.kept {
            Kept::Whole(content) => content.capacity(),
            Kept::Stream { bytes, .. } => *bytes,
        };
        kept.saturating_add(self.pieces.bytes())
    }

    /// What a part means.
    pub(super) fn fit(&self, offset: u64, part: Bytes) -> Fit {
        let end = offset.saturating_add(part.len() as u64);
        let (is_past, until) = (end > self.len, self.until());
        match self.pieces.place(offset, part.clone()) {
            _ if is_past => Fit::Nothing,
            // Whole ones may come as they like: they are as long as they may be.
            Place::Next(next) if end <= until || !self.is_stream() => Fit::Next(next),
            Place::Ahead if end <= until && self.pieces.ahead() < self.most_ahead() => {
                Fit::Ahead(Pieces::cost(&part))
            }
            _ => Fit::Nothing,
        }
    }

    /// How many pieces may wait beyond a gap, so that short ones cost no more than others.
    fn most_ahead(&self) -> usize {
        let window = usize::try_from(self.window).unwrap_or(usize::MAX);
        window.div_ceil(PART_LEN).saturating_mul(2)
    }

    /// Memory that so many more bytes take at its end.
    pub(super) fn growth(&self, more: usize) -> usize {
        let Kept::Whole(content) = &self.kept else {
            return more;
        };
        if content.capacity().saturating_sub(content.len()) >= more {
            return 0;
        }
        // Doubled, but never longer than it gets.
        let rest = self.len.saturating_sub(self.end());
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        content.len().max(PART_LEN).max(more).min(rest)
    }

    /// Adds the next bytes, copied: they keep no receive buffer alive.
    pub(super) fn add(&mut self, next: &[u8]) {
        let growth = self.growth(next.len());
        match &mut self.kept {
            Kept::Whole(content) => {
                content.reserve_exact(growth);
                content.extend_from_slice(next);
            }
            Kept::Stream { chunks, bytes, .. } => {
                *bytes = bytes.saturating_add(next.len());
                chunks.push_back(Bytes::copy_from_slice(next));
            }
        }
        self.pieces.advance(next.len());
    }

    /// Keeps a part from beyond a gap.
    pub(super) fn keep(&mut self, offset: u64, part: &[u8]) {
        self.pieces.keep(offset, Bytes::copy_from_slice(part));
    }

    /// The next bytes, where they have come before.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.pieces.next()
    }

    /// The next bytes of a stream; none where they have not come.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let Kept::Stream {
            chunks,
            bytes,
            taken,
        } = &mut self.kept
        else {
            return None;
        };
        let chunk = chunks.pop_front()?;
        *bytes = bytes.saturating_sub(chunk.len());
        *taken = taken.saturating_add(chunk.len() as u64);
        Some(chunk)
    }

    /// The content of one that is not taken as a stream.
    pub(super) fn take_whole(&mut self) -> Vec<u8> {
        match &mut self.kept {
            Kept::Whole(content) => core::mem::take(content),
            Kept::Stream { .. } => Vec::new(),
        }
    }
}
