//! What a remote is told of news that were dropped for it.

use super::slow::{forward, serving};
use super::*;
use crate::limits::SlowConsumerPolicy;
use crate::message::Gap;
use crate::message::types::*;

/// The notifications that go out: their numbers, and the gaps that they tell of.
fn gaps(pair: &mut Pair) -> Vec<(u8, Option<u64>)> {
    let mut told = Vec::new();
    let mut written = Vec::new();
    loop {
        while pair.server.link.poll_outbound(&mut written) {
            let news = unopened(&written).into_iter();
            let news = news.filter(|message| message.message_type == NOTIFY_URI);
            told.extend(news.map(|message| (message.content[0], Gap::of(&message))));
        }
        pair.server.drain(pair.now);
        if !pair.server.link.wants_write() {
            return told;
        }
    }
}

#[test]
fn the_first_one_behind_a_gap_tells_of_it() {
    let cases = [
        // The oldest are gone: those that wait begin with what is left.
        (
            SlowConsumerPolicy::DropOldest,
            [(4, Some(3)), (5, None)],
            (24, None),
        ),
        (
            SlowConsumerPolicy::DropNewest,
            [(1, None), (2, None)],
            (24, Some(3)),
        ),
    ];
    for (policy, first, last) in cases {
        let mut pair = serving(policy);
        let content = |number: u8| {
            let rest = 50_000 - frame(&Message::notify("n", "")).len();
            alloc::vec![number; rest]
        };
        let plain = SendOptions::new();
        for number in 1..=23 {
            let message = Message::notify("n", content(number));
            let shared = pair
                .server
                .node
                .share_message(frame(&message), &message, &plain);
            forward(&mut pair, &shared);
        }
        let mut told = gaps(&mut pair);
        let message = Message::notify("n", content(24));
        pair.server.notify(pair.now, &message, &plain).unwrap();
        told.extend(gaps(&mut pair));
        assert_eq!(
            (&told[..2], told.last()),
            (&first[..], Some(&last)),
            "{policy:?}"
        );
        assert_eq!(told.len(), 21);
        // It is told once, also of what a driver has lost.
        pair.server.notify(pair.now, &message, &plain).unwrap();
        pair.server.link.lost(7);
        pair.server.notify(pair.now, &message, &plain).unwrap();
        assert_eq!(gaps(&mut pair), [(24, None), (24, Some(7))]);
    }
}

#[test]
fn one_that_has_no_place_for_the_number_leaves_it_to_the_next() {
    let mut pair = serving(SlowConsumerPolicy::DropNewest);
    let plain = SendOptions::new();
    pair.server.link.lost(2);
    // The longest auth section that there is.
    let longest = (65_000..=65_535).rev().find(|len| {
        let mut message = Message::notify("n", alloc::vec![1]);
        let filler = alloc::vec![0; *len];
        message.auth.set_bytes("filler", &filler).unwrap();
        pair.server.notify(pair.now, &message, &plain).is_ok()
    });
    assert!(longest < Some(65_535));
    pair.server.drain(pair.now);
    assert!(pair.server.outbound().len() > 65_000);
    let next = Message::notify("n", alloc::vec![2]);
    pair.server.notify(pair.now, &next, &plain).unwrap();
    assert_eq!(gaps(&mut pair), [(2, Some(2))]);
}
