//! Two links, a client's and a server's, talk in virtual time.

#[cfg(feature = "x25519")]
mod boxes;
mod chunking;
mod close;
mod correlation;
mod determinism;
mod dispatch;
mod failures;
mod layers;
mod limits;
mod replay;
mod requests;
mod slow;
mod timers;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{Dispatched, Link};
use crate::config::{LinkConfig, Role};
use crate::error::{CloseReason, RequestError};
use crate::events::{Answer, Dropped, Event, Refusal, ReplyToken};
use crate::frame::Deframer;
use crate::limits::Limits;
use crate::message::Message;
use crate::node::Node;
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use crate::requests::RequestId;
use crate::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

/// What a handler returns is sent back.
type Handler = fn(&Message) -> Option<Message>;

/// What happened at one end.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    /// A handler was called with this message.
    Called(Message),
    /// No handler was for it.
    Unrouted(Message),
    Answered(RequestId, Answer),
    Failed(RequestId, RequestError),
    Refused(Refusal),
    Dropped(Dropped),
    Closed(CloseReason),
}

/// One end: a link, its handlers, and what happened.
struct End {
    link: Link,
    node: Node<Handler>,
    seen: Vec<Seen>,
    /// All bytes that it has sent.
    sent: Vec<u8>,
    /// Whether it answers as netaio's default handler does.
    default_answers: bool,
    /// Of the messages whose handlers returned nothing.
    unanswered: VecDeque<ReplyToken>,
}

impl End {
    fn new(config: LinkConfig, seed: u64) -> Self {
        let remote = SocketAddr::from(([127, 0, 0, 1], 8888));
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Self {
            link: Link::new(NOON, Arc::new(config), Some(remote), rng),
            node: Node::new(),
            seen: Vec::new(),
            sent: Vec::new(),
            default_answers: false,
            unanswered: VecDeque::new(),
        }
    }

    /// Polls events until there are none, as an event loop does.
    fn drain(&mut self, now: Now) {
        while let Some(event) = self.link.poll_event() {
            let seen = match event {
                Event::Message(inbound) => match self.link.dispatch(now, inbound, &mut self.node) {
                    Dispatched::Call {
                        handler,
                        message,
                        reply,
                    } => {
                        match handler(&message) {
                            Some(answer) => self.link.reply(now, &reply, &answer).unwrap(),
                            None => self.unanswered.push_back(reply),
                        }
                        Seen::Called(message)
                    }
                    Dispatched::Unrouted { message, reply } => {
                        let answer = Node::<Handler>::default_answer(message.message_type);
                        if let Some(answer) = answer.filter(|_| self.default_answers) {
                            self.link.reply(now, &reply, &answer).unwrap();
                        }
                        Seen::Unrouted(message)
                    }
                    Dispatched::Refused => continue,
                },
                Event::Answered { request, answer } => Seen::Answered(request, answer),
                Event::Failed { request, error } => Seen::Failed(request, error),
                Event::Refused(refusal) => Seen::Refused(refusal),
                Event::Dropped(dropped) => Seen::Dropped(dropped),
                Event::Closed(reason) => Seen::Closed(reason),
            };
            self.seen.push(seen);
        }
    }

    /// The bytes to write, as if they were written at once.
    fn outbound(&mut self) -> Vec<u8> {
        let (mut all, mut written) = (Vec::new(), Vec::new());
        while self.link.poll_outbound(&mut written) {
            all.extend_from_slice(&written);
        }
        self.sent.extend_from_slice(&all);
        all
    }

    /// What happened since the last call.
    fn seen(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.seen)
    }

    /// The one thing that happened since the last call: an answer.
    fn answer(&mut self) -> (RequestId, Message) {
        let mut seen = self.seen();
        match (seen.pop(), seen.is_empty()) {
            (Some(Seen::Answered(request, answer)), true) => (request, answer.message),
            other => panic!("not one answer: {seen:?}, {other:?}"),
        }
    }
}

/// The moment at which every test begins.
const NOON: Now = Now::new(Duration::from_secs(1000), 1_700_000_000);

struct Pair {
    client: End,
    server: End,
    now: Now,
}

impl Pair {
    fn new(client: LinkConfig, server: LinkConfig) -> Self {
        Self {
            client: End::new(client, 1),
            server: End::new(server, 2),
            now: NOON,
        }
    }

    /// Both ends with netaio's defaults.
    fn plain() -> Self {
        Self::sealed(Layer::new())
    }

    /// Both ends with this outer layer.
    fn sealed(outer: Layer) -> Self {
        Self::new(
            LinkConfig::new(Role::Client).with_outer(outer.clone()),
            LinkConfig::new(Role::Server).with_outer(outer),
        )
    }

    /// Sends a request with netaio's timeout; the answer is still on its way.
    fn request(&mut self, message: &Message) -> RequestId {
        self.request_with(message, &RequestOptions::new())
    }

    fn request_with(&mut self, message: &Message, options: &RequestOptions) -> RequestId {
        self.client
            .link
            .request(self.now, message, options)
            .unwrap()
    }

    /// The server tells the client something.
    fn tell(&mut self, message: &Message) {
        let plain = SendOptions::new();
        self.server.link.send(self.now, message, &plain).unwrap();
    }

    /// Carries bytes to and fro until both ends have nothing more to say.
    fn run(&mut self) {
        loop {
            self.client.drain(self.now);
            self.server.drain(self.now);
            let (to_server, to_client) = (self.client.outbound(), self.server.outbound());
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.server.link.receive(self.now, &to_server);
            self.client.link.receive(self.now, &to_client);
        }
    }

    /// Lets the time pass, and wakes each end at its own deadlines and no
    /// sooner.
    fn pass(&mut self, time: Duration) {
        let until = self.now.deadline(time);
        self.run();
        loop {
            let ends = [&mut self.client, &mut self.server];
            let due = ends.map(|end| end.link.poll_deadline().map(|deadline| deadline.at));
            let next = due.into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            self.at(at);
            self.client.link.handle_timeout(self.now);
            self.server.link.handle_timeout(self.now);
            self.run();
        }
        self.at(until);
    }

    fn at(&mut self, monotonic: Duration) {
        let passed = monotonic.saturating_sub(self.now.monotonic);
        self.now = Now::new(monotonic, self.now.unix + passed.as_secs());
    }
}

fn echo(message: &Message) -> Option<Message> {
    Some(Message::respond_uri(
        message.uri.clone(),
        message.content.clone(),
    ))
}

fn nothing(_: &Message) -> Option<Message> {
    None
}

fn hmac(secret: &str) -> Layer {
    Layer::new().with_auth(HmacAuth::new(secret))
}

fn cipher(key: &str) -> Layer {
    Layer::new().with_cipher(Sha256StreamCipher::new(key))
}

/// An inner layer that goes with every outer one here.
fn inner_hmac(secret: &str) -> Layer {
    Layer::new().with_auth(HmacAuth::new(secret).with_hmac_field("camh"))
}

/// An inner cipher that leaves the uri to be routed by.
fn inner_cipher(key: &str) -> Sha256StreamCipher {
    Sha256StreamCipher::new(key)
        .with_iv_field("vi")
        .with_plain_uri()
}

/// A server with other limits than the usual.
fn limited(role: Role, limits: Limits) -> LinkConfig {
    LinkConfig::new(role).with_wire(Wire {
        limits,
        ..Wire::default()
    })
}

/// The frame of a message that no layer seals.
fn frame(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    crate::frame::encode_plain(&Wire::default(), message, &message.auth, &mut out).unwrap();
    out
}

/// A frame whose checksum is wrong by one bit.
fn broken_frame(message: &Message) -> Vec<u8> {
    let mut bytes = frame(message);
    bytes[8] ^= 1;
    bytes
}

/// The messages in a stream, whose layers are left closed.
fn unopened(stream: &[u8]) -> Vec<Message> {
    let wire = Arc::new(Wire::default());
    let mut deframer = Deframer::new(wire.clone());
    let mut input = BytesMut::from(stream);
    let mut messages = Vec::new();
    while let Some(frame) = deframer.next(&mut input).unwrap() {
        messages.push(frame.decode(&wire).unwrap().into_message());
    }
    deframer.finish(&input).unwrap();
    messages
}
