//! Introductions that a `DISCONNECT` overtakes.

use super::super::departed::{Decision, Departed};
use super::*;

/// Milliseconds.
fn ms(milliseconds: u64) -> Now {
    Now::new(Duration::from_millis(milliseconds), 0)
}

/// Takes a peer's message, and returns the type of the answer and the events.
fn take(
    node: &mut Discovery<u16>,
    now: u64,
    from: u16,
    message: &Message,
) -> (Option<MessageType>, Vec<PeerEvent<u16>>) {
    let answer = node.handle(ms(now), from, message);
    (answer.map(|answer| answer.message_type), events(node))
}

const ADVERTISED: Option<MessageType> = Some(types::ADVERTISE_PEER);
const DISCOVERED: Option<MessageType> = Some(types::PEER_DISCOVERED);

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
    let [advertisement, answer] = [types::ADVERTISE_PEER, types::PEER_DISCOVERED]
        .map(|message_type| message(message_type, "a", "data"));
    for introduction in [&advertisement, &answer] {
        let mut node = left();
        let (asked, events) = take(&mut node, 1, 1, introduction);
        assert_eq!((asked, events), (ADVERTISED, Vec::new()));
        // Datagrams may be duplicated, too; it is asked once.
        for now in [1, 300, 999] {
            let ignored = take(&mut node, now, 1, &advertisement);
            assert_eq!(ignored, (None, Vec::new()), "{now}");
        }
        assert!(node.peers().is_empty());
    }
}

#[test]
fn a_node_that_was_restarted_is_back_at_once() {
    let mut node = left();
    let mut restarted = super::node("a");
    let advertisement = message(types::ADVERTISE_PEER, "a", "data");
    let question = node.handle(ms(1), 1, &advertisement).unwrap();
    let answer = restarted.handle(ms(2), 9, &question).unwrap();
    let (none, events) = take(&mut node, 3, 1, &answer);
    assert!(none.is_none() && matches!(events[..], [PeerEvent::Added(_)]));
    // Both know each other, and all is as usual.
    assert_eq!(restarted.peers().len(), 1);
    assert_eq!(take(&mut node, 4, 1, &advertisement).0, DISCOVERED);
}

#[test]
fn where_the_question_is_lost_the_next_round_brings_it_back() {
    for introduction in [types::ADVERTISE_PEER, types::PEER_DISCOVERED] {
        let mut node = left();
        take(
            &mut node,
            1,
            1,
            &message(types::ADVERTISE_PEER, "a", "data"),
        );
        node.handle_timeout(at(20));
        assert!(node.poll_advertisement().is_some());
        let introduction = message(introduction, "a", "data");
        let (_, events) = take(&mut node, 20_001, 1, &introduction);
        assert!(matches!(events[..], [PeerEvent::Added(_)]));
    }
    let advertisement = message(types::ADVERTISE_PEER, "a", "data");
    assert_eq!(take(&mut left(), 1000, 1, &advertisement).0, DISCOVERED);
}

#[test]
fn two_that_do_not_believe_each_other_stop_asking() {
    let (mut a, mut b) = (node("a"), node("b"));
    for (node, id) in [(&mut a, "b"), (&mut b, "a")] {
        assert!(advertise(node, 0, 1, id));
        take(node, 0, 1, &message(types::DISCONNECT, id, "data"));
    }
    let mut said = Some(message(types::ADVERTISE_PEER, "a", "data"));
    let mut messages = 0;
    while let Some(message) = said.take() {
        messages += 1;
        let (from_a, now) = (messages % 2 == 1, ms(messages));
        said = match from_a {
            true => b.handle(now, 1, &message),
            false => a.handle(now, 1, &message),
        };
    }
    assert_eq!(messages, 3);
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
        let (answer, events) = take(&mut left(), 10, from, &advertisement);
        assert_eq!(answer, DISCOVERED);
        assert!(matches!(events[..], [PeerEvent::Added(_)]));
    }
    // The application has the last word, and then the peer is as any other.
    let mut node = left();
    let peer = Peer::new("a").with_data("data");
    assert_eq!(node.update(ms(10), peer, 1), Ok(PeerChange::Added));
    events(&mut node);
    let accepted = take(&mut node, 20, 1, &advertise("a", "data"));
    assert_eq!(accepted, (DISCOVERED, Vec::new()));
}

#[test]
fn an_address_that_a_peer_left_is_not_added_again_either() {
    let mut node = node("me");
    assert!(advertise(&mut node, 0, 1, "a") && advertise(&mut node, 0, 2, "a"));
    take(&mut node, 1, 2, &message(types::DISCONNECT, "a", "data"));
    let advertisement = message(types::ADVERTISE_PEER, "a", "data");
    assert_eq!(take(&mut node, 2, 2, &advertisement).0, ADVERTISED);
    assert_eq!(take(&mut node, 2, 1, &advertisement).0, DISCOVERED);
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
    let decide = |departed: &mut Departed<u16>, number, now: Now| {
        departed.decide(&peer(number), number, false, now.monotonic)
    };
    assert_eq!(decide(&mut departed, 0, at(5)), Decision::Accept);
    assert_eq!(decide(&mut departed, 1, at(5)), Decision::Ask);
    // One that leaves again has one entry.
    departed.insert(peer(max), max, at(5).monotonic);
    assert_eq!(decide(&mut departed, 1, at(5)), Decision::Ignore);
    for now in [at(6), at(4)] {
        departed.insert(peer(0), 0, at(5).monotonic);
        assert_eq!(decide(&mut departed, 0, now), Decision::Accept);
        assert_eq!(departed.len(), 0);
    }
}
