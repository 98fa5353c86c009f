//! Handlers that keep one of many datagrams: what is counted is what is allocated.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

mod allocations;
mod forger;

use netaio_core::types::REQUEST_URI;
use netaio_core::{DatagramEvent, Layer, LinkConfig, Message, Node};

use allocations::now;
use forger::end::remote;
use forger::{NOON, frame, generator};

/// Datagrams that come at once, of which one is kept.
const TURN: usize = 40;
const LEN: usize = 100;
/// Those that are kept.
const KEPT: usize = 500;
/// What a call takes besides, its token, place and message, at most.
const BESIDE: usize = 1024;

#[test]
fn what_handlers_keep_is_counted() {
    let mut node = Node::for_datagrams(LinkConfig::new());
    node.on(REQUEST_URI, (), Layer::new()).unwrap();
    let mut link = node.bind(NOON, None, Box::new(generator(1)));
    let request = frame(&Message::new(REQUEST_URI, "u", vec![0; LEN]));
    let mut kept = Vec::with_capacity(KEPT);
    let before = now();
    while kept.len() < KEPT {
        for _ in 0..TURN {
            link.receive_buffer().extend_from_slice(&request);
            link.received(NOON, remote(), None, request.len()).unwrap();
        }
        let mut is_first = true;
        while let Some(event) = link.poll(NOON, &mut node) {
            let DatagramEvent::Call { call, message, .. } = event else {
                panic!("{event:?}");
            };
            match std::mem::take(&mut is_first) {
                true => kept.push((call, message)),
                false => link.reply(NOON, &mut node, call, None).unwrap(),
            }
        }
    }
    let allocated = now() - before;
    let counted = node.inbound_bytes();
    assert!(
        allocated <= counted + KEPT * BESIDE,
        "{allocated} bytes allocated, {counted} counted"
    );
    // Else it would not show.
    assert!(counted > KEPT * BESIDE, "{counted}");
    for (call, _) in kept {
        link.reply(NOON, &mut node, call, None).unwrap();
    }
    while link.poll(NOON, &mut node).is_some() {}
    assert_eq!(node.inbound_bytes(), 0);
}
