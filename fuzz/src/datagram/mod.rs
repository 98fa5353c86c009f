//! Three nodes over datagrams, strangers, and a network that loses, doubles, delays
//! and changes what it carries.
//!
//! The input is a script. A node is given datagrams that come together at once, or is
//! polled after each: both plays have to end alike, to the byte.

mod answers;
mod config;
mod host;
mod operations;
mod play;

use self::play::Play;
use crate::heap::Bound;

/// Both plays, what was sent in them, and four datagrams of the largest size.
const HEAP: Bound = Bound(2048, 4 << 20);

/// Plays the script, once or both ways. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn datagram(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
        // Of a fuzzer's many scripts one in four will do to compare both: the others take
        // half the time.
        let chosen = crc32fast::hash(data);
        if cfg!(fuzzing) && !chosen.is_multiple_of(4) {
            drop(Play::new(data, chosen & 4 == 0).play());
            return;
        }
        let together = Play::new(data, false).play();
        let one_by_one = Play::new(data, true).play();
        for (together, one_by_one) in together.iter().zip(&one_by_one) {
            assert_eq!(together.seen, one_by_one.seen);
            assert_eq!(together.peers_seen, one_by_one.peers_seen);
            assert_eq!(together.refused_seen, one_by_one.refused_seen);
            assert!(together.sent == one_by_one.sent, "other datagrams");
        }
    });
}
