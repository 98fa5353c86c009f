//! A client's and a server's link, and all that can happen to them.
//!
//! The input is a script: a few bytes of configuration, then one operation after
//! another. The script is played twice, its deliveries once whole and once in
//! small pieces, and both plays have to end alike, to the byte.

mod config;
mod operations;
mod side;

use std::time::Duration;

use netaio_core::types::*;
use netaio_core::{
    CloseReason, Dispatched, Event, MessageType, Node, Now, Refusal, Role, SlowConsumerPolicy,
};

use self::config::config;
use self::side::{Handler, Seen, Side};
use crate::heap::Bound;
use crate::input::Input;
use crate::tables::Tables;

/// Plays the script twice. The seeds' script (`fuzz/seeds.py`) and
/// `Play::operation` must agree on the operations.
pub fn link(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
        let whole = Play::new(data, usize::MAX).play();
        let pieces = Play::new(data, 7).play();
        for (whole, pieces) in whole.iter().zip(&pieces) {
            assert_eq!(whole.seen, pieces.seen);
            assert!(whole.sent == pieces.sent, "other bytes for the same input");
        }
    });
}

/// A message for every other byte of a script, and the large ones: in a queue, on
/// their way, and kept by who sent them and who received them.
const HEAP: Bound = Bound(1024, 4 << 20);
/// Operations of one script; the rest of a longer one is left out.
const OPERATIONS: usize = 150;
/// The first of the operations on what links share.
const TABLES: u8 = 0xe0;
/// Large messages of one script; fewer where they are enciphered, which takes long.
const LARGE: usize = 6;
const LARGE_ENCIPHERED: usize = 2;

const CUSTOM: u8 = 40;
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

struct Play<'a> {
    script: Input<'a>,
    now: Now,
    /// The client and the server.
    sides: [Side; 2],
    tables: Tables,
    /// Bytes are delivered in pieces of this many.
    piece: usize,
    serial: u32,
    /// Large messages that may be sent yet.
    large: usize,
    /// Each request had one answer on the way, in their order unless both carry
    /// ids: nothing was lost, changed or added, and nobody answers out of turn or
    /// not at all.
    orderly: bool,
    /// Each request carries an id that its answer repeats: a late answer is
    /// nobody's.
    marked: bool,
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
            large: if config::has_cipher(layer) {
                LARGE_ENCIPHERED
            } else {
                LARGE
            },
            orderly: !strangers,
            marked: layer & config::IDS == config::IDS_BOTH,
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
                    self.reply(at, 0);
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
                let frame = self.strange_frame(at);
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
            21 => self.reply(at, 0),
            22 => {
                let nth = self.script.byte().into();
                self.reply(at, nth);
            }
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
                    // Late, perhaps: nothing but the answer is lost by that.
                    self.orderly &= matches!(refusal, Refusal::Unawaited { .. });
                    Seen::Refused(refusal)
                }
                Event::Dropped(dropped) => {
                    let limits = &side.link.config().wire.limits;
                    assert_ne!(limits.slow_consumer(), SlowConsumerPolicy::Disconnect);
                    assert!(dropped.messages > 0 && dropped.bytes >= dropped.messages);
                    Seen::Dropped(dropped)
                }
                Event::Closed(reason) => {
                    side.closed = true;
                    Seen::Closed(reason)
                }
                other => panic!("an event of no known kind: {other:?}"),
            };
            side.seen.push(seen);
        }
    }
}

/// Whether somebody may wait for an answer to it.
fn asks(message_type: MessageType) -> bool {
    REQUESTS.contains(&message_type)
}
