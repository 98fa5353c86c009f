//! A client's and a server's link, and all that can happen to them.
//!
//! The input is a script: a few bytes of configuration, then one operation after
//! another. The script is played twice, its deliveries once whole and once in
//! small pieces, and both plays have to end alike, to the byte.

mod config;
mod operations;
mod play;
mod side;
mod watched;

use self::play::Play;
use crate::heap::Bound;

/// A message for every other byte of a script, and the large ones: in a queue, on
/// their way, and kept by who sent them and who received them.
const HEAP: Bound = Bound(1024, 4 << 20);

/// Plays the script twice. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn link(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
        let whole = Play::new(data, usize::MAX).play();
        let pieces = Play::new(data, 7).play();
        for (whole, pieces) in whole.iter().zip(&pieces) {
            for (whole, pieces) in whole.seen.iter().zip(&pieces.seen) {
                assert_eq!(whole, pieces);
            }
            assert_eq!(whole.seen.len(), pieces.seen.len());
            assert!(whole.sent == pieces.sent, "other bytes for the same input");
        }
    });
}
