//! A client's and a server's link, and all that can happen to them.
//!
//! The input is a script: a few bytes of configuration, then one operation after
//! another. The script is played twice, its deliveries once whole and once in
//! small pieces, and both plays have to end alike, to the byte.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::input::{Dice, Input};
use super::tables::Tables;
use crate::error::{CloseReason, RequestError, SendError};
use crate::limits::Limits;
use crate::link::{
    Answer, AuthErrorReply, DeadlineReason, Dispatched, Event, Link, LinkConfig, Refusal,
    ReplyToken, RequestOptions, Role, SendOptions,
};
use crate::message::types::*;
use crate::message::{AuthFields, Header, Message, MessageType, MessageTypes};
use crate::node::{Key, Node};
use crate::now::Now;
use crate::packify::DecodeLimits;
use crate::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use crate::requests::RequestId;
use crate::wire::Wire;

/// Plays the script twice. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn link(data: &[u8]) {
    let whole = Play::new(data, usize::MAX).play();
    let pieces = Play::new(data, 7).play();
    for (whole, pieces) in whole.iter().zip(&pieces) {
        assert_eq!(whole.seen, pieces.seen);
        assert!(whole.sent == pieces.sent, "other bytes for the same input");
    }
}

/// Operations of one script; the rest of a longer one is left out.
const OPERATIONS: usize = 150;
/// The first of the operations on what links share.
const TABLES: u8 = 0xe0;
/// Large messages of one script.
const LARGE: usize = 6;
/// The largest frame, and what makes a frame.
const MAX_FRAME: usize = Header::LEN + 2 * 65_535;
const MAX_QUEUE: usize = 132_096;

const CUSTOM: u8 = 40;
const UNREGISTERED: u8 = 41;
const URIS: &[&str] = &["a", "b", "", "ERROR"];
const REQUESTS: &[MessageType] = &[
    REQUEST_URI,
    CREATE_URI,
    UPDATE_URI,
    DELETE_URI,
    SUBSCRIBE_URI,
    UNSUBSCRIBE_URI,
    PUBLISH_URI,
    MessageType::new(CUSTOM),
];

#[derive(Clone, Copy)]
enum Handler {
    /// Answers at once.
    Answer,
    /// Answers when the script says so.
    Defer,
    /// Never answers.
    Ignore,
    /// Answers with what fits no frame.
    TooLarge,
}

/// What happened at one side.
#[derive(Debug, PartialEq)]
enum Seen {
    Called(Message),
    Unrouted(Message),
    Answered(RequestId, Answer),
    Failed(RequestId, RequestError),
    Refused(Refusal),
    Closed(CloseReason),
}

struct Side {
    link: Link,
    node: Node<Handler>,
    /// The requests whose callers wait, each with what its answer says.
    waiting: BTreeMap<RequestId, u32>,
    /// Answers put off, in the order of their requests.
    deferred: VecDeque<(ReplyToken, Message)>,
    /// Bytes on their way to the other side.
    wire: Vec<u8>,
    sent: Vec<u8>,
    seen: Vec<Seen>,
    /// It takes no more messages for now, as while a handler runs.
    busy: bool,
    /// Its transport has said that nothing more comes.
    eof: bool,
    closed: bool,
}

struct Play<'a> {
    script: Input<'a>,
    now: Now,
    /// The client and the server.
    sides: [Side; 2],
    tables: Tables,
    /// Bytes are delivered in pieces of this many.
    piece: usize,
    serial: u32,
    large: usize,
    /// Each request had one answer on the way, in their order: nothing was lost,
    /// changed or added, and nobody answers out of turn or not at all.
    orderly: bool,
}

impl<'a> Play<'a> {
    fn new(data: &'a [u8], piece: usize) -> Self {
        let mut script = Input::new(data);
        let (layer, limits) = (script.byte(), script.byte());
        // One secret in eight is another.
        let strangers = layer & 0x38 == 0x38;
        let client = config(Role::Client, layer, limits, strangers);
        let server = config(Role::Server, layer, limits >> 4, false);
        let now = Now::new(Duration::from_secs(1000), 1_700_000_000);
        Self {
            sides: [Side::new(now, client, 1), Side::new(now, server, 2)],
            script,
            now,
            tables: Tables::new(),
            piece,
            serial: 0,
            large: 0,
            orderly: !strangers,
        }
    }

    fn play(mut self) -> [Side; 2] {
        for _ in 0..OPERATIONS {
            if self.script.is_empty() {
                break;
            }
            self.operation();
            self.settle();
        }
        self.sides.iter_mut().for_each(|side| side.busy = false);
        self.everything_arrives();
        for at in [0, 1] {
            self.sides[at].link.close(CloseReason::Local);
            self.settle();
        }
        for side in &mut self.sides {
            assert!(side.closed && side.waiting.is_empty());
            let closed = |seen: &&Seen| matches!(seen, Seen::Closed(_));
            assert_eq!(side.seen.iter().filter(closed).count(), 1);
            assert!(matches!(side.seen.last(), Some(Seen::Closed(_))));
        }
        self.sides
    }

    /// With all bytes delivered and all deferred answers given, no request of an
    /// orderly play waits.
    fn everything_arrives(&mut self) {
        for _ in 0..4 {
            for at in [0, 1] {
                while !self.sides[at].deferred.is_empty() {
                    self.reply(at);
                    self.settle();
                }
                self.deliver(at, usize::MAX);
                self.settle();
            }
        }
        let open = self.sides.iter().all(|side| !side.closed);
        if open && self.orderly {
            for side in &self.sides {
                assert!(side.waiting.is_empty(), "an answer has got lost");
            }
        }
    }

    fn operation(&mut self) {
        let choice = self.script.byte();
        let at = usize::from(choice & 1);
        if choice >= TABLES {
            return self.tables.operation(&mut self.script, self.now);
        }
        match choice >> 1 & 0x1f {
            0..=3 => self.request(at),
            4 => self.cancel(at),
            5 => self.send(at),
            6 => self.send_large(at),
            7..=10 => self.deliver(at, usize::MAX),
            11..=13 => {
                let count = self.script.byte().into();
                self.deliver(at, count);
            }
            14 => self.tamper(at),
            15 => {
                let bytes = self.script.short();
                self.intrude(at, bytes);
            }
            16 => {
                let frame = self.strange_frame();
                self.intrude(at, &frame);
            }
            17 => self.time_passes(),
            18 => self.until_a_deadline(at),
            19 => {
                let side = &mut self.sides[at];
                side.link.handle_eof(self.now);
                side.eof = true;
                self.orderly = false;
            }
            20 => self.sides[at].link.close(CloseReason::Local),
            21 | 22 => self.reply(at),
            23..=28 => self.register(at),
            29 => {
                let key = self.key(at);
                let node = &mut self.sides[at].node;
                node.remove(key.clone());
                node.remove_once(key);
            }
            30 => {
                let side = &mut self.sides[at];
                side.link.release_receive_buffer();
                // A driver that has read nothing says so too.
                side.link.received(self.now, 0);
            }
            _ => {
                let how = self.script.byte();
                let side = &mut self.sides[at];
                side.busy = how & 1 == 1;
                side.link.set_reading(self.now, how & 2 == 0);
            }
        }
    }

    fn request(&mut self, at: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let message_type = REQUESTS[usize::from(kind) % REQUESTS.len()];
        let uri = URIS[usize::from(kind >> 4) % URIS.len()];
        self.serial += 1;
        let content = self.serial.to_be_bytes().to_vec();
        let message = Message::new(message_type, uri, content);
        let seconds = 1 + u64::from(how >> 4);
        let options = RequestOptions::new()
            .with_send_options(self.options(how & 0xf))
            .with_timeout(Duration::from_secs(seconds));
        let (now, side) = (self.now, &mut self.sides[at]);
        match side.link.request(now, &message, &options) {
            Ok(id) => {
                let replaced = side.waiting.insert(id, self.serial);
                assert_eq!(replaced, None, "two requests of one name");
            }
            Err(error) => side.check_refused_send(&error),
        }
    }

    /// Most often none; else an inner layer, or a plugin less.
    fn options(&mut self, how: u8) -> SendOptions {
        match how {
            8..=10 => SendOptions::new().with_inner(inner_layer(how)),
            // Its fields are the outer layer's.
            11 => SendOptions::new().with_inner(outer_layer(3, false)),
            12 => SendOptions::new().without_auth(),
            13 => SendOptions::new().without_cipher(),
            _ => SendOptions::new(),
        }
    }

    fn cancel(&mut self, at: usize) {
        let nth = self.script.byte();
        let waiting = &mut self.sides[at].waiting;
        let nth = usize::from(nth) % waiting.len().max(1);
        if let Some(id) = waiting.keys().nth(nth).copied() {
            waiting.remove(&id);
            self.sides[at].link.cancel(id);
            self.sides[at].link.cancel(id);
        }
    }

    fn send(&mut self, at: usize) {
        let (message_type, how) = (
            MessageType::new(self.script.byte() % 64),
            self.script.byte(),
        );
        let uri = URIS[usize::from(how >> 4) % URIS.len()];
        let mut message = Message::new(message_type, uri, self.script.short().to_vec());
        if how & 0x80 != 0 {
            let (name, value) = (self.script.value(0), self.script.value(2));
            message
                .auth
                .insert(&name, &value)
                .expect("no field is that long");
        }
        // An answer out of turn, or the cause of one.
        if message_type.is_answer() || asks(message_type) {
            self.orderly = false;
        }
        let options = self.options(how & 0xf);
        self.send_it(at, &message, &options);
    }

    fn send_large(&mut self, at: usize) {
        let content = 256 * usize::from(self.script.byte());
        self.large += 1;
        if self.large <= LARGE {
            let message = Message::notify("a", alloc::vec![b'x'; content]);
            self.send_it(at, &message, &SendOptions::new());
        }
    }

    fn send_it(&mut self, at: usize, message: &Message, options: &SendOptions) {
        let queued = self.sides[at].link.queued();
        if let Err(error) = self.sides[at].link.send(self.now, message, options) {
            assert_eq!(self.sides[at].link.queued(), queued, "sent all the same");
            self.sides[at].check_refused_send(&error);
        }
    }

    /// Takes what a side has to say, and hands the other side `count` bytes of
    /// it and of what is on its way already.
    fn deliver(&mut self, from: usize, count: usize) {
        let (now, piece) = (self.now, self.piece);
        self.sides[from].write();
        let wire = &mut self.sides[from].wire;
        let later = wire.split_off(count.min(wire.len()));
        let bytes = core::mem::replace(wire, later);
        let to = 1 - from;
        // Pieces of large deliveries are larger, or this would take for ever.
        for chunk in bytes.chunks(piece.max(bytes.len() / 256).max(1)) {
            if self.sides[to].eof {
                break;
            }
            let link = &mut self.sides[to].link;
            if chunk.len() % 2 == 0 {
                link.receive(now, chunk);
            } else {
                link.receive_buffer().extend_from_slice(chunk);
                link.received(now, chunk.len());
            }
            self.drain(to);
        }
    }

    /// Loses, repeats or changes bytes on their way.
    fn tamper(&mut self, from: usize) {
        self.sides[from].write();
        let (what, place) = (self.script.byte(), usize::from(self.script.byte()));
        let wire = &mut self.sides[from].wire;
        if wire.is_empty() {
            return;
        }
        self.orderly = false;
        match what {
            0..64 => {
                *wire = wire.split_off(place.min(wire.len()));
            }
            64..128 => {
                let again = wire[..place.min(wire.len())].to_vec();
                wire.splice(0..0, again);
            }
            _ => {
                let place = place % wire.len();
                wire[place] ^= what;
            }
        }
    }

    /// Somebody else's bytes come in between.
    fn intrude(&mut self, to: usize, bytes: &[u8]) {
        if !bytes.is_empty() && !self.sides[to].eof {
            self.orderly = false;
            self.sides[to].link.receive(self.now, bytes);
        }
    }

    /// A frame that no layer seals.
    fn strange_frame(&mut self) -> Vec<u8> {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let uri = URIS[usize::from(how >> 4) % URIS.len()];
        let body = [&(uri.len() as u16).to_be_bytes(), uri.as_bytes(), b"?"].concat();
        let mut auth = Vec::new();
        AuthFields::new().encode(&mut auth).expect("no fields");
        let checksum = crc32fast::hash(&body) ^ u32::from(how & 0xf == 1);
        let header = Header {
            message_type: MessageType::new(kind % 64),
            auth_len: auth.len(),
            body_len: body.len(),
            checksum: Some(checksum),
        };
        let mut frame = alloc::vec![0; Header::LEN];
        header.encode(&mut frame).expect("short sections");
        [frame, auth, body].concat()
    }

    fn time_passes(&mut self) {
        let how = self.script.byte();
        let time = Duration::from_millis(u64::from(how >> 1) * 500);
        self.now = Now::new(self.now.deadline(time), self.now.unix + u64::from(how));
        // A driver may be late to notice.
        if how & 1 == 1 {
            self.wake();
        }
    }

    fn until_a_deadline(&mut self, at: usize) {
        if let Some(deadline) = self.sides[at].link.poll_deadline() {
            let at = deadline.at.max(self.now.monotonic);
            self.now = Now::new(at, self.now.unix);
            self.wake();
        }
    }

    fn wake(&mut self) {
        let now = self.now;
        for at in [0, 1] {
            let link = &mut self.sides[at].link;
            if let Some(deadline) = link.poll_deadline()
                && deadline.at <= now.monotonic
                && deadline.reason == DeadlineReason::Request
            {
                self.orderly = false;
            }
            link.handle_timeout(now);
            self.drain(at);
            let link = &mut self.sides[at].link;
            let next = link.poll_deadline();
            let later = next.is_none_or(|deadline| deadline.at > now.monotonic);
            assert!(later, "a deadline that has come remains: {next:?}");
        }
    }

    /// Gives the oldest answer that was put off.
    fn reply(&mut self, at: usize) {
        let now = self.now;
        if let Some((token, message)) = self.sides[at].deferred.pop_front() {
            self.orderly &= self.sides[at].reply(now, &token, &message);
        }
    }

    fn register(&mut self, at: usize) {
        let how = self.script.byte();
        let key = self.key(at);
        let handler = [
            Handler::Answer,
            Handler::Answer,
            Handler::Defer,
            Handler::Ignore,
            Handler::TooLarge,
        ];
        let handler = handler[usize::from(how) % handler.len()];
        let inner = inner_layer(how >> 4);
        let side = &mut self.sides[at];
        // A driver checks what a handler brings along.
        assert_eq!(side.link.config().check_inner(&inner), Ok(()));
        if how & 8 == 0 {
            side.node.on(key, handler, inner);
        } else {
            side.node.once(key, handler, inner);
        }
    }

    fn key(&mut self, at: usize) -> Key {
        let choice = self.script.byte();
        let message_type = REQUESTS[usize::from(choice) % REQUESTS.len()];
        let uri = URIS[usize::from(choice >> 4 & 3)];
        match choice >> 6 {
            0 | 1 => message_type.into(),
            2 => (message_type, uri).into(),
            _ => {
                let remote = self.sides[at].link.remote().expect("given at the start");
                (message_type, uri, remote).into()
            }
        }
    }

    /// After every operation: drains, and looks at all that has to hold.
    fn settle(&mut self) {
        for at in [0, 1] {
            self.drain(at);
            self.sides[at].check();
        }
    }

    fn drain(&mut self, at: usize) {
        let (now, side) = (self.now, &mut self.sides[at]);
        while let Some(event) = side.poll_event() {
            assert!(!side.closed, "an event behind the last one: {event:?}");
            let seen = match event {
                Event::Message(inbound) => match side.link.dispatch(now, inbound, &mut side.node) {
                    Dispatched::Call {
                        handler,
                        message,
                        reply,
                    } => {
                        self.orderly &= side.call(now, handler, &message, reply);
                        Seen::Called(message)
                    }
                    Dispatched::Unrouted { message, reply } => {
                        let kind = message.message_type;
                        self.orderly &= !asks(kind) && !kind.is_answer();
                        let answer = Node::<Handler>::default_answer(message.message_type);
                        if let Some(answer) = answer {
                            side.reply(now, &reply, &answer);
                        }
                        Seen::Unrouted(message)
                    }
                    Dispatched::Refused => {
                        self.orderly = false;
                        continue;
                    }
                },
                Event::Answered { request, answer } => {
                    let serial = side.waiting.remove(&request);
                    let serial = serial.expect("an answer to what nobody waits for");
                    if self.orderly {
                        assert!(answer.verified);
                        let content = &answer.message.content[..];
                        assert_eq!(content, serial.to_be_bytes(), "another's answer");
                    }
                    Seen::Answered(request, answer)
                }
                Event::Failed { request, error } => {
                    let serial = side.waiting.remove(&request);
                    assert!(serial.is_some(), "a request that ends twice");
                    Seen::Failed(request, error)
                }
                Event::Refused(refusal) => {
                    self.orderly = false;
                    Seen::Refused(refusal)
                }
                Event::Closed(reason) => {
                    side.closed = true;
                    Seen::Closed(reason)
                }
            };
            side.seen.push(seen);
        }
    }
}

/// Whether somebody may wait for an answer to it.
fn asks(message_type: MessageType) -> bool {
    REQUESTS.contains(&message_type)
}

impl Side {
    fn new(now: Now, config: LinkConfig, seed: u64) -> Self {
        let remote = SocketAddr::from(([127, 0, 0, 1], 8888));
        let rng = Box::new(Dice(seed));
        Self {
            link: Link::new(now, Arc::new(config), Some(remote), rng),
            node: Node::new(),
            waiting: BTreeMap::new(),
            deferred: VecDeque::new(),
            wire: Vec::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            busy: false,
            eof: false,
            closed: false,
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.busy {
            return self.link.poll_past_event();
        }
        self.link.poll_event()
    }

    /// Whether an answer is sent, now or later, and in its turn.
    fn call(&mut self, now: Now, handler: Handler, message: &Message, token: ReplyToken) -> bool {
        assert_eq!(token.request_type(), message.message_type);
        assert_eq!(*token.uri(), message.uri);
        let answer = match message.message_type {
            REQUEST_URI => RESPOND_URI,
            SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
            UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
            _ => OK,
        };
        let mut answer = Message::new(answer, message.uri.clone(), message.content.clone());
        match handler {
            // The answers to one connection keep the order of its requests.
            Handler::Answer if self.deferred.is_empty() => self.reply(now, &token, &answer),
            Handler::Answer | Handler::Defer => {
                self.deferred.push_back((token, answer));
                true
            }
            Handler::Ignore => false,
            Handler::TooLarge => {
                answer.content = [0; 65_536].to_vec().into();
                assert!(!self.reply(now, &token, &answer));
                false
            }
        }
    }

    fn reply(&mut self, now: Now, token: &ReplyToken, message: &Message) -> bool {
        let reply = self.link.reply(now, token, message);
        if let Err(error) = &reply {
            assert!(!matches!(error, SendError::QueueFull { .. }));
            self.check_refused_send(error);
        }
        reply.is_ok()
    }

    fn check_refused_send(&self, error: &SendError) {
        let limits = &self.link.config().wire.limits;
        match error {
            SendError::Closed(reason) => assert_eq!(self.link.is_closed(), Some(reason)),
            SendError::QueueFull { queued, max } => assert!(queued >= max),
            // Cancelled ones count besides those that wait.
            SendError::TooManyRequests { max } => {
                assert_eq!(*max, limits.pending_requests());
                assert!(self.waiting.len() <= *max);
            }
            SendError::Seal(_) => {}
        }
    }

    /// Moves what waits to be written onto the wire.
    fn write(&mut self) {
        let mut written = Vec::new();
        while self.link.poll_outbound(&mut written) {
            self.wire.extend_from_slice(&written);
            self.sent.extend_from_slice(&written);
        }
        assert_eq!(self.link.queued(), 0);
    }

    fn check(&mut self) {
        let limits = self.link.config().wire.limits.clone();
        assert_eq!(self.link.is_closed().is_some(), self.closed);
        assert_eq!(self.link.pending_requests(), self.waiting.len());
        assert!(self.waiting.len() <= limits.pending_requests());
        assert!(self.link.queued() <= limits.outbound_queue() + MAX_FRAME);
        assert!(self.link.poll_past_event().is_none());
        let buffered = self.link.receive_buffer().len();
        assert_eq!(self.link.unhandled(), buffered);
        let most = Header::LEN + limits.auth_section() + limits.body();
        assert!(
            self.busy || buffered < most,
            "{buffered} bytes wait to be a frame"
        );
        let deadline = self.link.poll_deadline();
        assert_eq!(self.link.poll_deadline(), deadline);
        if self.closed {
            assert!(deadline.is_none() && self.waiting.is_empty() && buffered == 0);
        }
    }
}

fn config(role: Role, layer: u8, limits: u8, stranger: bool) -> LinkConfig {
    let mut types = MessageTypes::base();
    types.register(CUSTOM, "CUSTOM").expect("a free value");
    debug_assert!(!types.contains(MessageType::new(UNREGISTERED)));
    let mut config = LinkConfig::new(role)
        .with_outer(outer_layer(layer, stranger))
        .with_wire(Wire {
            types,
            limits: limits_of(limits),
            ..Wire::default()
        });
    if layer & 0xc0 == 0x40 {
        config.auth_error = AuthErrorReply::Silent;
    }
    config
}

/// Tight ones, some of them at the script's choice.
fn limits_of(choice: u8) -> Limits {
    let seconds = |seconds, bit: u8| (choice & bit != 0).then(|| Duration::from_secs(seconds));
    let packify = DecodeLimits {
        items: 64,
        ..DecodeLimits::DEFAULT
    };
    Limits::default()
        .with_outbound_queue(MAX_QUEUE)
        .and_then(|limits| limits.with_pending_requests(if choice & 1 == 0 { 1024 } else { 4 }))
        .and_then(|limits| limits.with_failures(if choice & 2 == 0 { 8 } else { 1 }))
        .and_then(|limits| limits.with_idle_timeout(seconds(30, 4)))
        .and_then(|limits| limits.with_auth_timeout(seconds(5, 8)))
        .and_then(|limits| limits.with_packify(packify))
        .expect("limits that can work")
}

fn outer_layer(choice: u8, stranger: bool) -> Layer {
    let secret = if stranger { "another" } else { "secret" };
    let mut layer = Layer::new();
    if choice & 1 != 0 {
        layer = layer.with_auth(HmacAuth::new(secret));
    }
    if choice & 2 != 0 {
        let cipher = Sha256StreamCipher::new(secret);
        layer = layer.with_cipher(if choice & 4 == 0 {
            cipher
        } else {
            cipher.with_plain_uri()
        });
    }
    layer
}

/// Most often none.
fn inner_layer(choice: u8) -> Layer {
    let auth = || HmacAuth::new("admin").with_hmac_field("camh");
    let cipher = || {
        let cipher = Sha256StreamCipher::new("inner");
        cipher.with_iv_field("vi").with_plain_uri()
    };
    match choice {
        8 => Layer::new().with_auth(auth()),
        9 => Layer::new().with_cipher(cipher()),
        10 => Layer::new().with_auth(auth()).with_cipher(cipher()),
        _ => Layer::new(),
    }
}
