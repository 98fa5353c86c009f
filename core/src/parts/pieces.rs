//! Bytes that come in pieces, in whatever order.

use alloc::collections::BTreeMap;

use bytes::{Buf, Bytes};

/// How far bytes have come without a gap, and pieces from beyond that.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    end: u64,
    ahead: BTreeMap<u64, Bytes>,
    ahead_bytes: usize,
}

/// What becomes of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// These bytes of it are the next ones.
    Next(Bytes),
    /// It is beyond a gap.
    Ahead,
    /// It has come before.
    Known,
}

impl Pieces {
    /// Memory that one piece beyond a gap takes besides its bytes, about.
    const PIECE: usize = 64;

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Memory of the pieces beyond a gap, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let fixed = self.ahead.len().saturating_mul(Self::PIECE);
        self.ahead_bytes.saturating_add(fixed)
    }

    /// Memory that one more beyond a gap would take.
    pub(super) fn cost(piece: &Bytes) -> usize {
        piece.len().saturating_add(Self::PIECE)
    }

    /// The number of pieces beyond a gap.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    pub(super) fn place(&self, offset: u64, mut piece: Bytes) -> Place {
        let Some(known) = self.end.checked_sub(offset) else {
            let is_known = self
                .ahead
                .get(&offset)
                .is_some_and(|known| known.len() >= piece.len());
            return if is_known { Place::Known } else { Place::Ahead };
        };
        match usize::try_from(known) {
            Ok(known) if known < piece.len() => {
                piece.advance(known);
                Place::Next(piece)
            }
            _ => Place::Known,
        }
    }

    /// Keeps a piece from beyond a gap.
    pub(super) fn keep(&mut self, offset: u64, piece: Bytes) {
        self.ahead_bytes = self.ahead_bytes.saturating_add(piece.len());
        if let Some(shorter) = self.ahead.insert(offset, piece) {
            self.ahead_bytes = self.ahead_bytes.saturating_sub(shorter.len());
        }
    }

    /// The next bytes have been taken from a piece.
    pub(super) fn advance(&mut self, by: usize) {
        self.end = self.end.saturating_add(by as u64);
    }

    /// The next bytes, where a piece has them that came before.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        while let Some(entry) = self.ahead.first_entry() {
            if *entry.key() > self.end {
                return None;
            }
            let (offset, piece) = entry.remove_entry();
            self.ahead_bytes = self.ahead_bytes.saturating_sub(piece.len());
            if let Place::Next(piece) = self.place(offset, piece) {
                return Some(piece);
            }
        }
        None
    }

    /// Forgets what is beyond a gap.
    pub(super) fn forget_ahead(&mut self) {
        self.ahead.clear();
        self.ahead_bytes = 0;
    }
}
