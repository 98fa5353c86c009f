//! Two links, a client's and a server's, talk in virtual time.

mod backpressure;
#[cfg(feature = "x25519")]
mod boxes;
mod calls;
mod chunking;
mod close;
mod correlation;
mod determinism;
mod dispatch;
mod dropping;
mod end;
mod failures;
mod gaps;
mod ids;
mod layers;
mod leavers;
mod limits;
mod pause;
mod refusing;
mod replay;
mod requests;
mod size;
mod slow;
mod spy;
mod timers;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::{Link, LinkEvent};
use crate::calls::{Call, ReplyError};
use crate::config::LinkConfig;
use crate::delivery::Fate;
use crate::error::{CloseReason, RequestError, SendError};
use crate::events::{Dropped, Refusal, Response};
use crate::limits::Limits;
use crate::message::{Message, MessageType};
use crate::node::Node;
use crate::now::Now;
use crate::options::{CancelReason, RequestOptions, SendOptions};
use crate::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use crate::requests::RequestId;
use crate::shared::Unrouted;
use crate::testing::*;
use crate::wire::Wire;

/// What a handler returns is sent back; nothing, and its call waits.
type Handler = fn(&Message) -> Option<Message>;

/// What happened at one end.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    /// A handler was called with this message.
    Called(Message),
    /// No handler was for it.
    Unrouted(Message),
    Answered(RequestId, Response),
    Failed(RequestId, RequestError),
    Refused(Refusal),
    Dropped(Dropped),
    Unanswered(MessageType, Bytes),
    Cancelled(CancelReason),
    HalfClosed(CloseReason),
    Unwritten(usize),
    Closed(CloseReason),
}

/// One end: a link, its handlers, and what happened.
struct End {
    link: Link,
    node: Node<Handler>,
    seen: Vec<Seen>,
    /// All bytes that it has sent.
    sent: Vec<u8>,
    /// It has ended its sending side.
    shut: bool,
    /// Of the messages whose handlers returned nothing.
    unanswered: VecDeque<Call>,
}

impl End {
    fn server(config: LinkConfig, seed: u64) -> Self {
        let accept = |node: &mut Node<Handler>| {
            let link = node.accept(NOON, Some(REMOTE), generator(seed));
            link.unwrap()
        };
        Self::new(config, accept)
    }

    fn client(config: LinkConfig, seed: u64) -> Self {
        Self::new(config, |node| {
            node.connect(NOON, Some(REMOTE), generator(seed))
        })
    }

    fn new(config: LinkConfig, link: impl FnOnce(&mut Node<Handler>) -> Link) -> Self {
        let mut node = Node::for_streams(config);
        node.set_unrouted(Unrouted::Deliver);
        Self {
            link: link(&mut node),
            node,
            seen: Vec::new(),
            sent: Vec::new(),
            shut: false,
            unanswered: VecDeque::new(),
        }
    }

    /// From here on it answers as netaio's default handler does.
    fn answers_by_default(&mut self) {
        self.node.set_unrouted(Unrouted::NotFound);
    }

    fn receive(&mut self, now: Now, bytes: &[u8]) {
        self.link.receive(now, bytes).unwrap();
    }

    /// Takes what the other end has written, and perhaps its end.
    fn take(&mut self, now: Now, bytes: &[u8], eof: bool) {
        self.receive(now, bytes);
        if eof {
            self.link.handle_eof(now);
        }
    }

    fn send(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.link.send(now, &mut self.node, message, options)
    }

    fn notify(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Fate, SendError> {
        self.link.notify(now, &mut self.node, message, options)
    }

    fn request(
        &mut self,
        now: Now,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.link.request(now, &mut self.node, message, options)
    }

    fn reply(
        &mut self,
        now: Now,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.link.reply(now, &mut self.node, call, answer)
    }

    fn close(&mut self, now: Now) {
        self.link.close(now, &mut self.node);
    }

    /// Ends all calls without an answer.
    fn dismiss(&mut self, now: Now) {
        while let Some(call) = self.unanswered.pop_front() {
            self.reply(now, call, None).unwrap();
        }
    }

    /// Polls until there is nothing to do, as an event loop does. The remote's end
    /// follows this one's at once.
    fn drain(&mut self, now: Now) {
        while let Some(event) = self.poll(now) {
            let seen = match event {
                LinkEvent::Call {
                    call,
                    handler,
                    message,
                } => {
                    match handler(&message) {
                        Some(answer) => self.reply(now, call, answer).unwrap(),
                        None => self.unanswered.push_back(call),
                    }
                    Seen::Called(message)
                }
                LinkEvent::Message(message) => Seen::Unrouted(message),
                LinkEvent::Answered { request, answer } => Seen::Answered(request, answer),
                LinkEvent::Failed { request, error } => Seen::Failed(request, error),
                LinkEvent::Refused(refusal) => Seen::Refused(refusal),
                LinkEvent::Dropped(dropped) => Seen::Dropped(dropped),
                // `dispatch` sees to it.
                LinkEvent::Unrouted { .. } => continue,
                LinkEvent::Unanswered { request, uri } => Seen::Unanswered(request, uri),
                LinkEvent::Unwritten { bytes } => Seen::Unwritten(bytes),
                LinkEvent::Shutdown => {
                    self.shut = true;
                    self.link.handle_eof(now);
                    continue;
                }
                LinkEvent::Cancelled { call, reason } => {
                    self.unanswered.retain(|unanswered| unanswered.id() != call);
                    Seen::Cancelled(reason)
                }
                LinkEvent::HalfClosed(reason) => Seen::HalfClosed(reason),
                LinkEvent::Closed(reason) => Seen::Closed(reason),
            };
            self.seen.push(seen);
        }
    }

    /// The next event, of this turn or a later one.
    fn poll(&mut self, now: Now) -> Option<LinkEvent<Handler>> {
        loop {
            let event = self.link.poll(now, &mut self.node);
            if event.is_some() || !self.link.wants_poll() {
                return event;
            }
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

    /// Polls and writes until there is nothing to do.
    fn run(&mut self, now: Now) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            self.drain(now);
            let bytes = self.outbound();
            if bytes.is_empty() {
                return all;
            }
            all.extend(bytes);
        }
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

const REMOTE: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 8888);

struct Pair {
    client: End,
    server: End,
    now: Now,
}

impl Pair {
    fn new(client: LinkConfig, server: LinkConfig) -> Self {
        Self {
            client: End::client(client, 1),
            server: End::server(server, 2),
            now: NOON,
        }
    }

    /// Both ends as netaio's are.
    fn plain() -> Self {
        Self::sealed(Layer::new())
    }

    /// Both ends as netaio's are, with this outer layer.
    fn sealed(outer: Layer) -> Self {
        let config = plain().with_outer(outer);
        Self::new(config.clone(), config)
    }

    /// Sends a request with netaio's timeout; the answer is still on its way.
    fn request(&mut self, message: &Message) -> RequestId {
        self.request_with(message, &RequestOptions::new())
    }

    fn request_with(&mut self, message: &Message, options: &RequestOptions) -> RequestId {
        self.client.request(self.now, message, options).unwrap()
    }

    /// The server tells the client something.
    fn tell(&mut self, message: &Message) {
        let plain = SendOptions::new();
        self.server.send(self.now, message, &plain).unwrap();
    }

    /// Carries bytes to and fro until both ends have nothing more to say.
    fn run(&mut self) {
        loop {
            self.client.drain(self.now);
            self.server.drain(self.now);
            let (to_server, to_client) = (self.client.outbound(), self.server.outbound());
            let shut = [self.client.shut, self.server.shut];
            self.server.take(self.now, &to_server, shut[0]);
            self.client.take(self.now, &to_client, shut[1]);
            let wants_poll = self.client.link.wants_poll() || self.server.link.wants_poll();
            if to_server.is_empty() && to_client.is_empty() && !wants_poll {
                return;
            }
        }
    }

    /// Lets the time pass, and wakes each end at its own deadlines and no
    /// sooner.
    fn pass(&mut self, time: Duration) {
        let until = self.now.deadline(time);
        self.run();
        loop {
            let ends = [&mut self.client, &mut self.server];
            let due = ends.map(|end| end.link.deadline().map(|deadline| deadline.at));
            let next = due.into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= until) else {
                break;
            };
            self.at(at);
            self.run();
        }
        self.at(until);
    }

    fn at(&mut self, monotonic: Duration) {
        self.now = after(self.now, monotonic.saturating_sub(self.now.monotonic));
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
