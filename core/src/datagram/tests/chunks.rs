//! What datagrams keep that are pieces of one chunk of memory.

use super::super::inlet::Inlet;
use super::end::serving;
use super::*;
use crate::calls::Calls;

/// Takes datagrams by way of the receive buffer.
fn receive(node: &mut End, datagram: &[u8], count: usize) {
    for _ in 0..count {
        let link = &mut node.link;
        link.receive_buffer().extend_from_slice(datagram);
        link.received(NOON, at(1), None, datagram.len()).unwrap();
    }
}

/// The calls of the requests that were received.
fn calls(node: &mut End) -> Vec<Call> {
    let calls = node.events(NOON).into_iter().map(|event| match event {
        DatagramEvent::Call { call, .. } => call,
        other => panic!("{other:?}"),
    });
    calls.collect()
}

fn request(len: usize) -> Vec<u8> {
    frame(&Message::new(types::REQUEST_URI, "u", alloc::vec![0; len]))
}

/// What the node counts, once it has nothing to do.
fn held(node: &mut End) -> usize {
    assert!(node.events(NOON).is_empty());
    node.node.inbound_bytes()
}

#[test]
fn a_chunk_counts_once_until_the_last_of_its_requests_is_answered() {
    let mut node = serving(Layer::new());
    let request = request(100);
    let fit = Inlet::CHUNK / request.len();
    receive(&mut node, &request, 2 * fit + 1);
    let mut calls = calls(&mut node);
    assert_eq!(calls.len(), 2 * fit + 1);
    assert_eq!(held(&mut node), 3 * Inlet::CHUNK);
    // One of each chunk stays, the last ones first in `kept`.
    let kept = [2 * fit, fit, 0].map(|at| calls.remove(at));
    for call in calls {
        node.reply(NOON, call, None);
    }
    for (left, call) in [3, 2, 1].into_iter().zip(kept) {
        assert_eq!(held(&mut node), left * Inlet::CHUNK);
        node.reply(NOON, call, None);
    }
    assert_eq!(held(&mut node), 0);
}

#[test]
fn what_is_not_handled_counts_with_its_chunks() {
    let limits = Limits::default().with_frames_per_turn(1).unwrap();
    let mut node = with_config(limited(limits));
    node.node.on(types::REQUEST_URI, (), Layer::new()).unwrap();
    let request = request(100);
    let fit = Inlet::CHUNK / request.len();
    receive(&mut node, &request, fit + 2);
    let mut taken = Vec::new();
    for handled in 1..=fit + 2 {
        let event = node.link.poll(NOON, &mut node.node);
        assert!(matches!(event, Some(DatagramEvent::Call { .. })));
        taken.extend(event);
        assert!(node.link.poll(NOON, &mut node.node).is_none());
        // All are kept by handlers.
        assert_eq!(node.node.inbound_bytes(), 2 * Inlet::CHUNK, "{handled}");
    }
    // Calls that are dropped are answered by the node.
    drop(taken);
    while node.link.poll(NOON, &mut node.node).is_some() || node.link.wants_poll() {}
    assert_eq!(node.node.inbound_bytes(), 0);
}

#[test]
fn what_waits_for_a_handler_keeps_no_chunk() {
    let limits = Limits::default().with_handlers(1).unwrap();
    let mut node = with_config(limited(limits));
    node.node.on(types::REQUEST_URI, (), Layer::new()).unwrap();
    let request = request(100);
    receive(&mut node, &request, 2);
    let first = calls(&mut node).remove(0);
    let waiting = request.len() + Calls::<SocketAddr>::WAITING_BYTES;
    assert_eq!(held(&mut node), Inlet::CHUNK + waiting);
    node.reply(NOON, first, None);
    let second = calls(&mut node).remove(0);
    assert_eq!(held(&mut node), request.len());
    node.reply(NOON, second, None);
    assert_eq!(held(&mut node), 0);
}

#[test]
fn a_chunk_is_used_again_once_all_of_it_is_gone() {
    let mut node = serving(Layer::new());
    let request = request(100);
    let fit = Inlet::CHUNK / request.len();
    let mut places = Vec::new();
    for _ in 0..10 {
        places.push(node.link.receive_buffer().as_ptr() as usize);
        receive(&mut node, &request, fit * 3 / 4);
        for call in calls(&mut node) {
            node.reply(NOON, call, None);
        }
        while node.link.poll_outbound(&mut Transmits::new()) {}
    }
    places.dedup();
    assert_eq!(places.len(), 1);
}

#[test]
fn a_long_datagram_has_a_buffer_of_its_own() {
    let mut node = serving(Layer::new());
    let (long, short) = (request(60_000), request(100));
    receive(&mut node, &long, 1);
    let of_long = calls(&mut node);
    let counted = held(&mut node);
    assert!((long.len()..=long.len() + Inlet::CHUNK).contains(&counted));
    receive(&mut node, &short, 1);
    let of_short = calls(&mut node);
    assert_eq!(held(&mut node), counted + Inlet::CHUNK);
    for call in of_long {
        node.reply(NOON, call, None);
    }
    assert_eq!(held(&mut node), Inlet::CHUNK);
    drop(of_short);
}
