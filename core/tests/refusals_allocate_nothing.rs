//! A message that fails its check is refused without an answer, and without an
//! allocation, where there is no room for the answer: past the budget for strangers
//! over datagrams, and before a full queue on a stream.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

mod allocations;
mod forger;

use std::time::Duration;

use bytes::BytesMut;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    DatagramEvent, Layer, Limits, LinkConfig, LinkEvent, Message, Node, Now, RequestOptions,
    SendOptions,
};

use allocations::without_allocating;
use forger::end::remote;
use forger::{NOON, frame, generator, hmac, overheard};

/// What a forger without the secret sends.
fn forged() -> Vec<u8> {
    let mut message = overheard(&Message::request("u"), &mut generator(5));
    message.content = "forged".into();
    frame(&message)
}

/// Those who pass the outer check may fail the one of a handler all the same.
fn layers() -> [(Layer, Layer); 2] {
    let inner = Layer::new().with_auth(HmacAuth::new("admin").with_hmac_field("camh"));
    [(hmac(), Layer::new()), (Layer::new(), inner)]
}

fn datagrams() {
    for (outer, inner) in layers() {
        let mut node = Node::for_datagrams(LinkConfig::new().with_outer(outer));
        node.on(REQUEST_URI, (), inner).unwrap();
        let mut link = node.bind(NOON, None, Box::new(generator(1)));
        let forged = forged();
        let mut answered = 0;
        for n in 0..100 {
            link.receive(NOON, remote(), BytesMut::from(&forged[..]))
                .unwrap();
            let queued = link.queued();
            let mut poll = || {
                let mut events = [None, None, None];
                for event in &mut events {
                    *event = link.poll(NOON, &mut node);
                }
                events
            };
            // What the first of them needs is kept for those that follow.
            let events = match n < 20 {
                true => poll(),
                false => without_allocating("a refusal past the budget", poll),
            };
            let suppressed = match events {
                [Some(DatagramEvent::Refused { .. }), None, None] => false,
                [
                    Some(DatagramEvent::Suppressed { .. }),
                    Some(DatagramEvent::Refused { .. }),
                    None,
                ] => true,
                other => panic!("{other:?}"),
            };
            assert_eq!(link.queued() > queued, !suppressed);
            answered += usize::from(!suppressed);
        }
        assert_eq!(answered, 10);
    }
}

/// Before a full queue no handler is called, so that its check is not reached.
fn stream() {
    let limits = Limits::default()
        .with_failures(1000)
        .and_then(|limits| limits.with_outbound_queue(200_000))
        .unwrap();
    let config = LinkConfig::new().with_limits(limits).with_outer(hmac());
    let mut node = Node::<()>::for_streams(config);
    let mut link = node
        .accept(NOON, Some(remote()), Box::new(generator(1)))
        .unwrap();
    // It looks at what comes, for it waits for an answer.
    let options = RequestOptions::new().with_timeout(Duration::MAX);
    let ask = Message::request("v");
    link.request(NOON, &mut node, &ask, &options).unwrap();
    let large = Message::notify("u", vec![0; 60_000]);
    let plain = SendOptions::new();
    while link.send(NOON, &mut node, &large, &plain).is_ok() {}
    let queued = link.queued();
    let forged = forged();
    for n in 0..600 {
        let now = Now::new(NOON.monotonic + Duration::from_secs(n), NOON.unix);
        link.receive(now, &forged).unwrap();
        let mut poll = || [link.poll(now, &mut node), link.poll(now, &mut node)];
        // Failures of a minute are remembered.
        let events = match n < 120 {
            true => poll(),
            false => without_allocating("a refusal before a full queue", poll),
        };
        assert!(matches!(events, [Some(LinkEvent::Refused(_)), None]));
        assert_eq!(link.queued(), queued);
    }
}

fn main() {
    datagrams();
    stream();
}
