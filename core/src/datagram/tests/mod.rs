//! Nodes exchange datagrams in virtual time.

mod asking_again;
mod chunks;
mod cookies;
mod end;
mod gaps;
mod known;
mod leases;
mod publishing;
mod refusing;
mod sending;
mod strangers;
mod timeouts;

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;

use super::{DatagramEvent, DatagramLink, Transmits};
use crate::calls::Call;
use crate::config::LinkConfig;
use crate::error::{FrameErrorKind, RequestError, SealError, SendError};
use crate::events::{DeadlineReason, Refusal};
use crate::limits::Limits;
use crate::message::{Message, types};
use crate::node::Node;
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::plugin::Layer;
use crate::requests::RequestId;
use crate::shared::Unrouted;
use crate::testing::*;

fn at(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8888))
}

/// A node on a socket. It calls no handlers but those that a test registers.
struct End {
    link: DatagramLink,
    node: Node<()>,
}

fn end(outer: Layer) -> End {
    with_config(LinkConfig::new().with_outer(outer))
}

fn with_config(config: LinkConfig) -> End {
    let mut node = Node::for_datagrams(config);
    node.set_unrouted(Unrouted::Deliver);
    End {
        link: node.bind(NOON, None, generator(1)),
        node,
    }
}

impl End {
    fn receive(&mut self, now: Now, from: SocketAddr, datagram: impl AsRef<[u8]>) {
        let datagram = BytesMut::from(datagram.as_ref());
        self.link.receive(now, from, datagram).unwrap();
    }

    fn send(&mut self, to: SocketAddr, message: &Message) -> Result<(), SendError> {
        self.send_with(to, message, &SendOptions::new())
    }

    fn send_with(
        &mut self,
        to: SocketAddr,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.link.send(NOON, &mut self.node, to, message, options)
    }

    fn request(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.link.request(now, &mut self.node, to, message, options)
    }

    fn reply(&mut self, now: Now, call: Call, answer: impl Into<Option<Message>>) {
        let reply = self.link.reply(now, &mut self.node, call, answer);
        reply.unwrap();
    }

    /// What it sends, in order.
    fn sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut all, mut out) = (Vec::new(), Transmits::new());
        while self.link.poll_outbound(&mut out) {
            all.extend(out.iter().map(|(to, datagram)| (to, datagram.to_vec())));
        }
        all
    }

    /// Publishes a message to addresses, in one frame where that is the same for all.
    fn forward(
        &mut self,
        now: Now,
        to: impl IntoIterator<Item = SocketAddr>,
        message: &Message,
        in_one: bool,
    ) -> Result<(), SendError> {
        let to = self.node.receivers_at(to)?;
        let frame = in_one.then(|| frame(message).into());
        let options = SendOptions::new();
        let fan_out = self.node.fan_out(to, frame, message, &options)?;
        self.link.forward(now, &mut self.node, fan_out).map(drop)
    }

    /// What happens, in this turn and in those after it.
    fn events(&mut self, now: Now) -> Vec<DatagramEvent<()>> {
        let mut events = Vec::new();
        loop {
            events.extend(core::iter::from_fn(|| self.link.poll(now, &mut self.node)));
            if !self.link.wants_poll() {
                return events;
            }
        }
    }

    /// The one message that it has received, and has no handler for.
    fn message(&mut self) -> Message {
        match &self.events(NOON)[..] {
            [DatagramEvent::Message { message, .. }] => message.clone(),
            other => panic!("not one message: {other:?}"),
        }
    }

    /// The one call of a handler.
    fn call(&mut self, now: Now) -> Call {
        let mut events = self.events(now);
        match (events.pop(), events.is_empty()) {
            (Some(DatagramEvent::Call { call, .. }), true) => call,
            other => panic!("not one call: {other:?}"),
        }
    }

    fn deadline(&mut self) -> Option<(Duration, DeadlineReason)> {
        let deadline = self.link.deadline(&mut self.node);
        deadline.map(|deadline| (deadline.at, deadline.reason))
    }
}

/// One datagram with a message, as another node sends it.
fn datagram(outer: &Layer, message: &Message) -> Vec<u8> {
    let mut other = end(outer.clone());
    other.send(at(9), message).unwrap();
    other.sent().remove(0).1
}

#[test]
fn an_answer_counts_from_the_address_that_was_asked() {
    let mut node = end(Layer::new());
    let (mut ids, options) = (Vec::new(), RequestOptions::new());
    for to in [1, 2, 1] {
        let request = Message::request("u");
        ids.push(node.request(NOON, at(to), &request, &options).unwrap());
    }
    assert_eq!(node.link.pending_requests(), 3);
    let answer = |text: &'static str| datagram(&Layer::new(), &Message::respond_uri("u", text));
    node.receive(NOON, at(3), answer("from nobody"));
    node.receive(NOON, at(2), answer("second"));
    node.receive(NOON, at(1), answer("first"));
    node.receive(NOON, at(1), answer("third"));
    let ended: Vec<_> = node
        .events(NOON)
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
    let mut node = end(Layer::new());
    let (request, options) = (Message::request("u"), RequestOptions::new());
    let given_up = node.request(NOON, at(1), &request, &options).unwrap();
    node.link.cancel(given_up);
    let answer = datagram(&Layer::new(), &Message::respond_uri("u", ""));
    node.receive(NOON, at(1), answer);
    let expected = Refusal::Unawaited {
        message_type: types::RESPOND_URI,
    };
    match &node.events(NOON)[..] {
        [DatagramEvent::Refused { remote, refusal }] => {
            assert_eq!((*remote, refusal), (at(1), &expected));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(node.link.counters().refused, 0);
}

#[test]
fn an_anonymous_error_ends_the_only_request_to_its_sender() {
    let mut node = end(Layer::new());
    let options = RequestOptions::new();
    for to in [1, 2, 2] {
        node.request(NOON, at(to), &Message::request("u"), &options)
            .unwrap();
    }
    let error = || datagram(&Layer::new(), &Message::error_message("not found"));
    node.receive(NOON, at(2), error());
    assert!(node.message().message_type.is_error());
    node.receive(NOON, at(1), error());
    let events = node.events(NOON);
    let [DatagramEvent::Answered { answer, .. }] = &events[..] else {
        panic!("no answer: {events:?}");
    };
    assert_eq!(answer.message.message_type, types::NOT_FOUND);
    assert_eq!(node.link.pending_requests(), 2);
}

#[test]
fn a_request_times_out_by_the_cores_own_deadline() {
    let mut node = end(Layer::new());
    let options = RequestOptions::new().with_timeout(SECOND);
    let request = node
        .request(NOON, at(1), &Message::request("u"), &options)
        .unwrap();
    let due = NOON.monotonic + SECOND;
    assert_eq!(node.deadline(), Some((due, DeadlineReason::Request)));
    assert!(node.events(NOON).is_empty());
    match node.events(after(NOON, SECOND))[..] {
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
    // Its place is kept for a time.
    assert!(node.events(after(NOON, 11 * SECOND)).is_empty());
    assert_eq!(node.deadline(), None);
}

#[test]
fn a_datagram_holds_one_frame_and_bytes_behind_it_are_ignored() {
    let mut node = end(Layer::new());
    let whole = datagram(&Layer::new(), &Message::request("echo"));
    for len in 0..whole.len() {
        node.receive(NOON, at(1), &whole[..len]);
        match node.events(NOON)[..] {
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
    assert_eq!(node.message(), Message::request("echo"));
    let counters = node.link.counters();
    assert_eq!(counters.received, whole.len() as u64 + 1);
    assert_eq!(counters.malformed, whole.len() as u64);
    assert!(node.sent().is_empty());
}

#[test]
fn the_queue_is_bounded_and_too_long_a_datagram_is_refused() {
    let limits = Limits::default().with_outbound_queue(200_000).unwrap();
    let mut node = with_config(limited(limits));
    let mut long = Message::notify("u", alloc::vec![0; 65_421]);
    node.send(at(1), &long).unwrap();
    long.auth.set_bytes("padding", &[0; 200]).unwrap();
    let error = node.send(at(1), &long).unwrap_err();
    let max = DatagramLink::MAX_DATAGRAM;
    assert!(
        matches!(error, SendError::Seal(SealError::DatagramTooLong { len, max: m }) if len > max && m == max)
    );
    assert_eq!(node.link.queued(), 65_421 + 9 + 3 + 3);
    long.auth.clear();
    while node.link.queued() < 200_000 {
        node.send(at(1), &long).unwrap();
    }
    let error = node.send(at(1), &long).unwrap_err();
    assert!(matches!(error, SendError::QueueFull { .. }));
    assert_eq!(node.sent().len(), 4);
}

#[test]
fn sections_past_the_limits_are_dropped() {
    let limits = Limits::default()
        .with_body(100)
        .and_then(|limits| limits.with_auth_section(50))
        .unwrap();
    let mut node = with_config(limited(limits));
    let mut receive = |body: usize, auth: usize| {
        let mut message = Message::notify("u", alloc::vec![0; body - 3]);
        // With its name and the dict around it.
        message
            .auth
            .set_bytes("own", &alloc::vec![0; auth - 16])
            .unwrap();
        node.receive(NOON, at(1), datagram(&Layer::new(), &message));
        node.events(NOON).remove(0)
    };
    assert!(matches!(receive(100, 50), DatagramEvent::Message { .. }));
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
    assert_eq!(node.link.counters().malformed, 2);
}
