//! A server's hub and two clients' hubs, with pipes between them that take bytes in
//! part, hold them, cut them and change them.
//!
//! The input is a script. Played twice, it has to say and write the same.

mod config;
mod end;
mod operations;
mod pipe;
mod play;

use self::play::Play;
use crate::heap::Bound;

/// What is on its way or waits for it: messages, and the large ones for each link.
const HEAP: Bound = Bound(2048, 6 << 20);

/// Plays the script. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn hub(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
        let first = Play::new(data).play();
        // Of a fuzzer's many scripts one in four will do: the others take half the time.
        if !cfg!(fuzzing) || crc32fast::hash(data).is_multiple_of(4) {
            let second = Play::new(data).play();
            assert_eq!(first, second, "the same script says something else");
        }
    });
}
