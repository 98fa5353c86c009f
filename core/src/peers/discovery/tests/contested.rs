//! Nodes that crash and come back with a new id at the old address.

use super::super::contested::Contested;
use super::*;
use crate::network::Origin;

const MINUTE: u32 = 60;

/// An introduction from address 1, where an auth plugin stood before if it is `verified`.
fn say(
    node: &mut Discovery<u16>,
    seconds: u32,
    id: &'static str,
    verified: bool,
) -> Option<MessageType> {
    say_as(node, seconds, (id, 1), verified, types::ADVERTISE_PEER)
}

fn say_as(
    node: &mut Discovery<u16>,
    seconds: u32,
    (id, from): (&'static str, u16),
    verified: bool,
    message_type: MessageType,
) -> Option<MessageType> {
    let origin = Origin {
        network: None,
        verified,
    };
    let message = message(message_type, id, "data");
    let answer = node.handle_from(at(seconds), from, origin, &message);
    answer.map(|answer| answer.message_type)
}

/// The addresses that are asked by then.
fn questions(node: &mut Discovery<u16>, seconds: u32) -> Vec<u16> {
    node.handle_timeout(at(seconds));
    core::iter::from_fn(|| {
        let (address, question) = node.poll_question(at(seconds))?;
        assert_eq!(question.message.message_type, types::ADVERTISE_PEER);
        Some(address)
    })
    .collect()
}

fn id_at(node: &Discovery<u16>, address: u16) -> &[u8] {
    node.peers().at(address).map_or(b"", |peer| &peer.id)
}

#[test]
fn who_is_gone_gives_way_to_a_newcomer_within_seconds() {
    let mut node = node("me");
    say(&mut node, 0, "old", false);
    assert_eq!(say(&mut node, 5, "new", false), None);
    assert_eq!(node.poll_deadline(), Some(at(5).monotonic));
    for seconds in [5, 6, 7] {
        assert_eq!(questions(&mut node, seconds), [1], "{seconds}");
        assert_eq!(questions(&mut node, seconds), [], "{seconds}");
        // What the newcomer answers says nothing of the one that was there.
        say_as(
            &mut node,
            seconds,
            ("new", 1),
            false,
            types::PEER_DISCOVERED,
        );
        assert_eq!(id_at(&node, 1), b"old");
        let next = Some(at(seconds + 1).monotonic);
        assert_eq!(node.poll_deadline(), next);
    }
    events(&mut node);
    assert_eq!(questions(&mut node, 8), []);
    let (old, new) = (Peer::new("old"), Peer::new("new"));
    let expected = [
        PeerEvent::Removed {
            known: known(old.with_data("data"), &[1], at(0).monotonic),
            reason: RemovalReason::Displaced,
        },
        PeerEvent::Added(known(new.with_data("data"), &[1], at(8).monotonic)),
    ];
    assert_eq!(events(&mut node), expected);
    assert_eq!(
        say(&mut node, 9, "new", false),
        Some(types::PEER_DISCOVERED)
    );
}

#[test]
fn who_is_alive_and_answers_stays_and_is_left_alone_for_a_minute() {
    let mut node = node("me");
    say(&mut node, 0, "alive", false);
    assert_eq!(say(&mut node, 5, "forged", false), None);
    // The first question, or its answer, is lost.
    assert_eq!(questions(&mut node, 5), [1]);
    assert_eq!(questions(&mut node, 6), [1]);
    say_as(&mut node, 6, ("alive", 1), false, types::PEER_DISCOVERED);
    for seconds in [7, 8, 30, 6 + MINUTE - 1] {
        assert_eq!(say(&mut node, seconds, "forged", false), None);
        assert_eq!(questions(&mut node, seconds), [], "{seconds}");
        say(&mut node, seconds, "alive", false);
        assert_eq!(id_at(&node, 1), b"alive");
    }
    assert_eq!(say(&mut node, 6 + MINUTE, "forged", false), None);
    assert_eq!(questions(&mut node, 6 + MINUTE), [1]);
}

#[test]
fn who_is_vouched_for_takes_the_address_of_a_crashed_self_at_once() {
    let mut node = node("me");
    say(&mut node, 0, "old", true);
    events(&mut node);
    // The one that was there is asked all the same.
    assert_eq!(say(&mut node, 5, "new", true), Some(types::ADVERTISE_PEER));
    assert_eq!(id_at(&node, 1), b"new");
    let told = events(&mut node);
    assert!(matches!(
        &told[..],
        [
            PeerEvent::Removed { known, reason: RemovalReason::Displaced },
            PeerEvent::Added(new)
        ] if known.peer.id == "old" && new.peer.id == "new"
    ));
    assert!(node.peers().is_vouched(1));
    assert_eq!(say(&mut node, 6, "new", true), Some(types::PEER_DISCOVERED));
}

#[test]
fn a_recorded_introduction_displaces_nobody_who_is_alive_for_longer_than_an_answer_takes() {
    let mut node = node("me");
    say(&mut node, 0, "alive", true);
    // From a forged address, of one who is long gone.
    assert_eq!(say(&mut node, 5, "gone", true), Some(types::ADVERTISE_PEER));
    say_as(&mut node, 5, ("alive", 1), true, types::PEER_DISCOVERED);
    assert_eq!(id_at(&node, 1), b"alive");
    // And no more for a minute.
    for seconds in [6, 30, 64] {
        assert_ne!(
            say(&mut node, seconds, "gone", true),
            Some(types::ADVERTISE_PEER)
        );
        questions(&mut node, seconds);
        say_as(
            &mut node,
            seconds,
            ("alive", 1),
            true,
            types::PEER_DISCOVERED,
        );
        assert_eq!(id_at(&node, 1), b"alive");
    }
    // Of one who is elsewhere it is none of a node that came back.
    say_as(&mut node, 70, ("other", 2), true, types::ADVERTISE_PEER);
    say(&mut node, 200, "alive", true);
    assert_eq!(say(&mut node, 200, "other", true), None);
    assert_eq!(id_at(&node, 1), b"alive");
    assert_eq!(questions(&mut node, 200), [1]);
}

#[test]
fn a_stranger_displaces_nobody_who_is_vouched_for() {
    let mut node = node("me");
    say(&mut node, 0, "alice", true);
    node.update(at(0), Peer::new("by hand"), 2).unwrap();
    for seconds in [5, 10, 15] {
        for address in [1, 2] {
            let from = ("stranger", address);
            say_as(&mut node, seconds, from, false, types::ADVERTISE_PEER);
        }
        assert_eq!(questions(&mut node, seconds), []);
    }
    assert_eq!(
        (id_at(&node, 1), id_at(&node, 2)),
        (&b"alice"[..], &b"by hand"[..])
    );
}

#[test]
fn two_behind_one_address_do_not_change_places_without_end() {
    for verified in [false, true] {
        let mut node = node("me");
        let mut changes = 0;
        for seconds in 0..10 * MINUTE {
            let id = ["one", "two"][seconds as usize % 2];
            if seconds % 5 == 0 {
                say(&mut node, seconds, id, verified);
            }
            for address in questions(&mut node, seconds) {
                // The system gives a question to either.
                let from = (["one", "two"][seconds as usize / 2 % 2], address);
                say_as(&mut node, seconds, from, verified, types::PEER_DISCOVERED);
            }
            let came = |event: &PeerEvent<u16>| matches!(event, PeerEvent::Added(_));
            changes += events(&mut node).iter().filter(|event| came(event)).count();
        }
        assert!(changes <= 2 * 10 + 1, "{changes}");
    }
}

#[test]
fn who_cannot_be_asked_stays() {
    let mut node = node("me");
    say(&mut node, 0, "old", false);
    say(&mut node, 5, "new", false);
    assert_eq!(questions(&mut node, 5), [1]);
    node.not_asked(1);
    for seconds in [6, 7, 8, 20] {
        assert_eq!(questions(&mut node, seconds), []);
    }
    assert_eq!(id_at(&node, 1), b"old");
}

#[test]
fn over_streams_and_without_rounds_nobody_is_asked() {
    let mut node = node_with(Wire::default(), Peer::new("me").with_data("data"));
    node.begin(at(0), ManagementConfig::for_streams()).unwrap();
    for verified in [false, true] {
        say(&mut node, 0, "old", verified);
        assert_eq!(say(&mut node, 1, "new", verified), None);
        assert_eq!(
            (node.poll_deadline(), questions(&mut node, 5)),
            (None, Vec::new())
        );
        assert_eq!(id_at(&node, 1), b"old");
    }
}

#[test]
fn as_many_are_asked_about_as_may_be_and_memory_is_given_back() {
    let mut node = node("me");
    let all = Contested::<u16>::ENTRIES as u16 + 10;
    for address in 0..all {
        say_as(
            &mut node,
            0,
            (name(address), address),
            false,
            types::ADVERTISE_PEER,
        );
    }
    for address in 0..all {
        say_as(
            &mut node,
            1,
            (name(1000 + address), address),
            false,
            types::ADVERTISE_PEER,
        );
    }
    assert_eq!(questions(&mut node, 1).len(), Contested::<u16>::ENTRIES);
    node.stop(APP);
    assert_eq!(questions(&mut node, 2), []);
    assert_eq!(id_at(&node, 0), name(0).as_bytes());
}

/// An id, kept for as long as the tests run.
fn name(number: u16) -> &'static str {
    alloc::format!("{number}").leak()
}
