//! Nodes exchange datagrams in virtual time.

mod known;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{DatagramEvent, DatagramLink, Transmits};
use crate::config::{AuthErrorReply, LinkConfig, Role};
use crate::error::{FrameErrorKind, RequestError, SealError, SendError};
use crate::events::{DeadlineReason, Refusal};
use crate::limits::Limits;
use crate::link::Dispatched;
use crate::message::{Message, MessageType, types};
use crate::node::Node;
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::plugin::{HmacAuth, Layer};
use crate::wire::Wire;

const NOON: Now = Now::new(Duration::from_secs(1000), 1_700_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn at(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8888))
}

fn link(outer: Layer) -> DatagramLink {
    with_config(LinkConfig::new(Role::Node).with_outer(outer))
}

fn with_config(config: LinkConfig) -> DatagramLink {
    let rng = Box::new(ChaCha8Rng::seed_from_u64(1));
    DatagramLink::new(NOON, Arc::new(config), rng)
}

fn hmac(secret: &'static str) -> Layer {
    Layer::new().with_auth(HmacAuth::new(secret))
}

/// What a node sends, in order.
fn sent(link: &mut DatagramLink) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut all, mut out) = (Vec::new(), Transmits::new());
    while link.poll_outbound(&mut out) {
        all.extend(out.iter().map(|(to, datagram)| (to, datagram.to_vec())));
    }
    all
}

fn events(link: &mut DatagramLink) -> Vec<DatagramEvent> {
    core::iter::from_fn(|| link.poll_event()).collect()
}

/// One datagram with a message, as another node sends it.
fn datagram(outer: &Layer, message: &Message) -> BytesMut {
    let mut other = link(outer.clone());
    other
        .send(NOON, at(9), message, &SendOptions::new())
        .unwrap();
    sent(&mut other)[0].1.as_slice().into()
}

/// The one message that a node has received.
fn message(link: &mut DatagramLink) -> Dispatched<()> {
    match (link.poll_event(), link.poll_event()) {
        (Some(DatagramEvent::Message(inbound)), None) => {
            link.dispatch(NOON, inbound, &mut Node::new())
        }
        other => panic!("not one message: {other:?}"),
    }
}

#[test]
fn an_answer_counts_from_the_address_that_was_asked() {
    let mut node = link(Layer::new());
    let (mut ids, options) = (Vec::new(), RequestOptions::new());
    for to in [1, 2, 1] {
        let request = Message::request("u");
        ids.push(node.request(NOON, at(to), &request, &options).unwrap());
    }
    assert_eq!(node.pending_requests(), 3);
    let answer = |text: &'static str| datagram(&Layer::new(), &Message::respond_uri("u", text));
    node.receive(NOON, at(3), answer("from nobody"));
    node.receive(NOON, at(2), answer("second"));
    node.receive(NOON, at(1), answer("first"));
    node.receive(NOON, at(1), answer("third"));
    let ended: Vec<_> = events(&mut node)
        .into_iter()
        .filter_map(|event| match event {
            DatagramEvent::Answered {
                request,
                answer,
                remote,
            } => Some((request, answer.message.content, remote)),
            _ => None,
        })
        .collect();
    let expected = [
        (ids[1], "second".into(), at(2)),
        (ids[0], "first".into(), at(1)),
        (ids[2], "third".into(), at(1)),
    ];
    assert_eq!(ended, expected);
}

#[test]
fn an_answer_that_nobody_waits_for_is_told_of() {
    let mut node = link(Layer::new());
    let (request, options) = (Message::request("u"), RequestOptions::new());
    let given_up = node.request(NOON, at(1), &request, &options).unwrap();
    node.cancel(given_up);
    let answer = datagram(&Layer::new(), &Message::respond_uri("u", ""));
    node.receive(NOON, at(1), answer);
    let expected = Refusal::Unawaited {
        message_type: types::RESPOND_URI,
    };
    match &events(&mut node)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(1), &expected));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(node.counters().refused, 0);
}

#[test]
fn an_anonymous_error_ends_the_only_request_to_its_sender() {
    let mut node = link(Layer::new());
    let options = RequestOptions::new();
    for to in [1, 2, 2] {
        node.request(NOON, at(to), &Message::request("u"), &options)
            .unwrap();
    }
    let error = || datagram(&Layer::new(), &Message::error_message("not found"));
    node.receive(NOON, at(2), error());
    assert!(matches!(message(&mut node), Dispatched::Unrouted { .. }));
    node.receive(NOON, at(1), error());
    let Some(DatagramEvent::Answered { answer, .. }) = node.poll_event() else {
        panic!("no answer");
    };
    assert_eq!(answer.message.message_type, types::NOT_FOUND);
    assert_eq!(node.pending_requests(), 2);
}

#[test]
fn no_forged_error_ends_a_request() {
    let mut node = link(hmac("secret"));
    let request = Message::request("u");
    node.request(NOON, at(1), &request, &RequestOptions::new())
        .unwrap();
    let forged = Message::error("u", "gone");
    node.receive(NOON, at(1), datagram(&Layer::new(), &forged));
    assert!(matches!(
        events(&mut node)[..],
        [DatagramEvent::Refused { .. }]
    ));
    assert_eq!(node.pending_requests(), 1);
}

#[test]
fn a_request_times_out_by_the_cores_own_deadline() {
    let mut node = link(Layer::new());
    let options = RequestOptions::new().with_timeout(SECOND);
    let request = node
        .request(NOON, at(1), &Message::request("u"), &options)
        .unwrap();
    let deadline = node.poll_deadline().unwrap();
    let due = (NOON.monotonic + SECOND, DeadlineReason::Request);
    assert_eq!((deadline.at, deadline.reason), due);
    node.handle_timeout(NOON);
    assert!(node.poll_event().is_none());
    node.handle_timeout(Now::new(deadline.at, NOON.unix));
    match events(&mut node)[..] {
        [
            DatagramEvent::Failed {
                request: ended,
                ref error,
            },
        ] => {
            assert_eq!(ended, request);
            assert_eq!(*error, RequestError::TimedOut(SECOND));
        }
        ref other => panic!("{other:?}"),
    }
    assert_eq!(node.poll_deadline(), None);
}

#[test]
fn a_datagram_holds_one_frame_and_bytes_behind_it_are_ignored() {
    let mut node = link(Layer::new());
    let whole = datagram(&Layer::new(), &Message::request("echo"));
    for len in 0..whole.len() {
        node.receive(NOON, at(1), whole[..len].into());
        match events(&mut node)[..] {
            [
                DatagramEvent::Refused {
                    remote,
                    refusal: Refusal::Frame(FrameErrorKind::Truncated { .. }),
                },
            ] => assert_eq!(remote, at(1)),
            ref other => panic!("{len} bytes: {other:?}"),
        }
    }
    let mut longer = whole.clone();
    longer.extend_from_slice(&whole);
    node.receive(NOON, at(1), longer);
    assert!(matches!(message(&mut node), Dispatched::Unrouted { .. }));
    let counters = node.counters();
    assert_eq!(counters.received, whole.len() as u64 + 1);
    assert_eq!(counters.malformed, whole.len() as u64);
    assert!(sent(&mut node).is_empty());
}

#[test]
fn a_bad_checksum_and_a_failed_check_are_told_unsealed() {
    let mut node = link(hmac("secret"));
    let mut damaged = datagram(&hmac("secret"), &Message::request("echo"));
    *damaged.last_mut().unwrap() ^= 1;
    node.receive(NOON, at(1), damaged);
    node.receive(NOON, at(1), datagram(&hmac("wrong"), &Message::request("")));
    let plain = Layer::new();
    let expected = ["invalid message", "HMAC auth failed"].map(Message::error_message);
    let expected = expected.map(|message| (at(1), datagram(&plain, &message).to_vec()));
    assert_eq!(sent(&mut node), expected);
    let counters = node.counters();
    assert_eq!((counters.malformed, counters.refused), (1, 1));
    // An error is answered by no error.
    let error = Message::error_message("HMAC auth failed");
    node.receive(NOON, at(1), datagram(&plain, &error));
    assert!(sent(&mut node).is_empty());
}

#[test]
fn silence_can_be_had() {
    let mut config = LinkConfig::new(Role::Node).with_outer(hmac("secret"));
    config.auth_error = AuthErrorReply::Silent;
    let mut node = with_config(config);
    node.receive(NOON, at(1), datagram(&hmac("wrong"), &Message::request("")));
    assert!(sent(&mut node).is_empty());
}

#[test]
fn what_a_node_answers_by_itself_to_strangers_is_bounded() {
    let mut node = link(Layer::new());
    let request = datagram(&Layer::new(), &Message::request("0123456789"));
    let (mut answered, mut suppressed) = (0, 0);
    for _ in 0..100 {
        node.receive(NOON, at(1), request.clone());
        let Dispatched::Unrouted { message, reply } = message(&mut node) else {
            panic!("there is no handler");
        };
        assert!(!reply.is_verified());
        let answer = Node::<()>::default_datagram_answer(message.message_type).unwrap();
        if node.answer(NOON, &reply, &answer).unwrap() {
            answered += 1;
        }
        let events = events(&mut node);
        assert!(matches!(
            events[..],
            [] | [DatagramEvent::Suppressed { .. }]
        ));
        suppressed += events.len();
    }
    assert_eq!((answered, suppressed), (10, 90));
    assert_eq!(sent(&mut node).len(), 10);
    assert_eq!(node.counters().suppressed.per_ip, 90);
}

#[test]
fn neither_handlers_nor_friends_have_a_budget() {
    let mut node = link(hmac("secret"));
    let request = datagram(&hmac("secret"), &Message::request("u"));
    for _ in 0..100 {
        node.receive(NOON, at(1), request.clone());
        let Dispatched::Unrouted { reply, .. } = message(&mut node) else {
            panic!("there is no handler");
        };
        assert!(reply.is_verified());
        let answer = Message::not_found("ERROR", "not found");
        assert!(node.answer(NOON, &reply, &answer).unwrap());
        node.reply(NOON, &reply, &answer).unwrap();
    }
    assert_eq!(sent(&mut node).len(), 200);
}

#[test]
fn default_answers_end_with_themselves() {
    for value in 0..=255u8 {
        let message_type = MessageType::new(value);
        let asks = matches!(value, 0 | 2..=7 | 31..);
        let answer = Node::<()>::default_datagram_answer(message_type);
        assert_eq!(answer.is_some(), asks, "{value}");
        if let Some(answer) = answer {
            assert_eq!(
                (answer.message_type, &answer.uri[..]),
                (types::NOT_FOUND, &b"ERROR"[..])
            );
            assert!(Node::<()>::default_datagram_answer(answer.message_type).is_none());
        }
    }
}

#[test]
fn one_frame_for_many_is_there_once() {
    let mut node = link(Layer::new());
    let frame = datagram(&Layer::new(), &Message::notify("news", "new"));
    let everybody: Vec<_> = (1..=200).map(at).collect();
    node.forward(NOON, &everybody, &frame).unwrap();
    node.forward(NOON, &[], &frame).unwrap();
    assert_eq!(node.queued(), frame.len() * 200);
    let expected: Vec<_> = everybody.iter().map(|to| (*to, frame.to_vec())).collect();
    assert_eq!(sent(&mut node), expected);
    assert_eq!(node.queued(), 0);
}

#[test]
fn the_queue_is_bounded_and_too_long_a_datagram_is_refused() {
    let limits = Limits::default().with_outbound_queue(200_000).unwrap();
    let wire = Wire {
        limits,
        ..Wire::default()
    };
    let mut node = with_config(LinkConfig::new(Role::Node).with_wire(wire));
    let options = SendOptions::new();
    let mut long = Message::notify("u", alloc::vec![0; 65_421]);
    node.send(NOON, at(1), &long, &options).unwrap();
    long.auth.set_bytes("padding", &[0; 200]).unwrap();
    let error = node.send(NOON, at(1), &long, &options).unwrap_err();
    let max = DatagramLink::MAX_DATAGRAM;
    assert!(
        matches!(error, SendError::Seal(SealError::DatagramTooLong { len, max: m }) if len > max && m == max)
    );
    assert_eq!(node.queued(), 65_421 + 9 + 3 + 3);
    long.auth.clear();
    while node.queued() < 200_000 {
        node.send(NOON, at(1), &long, &options).unwrap();
    }
    let error = node.send(NOON, at(1), &long, &options).unwrap_err();
    assert!(matches!(error, SendError::QueueFull { .. }));
    assert_eq!(sent(&mut node).len(), 4);
}

#[test]
fn sections_past_the_limits_are_dropped() {
    let limits = Limits::default()
        .with_body(100)
        .and_then(|limits| limits.with_auth_section(50))
        .unwrap();
    let wire = Wire {
        limits,
        ..Wire::default()
    };
    let mut node = with_config(LinkConfig::new(Role::Node).with_wire(wire));
    let mut receive = |body: usize, auth: usize| {
        let mut message = Message::notify("u", alloc::vec![0; body - 3]);
        // With its name and the dict around it.
        message
            .auth
            .set_bytes("own", &alloc::vec![0; auth - 16])
            .unwrap();
        node.receive(NOON, at(1), datagram(&Layer::new(), &message));
        events(&mut node).remove(0)
    };
    assert!(matches!(receive(100, 50), DatagramEvent::Message(_)));
    for (event, expected) in [
        (
            receive(101, 50),
            FrameErrorKind::BodyTooLong { len: 101, max: 100 },
        ),
        (
            receive(100, 51),
            FrameErrorKind::AuthTooLong { len: 51, max: 50 },
        ),
    ] {
        match event {
            DatagramEvent::Refused {
                refusal: Refusal::Frame(kind),
                ..
            } => assert_eq!(kind, expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(node.counters().malformed, 2);
}
