//! What a link that waits takes.

use super::*;
use crate::message::types;

/// A server has one for each connection, whether or not anything happens on it. What few links
/// have is on the heap where it is: before one more field, see whether it can be there too.
#[test]
fn a_link_takes_no_more_memory_than_it_did() {
    assert!(size_of::<Link>() <= 496, "{}", size_of::<Link>());
}

/// A server may give back what its links keep for the next message, and each goes on as before.
#[test]
fn what_is_kept_for_the_next_message_goes_back() {
    let mut pair = Pair::plain();
    let (node, none) = (&mut pair.server.node, Layer::new());
    node.on((types::REQUEST_URI, "echo"), echo, none).unwrap();
    for content in ["one", "two", "three"] {
        let mut asked = Message::request("echo");
        asked.content = content.into();
        let request = pair.request(&asked);
        pair.run();
        let (answered, answer) = pair.client.answer();
        assert_eq!((answered, answer.content), (request, content.into()));
        let link = &mut pair.server.link;
        assert!(link.has_spares());
        link.release_spares();
        assert!(!link.has_spares());
    }
}
