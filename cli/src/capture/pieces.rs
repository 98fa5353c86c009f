//! Bytes that come in pieces, in any order.

use std::collections::BTreeMap;

/// What a piece takes besides its bytes.
const PIECE: usize = 64;

/// Pieces of a stream or of a datagram, none of which overlap: of what comes twice the first is kept.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Pieces {
    /// The memory that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Where the first one starts.
    pub(super) fn first(&self) -> Option<u64> {
        self.pieces.keys().next().copied()
    }

    /// Adds bytes, and returns how many of them were there already.
    pub(super) fn insert(&mut self, start: u64, data: &[u8]) -> usize {
        let (mut at, mut rest, mut known) = (start, data, 0_usize);
        while !rest.is_empty() {
            let before = self.pieces.range(..=at).next_back();
            let end = before.map(|(start, piece)| start.saturating_add(piece.len() as u64));
            if let Some(covered) = end.and_then(|end| end.checked_sub(at))
                && covered > 0
            {
                let covered =
                    usize::try_from(covered).map_or(rest.len(), |len| len.min(rest.len()));
                known = known.saturating_add(covered);
                rest = rest.get(covered..).unwrap_or_default();
                at = at.saturating_add(covered as u64);
                continue;
            }
            let room = self.pieces.range(at..).next();
            let room = room.map_or(u64::MAX, |(start, _)| start.saturating_sub(at));
            let len = usize::try_from(room).map_or(rest.len(), |room| room.min(rest.len()));
            let (piece, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            self.bytes = self.bytes.saturating_add(piece.len()).saturating_add(PIECE);
            self.pieces.insert(at, piece.to_vec());
            rest = behind;
            at = at.saturating_add(len as u64);
        }
        known
    }

    /// Takes the piece that starts there.
    pub(super) fn take(&mut self, start: u64) -> Option<Vec<u8>> {
        let piece = self.pieces.remove(&start)?;
        self.bytes = self.bytes.saturating_sub(piece.len()).saturating_sub(PIECE);
        Some(piece)
    }

    /// All of them as one, if they are so many bytes from the start, and nothing is missing.
    pub(super) fn whole(&mut self, len: u64) -> Option<Vec<u8>> {
        let mut end = 0_u64;
        for (start, piece) in &self.pieces {
            if *start != end {
                return None;
            }
            end = end.saturating_add(piece.len() as u64);
        }
        if end != len {
            return None;
        }
        self.bytes = 0;
        let pieces = std::mem::take(&mut self.pieces);
        Some(pieces.into_values().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_what_overlaps_is_kept() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.insert(4, b"EF"), 0);
        assert_eq!(pieces.insert(0, b"ab"), 0);
        assert_eq!(pieces.insert(1, b"?cdgh??i"), 4 - 1);
        assert_eq!(pieces.insert(3, b"????"), 4);
        assert_eq!(pieces.first(), Some(0));
        assert_eq!(pieces.whole(8), None);
        assert_eq!(pieces.whole(9).unwrap(), b"abcdEF??i");
        assert_eq!(pieces.bytes(), 0);
    }

    proptest! {
        /// Whatever the pieces, in whatever order, the stream is what it was.
        #[test]
        fn any_order_makes_the_stream(
            stream in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec((0_usize..200, 1_usize..80), 0..60),
        ) {
            let mut pieces = Pieces::default();
            for (start, len) in cuts {
                let start = start.min(stream.len());
                let end = start.saturating_add(len).min(stream.len());
                pieces.insert(start as u64, &stream[start..end]);
            }
            pieces.insert(0, &stream);
            prop_assert_eq!(pieces.whole(stream.len() as u64), Some(stream));
            prop_assert_eq!(pieces.bytes(), 0);
        }
    }
}
