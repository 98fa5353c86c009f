//! Two nodes with one id.

use super::super::duplicates::Duplicates;
use super::*;

/// What is told of ids, each with the address of the other node.
fn told(node: &mut Discovery<u16>) -> Vec<(Bytes, Option<u16>, u16)> {
    let events = events(node).into_iter();
    let told = events.filter_map(|event| match event {
        PeerEvent::DuplicateId { id, known, other } => Some((id, known, other)),
        _ => None,
    });
    told.collect()
}

fn introduce(
    node: &mut Discovery<u16>,
    seconds: u32,
    from: u16,
    id: &'static str,
    data: &'static str,
) {
    let message = message(types::ADVERTISE_PEER, id, data);
    node.handle(at(seconds), from, &message);
}

#[test]
fn another_node_with_this_nodes_id_is_told_of_once_in_ten_minutes() {
    let mut node = node("me");
    node.set_own_addresses([1, 2]);
    for round in 0..20 {
        // Its own come back from its own addresses.
        introduce(&mut node, round * 20, 1, "me", "data");
        introduce(&mut node, round * 20, 2, "me", "data");
    }
    assert_eq!(told(&mut node), []);
    let mut all = Vec::new();
    for round in 0..60 {
        introduce(&mut node, 1000 + round * 20, 3, "me", "data");
        all.extend(told(&mut node));
    }
    // A machine's address may be new: one alone is none.
    assert_eq!(all, [("me".into(), None, 3), ("me".into(), None, 3)]);
}

#[test]
fn one_that_differs_is_another_nodes_wherever_it_comes_from() {
    let mut node = node("me");
    introduce(&mut node, 1, 1, "me", "data");
    introduce(&mut node, 100, 1, "me", "data");
    assert_eq!(told(&mut node), []);
    introduce(&mut node, 101, 2, "me", "other data");
    introduce(&mut node, 112, 2, "me", "other data");
    assert_eq!(told(&mut node), [("me".into(), None, 2)]);
}

#[test]
fn two_peers_with_one_id_are_told_of_when_both_are_heard() {
    let mut node = node("me");
    introduce(&mut node, 0, 1, "a", "one");
    // One that has moved is not two.
    for round in 1..3 {
        introduce(&mut node, round * 10, 2, "a", "two");
    }
    assert_eq!(told(&mut node), []);
    introduce(&mut node, 30, 1, "a", "one");
    for round in 4..10 {
        introduce(&mut node, round * 10, 2, "a", "two");
        introduce(&mut node, round * 10, 1, "a", "one");
    }
    assert_eq!(told(&mut node), [("a".into(), Some(1), 2)]);
}

#[test]
fn of_many_some_are_remembered() {
    let mut duplicates = Duplicates::new();
    let now = SECOND;
    for id in 0..10_000_u32 {
        assert!(!duplicates.seen_local(&id.to_be_bytes(), 1, now));
    }
    let later = now + Duplicates::<u8>::DOUBT;
    assert!(duplicates.seen_local(&9_999_u32.to_be_bytes(), 1, later));
    assert!(!duplicates.seen_local(&9_999_u32.to_be_bytes(), 1, later));
    assert!(!duplicates.seen_local(&1_u32.to_be_bytes(), 1, later));
    assert_eq!(duplicates.len(), Duplicates::<u8>::ENTRIES);
}
