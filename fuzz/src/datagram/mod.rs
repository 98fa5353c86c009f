//! Three nodes over datagrams, strangers, and a network that loses, doubles, delays
//! and changes what it carries.
//!
//! The input is a script, which is played twice: a node is given datagrams that come
//! together at once, or is polled after each. Both plays have to end alike, to the
//! byte.

mod answers;
mod config;
mod host;
mod operations;
mod play;

use self::play::Play;
use crate::heap::Bound;

/// Both plays, what was sent in them, and four datagrams of the largest size.
const HEAP: Bound = Bound(2048, 4 << 20);

/// Plays the script twice. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn datagram(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
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
