//! Introductions that a `DISCONNECT` overtakes.

use super::super::departed::Departed;
use super::*;

/// Milliseconds.
fn ms(milliseconds: u64) -> Now {
    Now::new(Duration::from_millis(milliseconds), 0)
}

/// Takes a peer's message, and returns the answer's type and the events.
fn take(
    node: &mut Discovery<u16>,
    now: u64,
    from: u16,
    message: &Message,
) -> (bool, Vec<PeerEvent<u16>>) {
    let answered = node.handle(ms(now), from, message).is_some();
    (answered, events(node))
}

/// A node that a peer has just left, at 0 ms.
fn left() -> Discovery<u16> {
    let mut node = node("me");
    assert!(advertise(&mut node, 0, 1, "a"));
    events(&mut node);
    let (_, events) = take(&mut node, 0, 1, &message(types::DISCONNECT, "a", "data"));
    assert!(matches!(events[..], [PeerEvent::Removed { .. }]));
    node
}

#[test]
fn an_introduction_that_was_overtaken_brings_nobody_back() {
    for message_type in [types::ADVERTISE_PEER, types::PEER_DISCOVERED] {
        let mut node = left();
        let introduction = message(message_type, "a", "data");
        // Datagrams may be doubled, too.
        for now in [0, 1, 300, 999] {
            let (answered, events) = take(&mut node, now, 1, &introduction);
            assert!(!answered, "{now}");
            assert_eq!(events, [refused(1, PeerRefused::JustLeft)]);
        }
        assert!(node.peers().is_empty());
    }
}

#[test]
fn a_node_that_was_restarted_is_back_with_the_next_round() {
    let mut node = left();
    let advertisement = message(types::ADVERTISE_PEER, "a", "data");
    take(&mut node, 500, 1, &advertisement);
    // Its own next one, or its answer to this node's.
    let (answered, events) = take(&mut node, 20_500, 1, &advertisement);
    assert!(answered && matches!(events[..], [PeerEvent::Added(_)]));
    let mut node = left();
    node.handle_timeout(at(20));
    assert!(node.poll_advertisement().is_some());
    let answer = message(types::PEER_DISCOVERED, "a", "data");
    let (_, events) = take(&mut node, 20_001, 1, &answer);
    assert!(matches!(events[..], [PeerEvent::Added(_)]));
    // At the end of the second at the earliest.
    let (answered, _) = take(&mut left(), 1000, 1, &advertisement);
    assert!(answered);
}

#[test]
fn what_cannot_have_been_overtaken_is_accepted_at_once() {
    let advertise = |id, data| message(types::ADVERTISE_PEER, id, data);
    // Other data, another address, another peer.
    for (from, advertisement) in [
        (1, advertise("a", "restarted")),
        (2, advertise("a", "data")),
        (1, advertise("b", "data")),
    ] {
        let (answered, events) = take(&mut left(), 10, from, &advertisement);
        assert!(answered && matches!(events[..], [PeerEvent::Added(_)]));
    }
    // The application has the last word, and then the peer is as any other.
    let mut node = left();
    let peer = Peer::new("a").with_data("data");
    assert_eq!(node.update(ms(10), peer, 1), Ok(PeerChange::Added));
    events(&mut node);
    let (answered, events) = take(&mut node, 20, 1, &advertise("a", "data"));
    assert_eq!((answered, events), (true, Vec::new()));
}

#[test]
fn an_address_that_a_peer_left_is_not_added_again_either() {
    let mut node = node("me");
    assert!(advertise(&mut node, 0, 1, "a") && advertise(&mut node, 0, 2, "a"));
    take(&mut node, 1, 2, &message(types::DISCONNECT, "a", "data"));
    assert!(!advertise(&mut node, 0, 2, "a") && advertise(&mut node, 0, 1, "a"));
    assert_eq!(node.peers().get(b"a").unwrap().addresses, [1]);
}

#[test]
fn without_rounds_a_peer_may_come_back_at_once() {
    let mut node = node_with(Wire::default(), Peer::new("me"));
    node.begin(at(0), ManagementConfig::for_streams()).unwrap();
    for _ in 0..2 {
        assert!(advertise(&mut node, 0, 1, "a"));
        take(&mut node, 0, 1, &message(types::DISCONNECT, "a", "data"));
        assert!(node.peers().is_empty());
    }
}

#[test]
fn what_is_remembered_is_bounded_in_number_and_time() {
    let mut departed = Departed::new();
    let peer = |number: u16| Peer::new(number.to_be_bytes().to_vec());
    let max = Departed::<u16>::ENTRIES as u16;
    for number in 0..=max {
        departed.insert(peer(number), number, at(5).monotonic);
    }
    assert_eq!(departed.len(), usize::from(max));
    let contains = |departed: &mut Departed<u16>, number| {
        departed.contains(&peer(number), number, at(5).monotonic)
    };
    assert!(!contains(&mut departed, 0) && contains(&mut departed, 1));
    // One that leaves again has one entry.
    departed.insert(peer(max), max, at(5).monotonic);
    assert!(contains(&mut departed, 1));
    for now in [at(6), at(4)] {
        departed.insert(peer(0), 0, at(5).monotonic);
        assert!(!departed.contains(&peer(0), 0, now.monotonic));
        assert_eq!(departed.len(), 0);
    }
}
