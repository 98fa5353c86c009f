//! Two hubs, a server's and a client's, joined by pipes in memory, in virtual time.

mod crowds;
mod datagrams;
mod ending;
mod introducing;
mod leavers;
mod network;
mod serving;
mod turns;

use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::{Hub, HubEvent, Output};
use crate::calls::Call;
use crate::config::LinkConfig;
use crate::error::{CloseReason, RequestError};
use crate::message::{Message, MessageType, types};
use crate::node::Node;
use crate::now::Now;
use crate::options::{CancelReason, RequestOptions};
use crate::peers::PeerEvent;
use crate::place::{LinkId, Place};
use crate::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use crate::requests::RequestId;
use crate::testing::*;

/// What is to be done with a message.
#[derive(Clone, Copy, Debug)]
enum Handler {
    Echo,
    /// The test answers.
    Defer,
    Subscribe,
    Unsubscribe,
}

/// What came out of a hub.
#[derive(Debug, PartialEq)]
enum Seen {
    Called(LinkId, Message),
    Message(LinkId, Message),
    Answered(LinkId, RequestId, Message),
    Failed(LinkId, RequestId, RequestError),
    Unanswered(LinkId, MessageType, Bytes),
    Cancelled(LinkId, CancelReason),
    HalfClosed(LinkId, CloseReason),
    Closed(LinkId, CloseReason),
    Peer(PeerEvent<Place>),
}

/// A loop around a hub.
struct Loop {
    hub: Hub<Handler>,
    deferred: VecDeque<(Call, Message)>,
    seen: Vec<Seen>,
}

/// Bytes on their way in one direction.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// No more will come.
    ended: bool,
    /// All that was ever put in.
    carried: Vec<u8>,
}

/// A connection of two links, and the pipes that they write into.
struct Connection {
    links: [LinkId; 2],
    pipes: [Pipe; 2],
    closed: [bool; 2],
}

/// The server's loop is the first, the client's the second.
const SERVER: usize = 0;
const CLIENT: usize = 1;

struct Net {
    loops: [Loop; 2],
    connections: Vec<Connection>,
    /// The most bytes that a pipe holds.
    capacity: usize,
    now: Now,
}

impl Net {
    fn new(server: LinkConfig, client: LinkConfig) -> Self {
        Self::seeded(server, client, 0)
    }

    fn seeded(server: LinkConfig, client: LinkConfig, seed: u64) -> Self {
        let hub = |config, mut seed: u64| Loop {
            hub: Hub::new(Node::for_streams(config), move || {
                seed += 1;
                generator(seed)
            }),
            deferred: VecDeque::new(),
            seen: Vec::new(),
        };
        let mut loops = [hub(server, 1000 + seed), hub(client, 2000 + seed)];
        for (key, handler) in [
            ((types::REQUEST_URI, "echo"), Handler::Echo),
            ((types::REQUEST_URI, "later"), Handler::Defer),
        ] {
            let replaced = loops[SERVER].hub.on(key, handler, Layer::new());
            assert!(replaced.unwrap().is_none());
        }
        for (key, handler) in [
            (types::SUBSCRIBE_URI, Handler::Subscribe),
            (types::UNSUBSCRIBE_URI, Handler::Unsubscribe),
        ] {
            let replaced = loops[SERVER].hub.on(key, handler, Layer::new());
            assert!(replaced.unwrap().is_none());
        }
        Self {
            loops,
            connections: Vec::new(),
            capacity: usize::MAX,
            now: NOON,
        }
    }

    /// Both as netaio's are.
    fn plain() -> Self {
        Self::new(plain(), plain())
    }

    fn server(&mut self) -> &mut Loop {
        &mut self.loops[SERVER]
    }

    fn client(&mut self) -> &mut Loop {
        &mut self.loops[CLIENT]
    }

    /// A connection from the client, and its number.
    fn connect(&mut self) -> usize {
        let number = self.connections.len();
        let port = 1000 + u16::try_from(number).unwrap();
        let at = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let accepted = self.loops[SERVER].hub.accept(self.now, at(port)).unwrap();
        let connected = self.loops[CLIENT].hub.connect(self.now, at(8888));
        self.connections.push(Connection {
            links: [accepted, connected],
            pipes: Default::default(),
            closed: [false; 2],
        });
        number
    }

    fn link(&self, side: usize, connection: usize) -> LinkId {
        self.connections[connection].links[side]
    }

    /// The client asks by a connection.
    fn ask(&mut self, connection: usize, message: &Message) -> RequestId {
        self.ask_with(connection, message, &RequestOptions::new())
    }

    fn ask_with(
        &mut self,
        connection: usize,
        message: &Message,
        options: &RequestOptions,
    ) -> RequestId {
        let (now, link) = (self.now, self.link(CLIENT, connection));
        let asked = self.client().hub.request(now, link, message, options);
        asked.unwrap()
    }

    /// The server answers the nth of the calls that it has deferred.
    fn answer(&mut self, nth: usize) {
        let now = self.now;
        let (call, message) = self.server().deferred.remove(nth).unwrap();
        let answer = Message::respond_uri(message.uri, message.content);
        self.server().hub.reply(now, call, answer).unwrap();
    }

    /// Polls, writes and reads until nothing moves.
    fn run(&mut self) {
        loop {
            self.poll(SERVER);
            self.poll(CLIENT);
            if !self.carry() {
                return;
            }
        }
    }

    /// Does what a hub says until only a deadline is left.
    fn poll(&mut self, side: usize) {
        let (now, capacity) = (self.now, self.capacity);
        let Loop {
            hub,
            deferred,
            seen,
        } = &mut self.loops[side];
        loop {
            let Some(output) = hub.poll(now) else {
                match hub.deadline() {
                    Some(at) if at <= now.monotonic => continue,
                    _ => return,
                }
            };
            let connections = &mut self.connections;
            match output {
                Output::Call {
                    call,
                    handler,
                    message,
                } => {
                    seen.push(Seen::Called(call.link().unwrap(), message.clone()));
                    let answer = match handler {
                        Handler::Defer => {
                            deferred.push_back((call, message));
                            continue;
                        }
                        Handler::Echo => Message::respond_uri(message.uri, message.content),
                        Handler::Subscribe => hub.subscribe(&call, &message.uri),
                        Handler::Unsubscribe => hub.unsubscribe(&call, &message.uri),
                    };
                    hub.reply(now, call, answer).unwrap();
                }
                Output::Write { link, bytes } => {
                    let pipe = &mut of(connections, side, link).pipes[side];
                    let count = bytes.len().min(capacity - pipe.bytes.len());
                    pipe.bytes.extend(&bytes[..count]);
                    pipe.carried.extend(&bytes[..count]);
                    hub.written(now, link, count);
                }
                Output::Shutdown { link } => of(connections, side, link).pipes[side].ended = true,
                Output::Close { link, reason } => {
                    let connection = of(connections, side, link);
                    connection.pipes[side].ended = true;
                    connection.closed[side] = true;
                    seen.push(Seen::Closed(link, reason));
                }
                Output::Cancelled { link, call, reason } => {
                    deferred.retain(|(deferred, _)| {
                        (deferred.link(), deferred.id()) != (Some(link), call)
                    });
                    seen.push(Seen::Cancelled(link, reason));
                }
                Output::Event(HubEvent::HalfClosed { link, reason }) => {
                    seen.push(Seen::HalfClosed(link, reason));
                }
                Output::Message { link, message } => seen.push(Seen::Message(link, message)),
                Output::Answered {
                    link,
                    request,
                    answer,
                } => seen.push(Seen::Answered(link, request, answer.message)),
                Output::Failed {
                    link,
                    request,
                    error,
                } => seen.push(Seen::Failed(link, request, error)),
                Output::Event(HubEvent::Peer(event)) => seen.push(Seen::Peer(event)),
                Output::Event(HubEvent::Unanswered { link, request, uri }) => {
                    seen.push(Seen::Unanswered(link, request, uri));
                }
                Output::Event(HubEvent::Unrouted { .. }) => {}
                Output::Event(other) => panic!("{other:?}"),
            }
        }
    }

    /// Reads from pipes where that is wanted, and says whether there was anything.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        for connection in &mut self.connections {
            for (from, to) in [(SERVER, CLIENT), (CLIENT, SERVER)] {
                let (now, link) = (self.now, connection.links[to]);
                let [reader, writer] = [to, from];
                let pipe = &mut connection.pipes[from];
                let hub = &mut self.loops[reader].hub;
                if connection.closed[to] {
                    pipe.bytes.clear();
                } else if hub.wants_read(link) && !pipe.bytes.is_empty() {
                    let count = pipe.bytes.len().min(30_000);
                    let bytes: Vec<_> = pipe.bytes.drain(..count).collect();
                    hub.receive(now, link, &bytes).unwrap();
                    moved = true;
                } else if pipe.ended && pipe.bytes.is_empty() {
                    pipe.ended = false;
                    hub.handle_eof(now, link);
                    moved = true;
                }
                let hub = &mut self.loops[writer].hub;
                let link = connection.links[from];
                if hub.wants_write(link) && pipe.bytes.len() < self.capacity {
                    hub.writable(now, link);
                    moved = true;
                }
            }
        }
        moved
    }

    /// Lets the time pass, and wakes each hub at its own deadlines and no sooner.
    fn pass(&mut self, time: Duration) {
        let until = after(self.now, time);
        self.run();
        loop {
            let due = self.loops.iter().filter_map(|it| it.hub.deadline()).min();
            let Some(at) = due.filter(|at| *at <= until.monotonic) else {
                break;
            };
            self.now = after(self.now, at.saturating_sub(self.now.monotonic));
            self.run();
        }
        self.now = until;
    }

    /// What was seen at one side since the last call.
    fn seen(&mut self, side: usize) -> Vec<Seen> {
        core::mem::take(&mut self.loops[side].seen)
    }

    /// The contents of the answers that the client has got since the last call.
    fn answers(&mut self) -> Vec<Bytes> {
        let answers = self.seen(CLIENT).into_iter().map(|seen| match seen {
            Seen::Answered(_, _, answer) => answer.content,
            other => panic!("{other:?}"),
        });
        answers.collect()
    }
}

/// The connection of a link.
fn of(connections: &mut [Connection], side: usize, link: LinkId) -> &mut Connection {
    let mut all = connections.iter_mut();
    all.find(|connection| connection.links[side] == link)
        .unwrap()
}

/// Uris that can be received and not be sent, and whether the node or a handler serves
/// subscriptions to them.
const LONG_URIS: [(bool, usize); 4] = [
    (false, 65_423),
    (false, 65_533),
    (true, 65_423),
    (true, 65_533),
];

/// An outer and an inner layer, of all plugins that go with one another.
fn all_layers() -> (Layer, Layer) {
    let outer = hmac("outer").with_cipher(Sha256StreamCipher::new("outer"));
    let auth = HmacAuth::new("inner")
        .with_hmac_field("inner_hmac")
        .with_nonce_field("inner_nonce")
        .with_ts_field("inner_ts");
    let cipher = Sha256StreamCipher::new("inner")
        .with_iv_field("inner_iv")
        .with_plain_uri();
    (outer, Layer::new().with_auth(auth).with_cipher(cipher))
}

fn request(uri: &'static str, content: &'static str) -> Message {
    Message::new(types::REQUEST_URI, uri, content)
}
