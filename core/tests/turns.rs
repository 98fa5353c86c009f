//! What a link, a hub and a datagram link do between two turns.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

use std::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    Correlation, DatagramEvent, Hub, HubEvent, Layer, Limits, LinkConfig, LinkEvent, LinkId,
    Message, Node, Now, Output, RequestOptions, SendOptions, Transmits,
};
use rand_core::{CryptoRng, SeedableRng};

fn rng(seed: u64) -> Box<dyn CryptoRng + Send> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

fn now() -> Now {
    Now::new(Duration::from_secs(1000), 1_700_000_000)
}

fn node(limits: Limits) -> Node<()> {
    let mut config = LinkConfig::new().with_limits(limits);
    config.correlation = Correlation::default().with_requests(true);
    let mut node = Node::for_streams(config);
    node.on(REQUEST_URI, (), Layer::new()).unwrap();
    node
}

/// The bytes of so many requests.
fn requests(count: usize) -> Vec<u8> {
    let mut node = node(Limits::default());
    let mut link = node.connect(now(), None, rng(1));
    for _ in 0..count {
        let (message, options) = (Message::request("a"), RequestOptions::new());
        let sent = link.request(now(), &mut node, &message, &options);
        sent.unwrap();
    }
    let mut bytes = Vec::new();
    assert_eq!(link.poll_outbound(&mut bytes), count > 0);
    bytes
}

/// The bytes of a request with a long content.
fn long_request() -> Vec<u8> {
    let mut node = node(Limits::default());
    let mut link = node.connect(now(), None, rng(1));
    let message = Message::new(REQUEST_URI, "a", vec![0; 60_000]);
    let plain = SendOptions::new();
    link.send(now(), &mut node, &message, &plain).unwrap();
    let mut bytes = Vec::new();
    assert!(link.poll_outbound(&mut bytes));
    bytes
}

#[test]
fn one_turn_calls_no_more_handlers_than_may_run() {
    let limits = Limits::default().with_handlers(2).unwrap();
    let mut node = node(limits.with_handlers_per_connection(8).unwrap());
    let mut link = node.accept(now(), None, rng(2)).unwrap();
    link.receive(now(), &requests(5)).unwrap();
    let mut calls = Vec::new();
    while let Some(event) = link.poll(now(), &mut node) {
        let LinkEvent::Call { call, .. } = event else {
            panic!("{event:?}")
        };
        calls.push(call);
    }
    assert_eq!(calls.len(), 2);
    let call = calls.remove(0);
    link.reply(now(), &mut node, call, None).unwrap();
    let event = link.poll(now(), &mut node);
    assert!(matches!(event, Some(LinkEvent::Call { .. })), "{event:?}");
}

#[test]
fn a_hub_answers_for_a_call_that_is_dropped_while_its_link_is_idle() {
    let mut hub = Hub::new(node(Limits::default()), || rng(3));
    let link = hub.accept(now(), None).unwrap();
    hub.receive(now(), link, &requests(1)).unwrap();
    let Some(Output::Call { call, .. }) = hub.poll(now()) else {
        panic!("no call")
    };
    assert!(hub.poll(now()).is_none() && hub.deadline().is_none());
    drop(call);
    assert_eq!(hub.deadline(), Some(now().monotonic));
    let output = hub.poll(now());
    let unanswered = matches!(output, Some(Output::Event(HubEvent::Unanswered { .. })));
    assert!(unanswered, "{output:?}");
    let output = hub.poll(now());
    assert!(matches!(output, Some(Output::Write { .. })), "{output:?}");
}

#[test]
fn a_datagram_that_comes_during_a_drain_is_ignored() {
    let mut node: Node<()> = Node::for_datagrams(LinkConfig::new());
    let mut link = node.bind(now(), None, rng(4));
    link.drain(now(), &mut node, Duration::from_secs(1));
    let from = "192.0.2.1:8888".parse().unwrap();
    let datagram = BytesMut::from(&requests(1)[..]);
    link.receive(now(), from, datagram.clone()).unwrap();
    let event = link.poll(now(), &mut node);
    assert!(matches!(event, Some(DatagramEvent::Closed)), "{event:?}");
    link.receive(now(), from, datagram).unwrap();
    assert!(link.poll(now(), &mut node).is_none() && !link.wants_poll());
    assert!(!link.poll_outbound(&mut Transmits::new()));
}

/// A server's hub with small bounds, and two links that have sent requests.
fn two_links(limits: Limits, counts: [usize; 2]) -> (Hub<()>, [LinkId; 2]) {
    let mut hub = Hub::new(node(limits), || rng(5));
    let links = counts.map(|count| {
        let link = hub.accept(now(), None).unwrap();
        hub.receive(now(), link, &requests(count)).unwrap();
        link
    });
    (hub, links)
}

#[test]
fn a_link_whose_answers_are_written_at_once_does_not_keep_its_turn() {
    let limits = Limits::default().with_frames_per_turn(2).unwrap();
    let (mut hub, links) = two_links(limits, [10, 10]);
    let mut order = Vec::new();
    while hub.deadline() == Some(now().monotonic) {
        match hub.poll(now()) {
            Some(Output::Call { call, .. }) => {
                order.extend(call.link());
                hub.reply(now(), call, Message::respond_uri("a", "b"))
                    .unwrap();
            }
            Some(Output::Write { link, bytes }) => {
                let count = bytes.len();
                hub.written(now(), link, count);
            }
            Some(output) => panic!("{output:?}"),
            None => {}
        }
    }
    let [a, b] = links;
    assert_eq!(order, [a, a, b, b].repeat(5));
    // What was written is held no more, though nobody was polled since.
    assert_eq!(hub.node().outbound_bytes(), 0);
}

#[test]
fn an_end_is_noticed_while_no_handler_is_free() {
    let limits = Limits::default().with_handlers(1).unwrap();
    let (mut hub, [_, idle]) = two_links(limits, [1, 0]);
    let Some(Output::Call { call, .. }) = hub.poll(now()) else {
        panic!("no call")
    };
    assert!(hub.poll(now()).is_none());
    hub.handle_eof(now(), idle);
    let output = hub.poll(now());
    let shut = matches!(output, Some(Output::Shutdown { link }) if link == idle);
    assert!(shut, "{output:?}");
    hub.reply(now(), call, None).unwrap();
}

#[test]
fn a_link_that_waits_for_room_too_has_its_handler_when_one_is_free() {
    let limits = Limits::default().with_handlers(1).unwrap();
    let limits = limits.with_inbound_total(132_096).unwrap();
    let mut hub = Hub::new(node(limits), || rng(6));
    let [first, second, third] = [(); 3].map(|()| hub.accept(now(), None).unwrap());
    hub.receive(now(), first, &requests(1)).unwrap();
    let Some(Output::Call { call, .. }) = hub.poll(now()) else {
        panic!("no call")
    };
    let two = [requests(1), long_request()].concat();
    hub.receive(now(), second, &two).unwrap();
    hub.receive(now(), third, &two).unwrap();
    let output = hub.poll(now());
    assert!(output.is_none(), "{output:?}");
    assert_eq!(hub.deadline(), None);
    assert!(!hub.wants_read(second) && hub.link(second).unwrap().read_room() == 0);
    hub.reply(now(), call, None).unwrap();
    let output = hub.poll(now());
    let second_call =
        matches!(&output, Some(Output::Call { call, .. }) if call.link() == Some(second));
    assert!(second_call, "{output:?}");
}
