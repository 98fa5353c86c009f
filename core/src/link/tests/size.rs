//! What a link that waits takes.

use super::*;

/// A server has one for each connection, whether or not anything happens on it. What few links
/// have is on the heap where it is: before one more field, see whether it can be there too.
#[test]
fn a_link_takes_no_more_memory_than_it_did() {
    assert!(size_of::<Link>() <= 768, "{}", size_of::<Link>());
}
