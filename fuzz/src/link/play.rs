//! One play of a script.

use std::time::Duration;

use netaio_core::{LinkEvent, Now, Refusal, RequestError, SlowConsumerPolicy};

use super::config::{self, config};
use super::side::{Seen, Side};
use crate::input::Input;
use crate::tables::Tables;
use crate::traffic::answers;

/// Large messages of one script; fewer where they are enciphered, which takes long.
const LARGE: usize = 6;
const LARGE_ENCIPHERED: usize = 2;

pub(super) struct Play<'a> {
    pub(super) script: Input<'a>,
    pub(super) now: Now,
    /// The client and the server.
    pub(super) sides: [Side; 2],
    pub(super) tables: Tables,
    /// Bytes are read in pieces of this many.
    piece: usize,
    pub(super) serial: u32,
    /// Large messages that may be sent yet.
    pub(super) large: usize,
    /// Each request will have its own answer: nothing was lost, changed or added, and
    /// no handler says that there is none.
    pub(super) orderly: bool,
    /// Each request carries an id that its answer repeats: a late answer is
    /// nobody's.
    pub(super) correlated: bool,
}

impl<'a> Play<'a> {
    pub(super) fn new(data: &'a [u8], piece: usize) -> Self {
        let mut script = Input::new(data);
        let (layer, limits) = (script.byte(), script.byte());
        // One secret in eight is another.
        let strangers = layer & 0x38 == 0x38;
        let client = config(true, layer, limits, strangers);
        let server = config(false, layer, limits >> 4, false);
        let now = Now::new(Duration::from_secs(1000), 1_700_000_000);
        Self {
            sides: [Side::new(now, client, true), Side::new(now, server, false)],
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
            correlated: layer & config::IDS == config::IDS_BOTH,
        }
    }

    /// Takes what a side has to say, and hands the other side `count` bytes of
    /// it and of what is on its way already.
    pub(super) fn deliver(&mut self, from: usize, count: usize) {
        let side = &mut self.sides[from];
        side.write(count);
        let later = side.wire.split_off(count.min(side.wire.len()));
        let bytes = std::mem::replace(&mut side.wire, later);
        let ends = side.wire.is_empty() && side.shut;
        let to = &mut self.sides[1 - from];
        if !to.ends {
            to.arrived.extend_from_slice(&bytes);
        }
        to.ends |= ends;
    }

    /// After every operation: does all that can be done, and looks at all that has to
    /// hold.
    pub(super) fn settle(&mut self) {
        for at in [0, 1] {
            // Pieces of large deliveries are larger, or this would take for ever.
            let piece = self.piece.max(self.sides[at].arrived.len() / 256);
            loop {
                self.drain(at);
                let (now, side) = (self.now, &mut self.sides[at]);
                if !side.read(now, piece) && !side.link.wants_poll() {
                    break;
                }
            }
            self.sides[at].check(self.now);
        }
    }

    fn drain(&mut self, at: usize) {
        let (now, side) = (self.now, &mut self.sides[at]);
        while let Some(event) = side.link.poll(now, &mut side.node) {
            assert!(!side.closed, "an event behind the last one: {event:?}");
            let passes = !matches!(
                event,
                LinkEvent::Call { .. } | LinkEvent::Message(_) | LinkEvent::Unrouted { .. }
            );
            assert!(
                passes || !side.paused,
                "handed over while paused: {event:?}"
            );
            let seen = match event {
                LinkEvent::Call {
                    call,
                    handler,
                    message,
                } => {
                    self.orderly &= side.call(now, handler, &message, call);
                    Seen::Called(message)
                }
                LinkEvent::Message(message) => Seen::Delivered(message),
                LinkEvent::Answered { request, answer } => {
                    let asked = side.waiting.remove(&request);
                    let asked = asked.expect("an answer to what nobody waits for");
                    if self.orderly {
                        assert!(answer.verified);
                        assert!(answers(&answer, asked.serial), "another's answer");
                    }
                    Seen::Answered(request, answer)
                }
                LinkEvent::Failed { request, error } => {
                    let asked = side.waiting.remove(&request);
                    assert!(asked.is_some(), "a request that ends twice");
                    let timed_out = matches!(error, RequestError::TimedOut(_));
                    self.orderly &= self.correlated || !timed_out;
                    Seen::Failed(request, error)
                }
                LinkEvent::Refused(refusal) => {
                    // Late, perhaps: nothing but the answer is lost by that.
                    self.orderly &= matches!(refusal, Refusal::Unawaited { .. });
                    Seen::Refused(refusal)
                }
                LinkEvent::Dropped(dropped) => {
                    assert_ne!(
                        side.limits().slow_consumer(),
                        SlowConsumerPolicy::Disconnect
                    );
                    assert!(dropped.messages > 0 && dropped.bytes >= dropped.messages);
                    Seen::Dropped(dropped)
                }
                LinkEvent::Unwritten { bytes } => {
                    assert!(bytes > 0 && side.link.close_reason().is_some());
                    Seen::Unwritten(bytes)
                }
                LinkEvent::Unrouted { message_type, uri } => Seen::Unrouted(message_type, uri),
                LinkEvent::Unanswered { request, uri } => Seen::Unanswered(request, uri),
                LinkEvent::Shutdown => {
                    assert!(side.link.close_reason().is_some() && side.link.queued() == 0);
                    assert!(!side.shut, "it is shut down twice");
                    side.shut = true;
                    Seen::Shutdown
                }
                LinkEvent::HalfClosed(reason) => Seen::HalfClosed(reason),
                LinkEvent::Cancelled { call, reason } => {
                    let before = side.deferred.len();
                    side.deferred.retain(|deferred| deferred.call.id() != call);
                    assert_eq!(side.deferred.len() + 1, before, "another's call");
                    Seen::Cancelled(reason)
                }
                LinkEvent::Closed(reason) => {
                    side.closed = true;
                    side.shut = true;
                    Seen::Closed(reason)
                }
                other => panic!("an event of no known kind: {other:?}"),
            };
            side.seen.push(seen);
        }
        self.orderly &= !side.node.unrouted;
    }

    /// Lets time pass, and notes whose requests that ends.
    pub(super) fn pass(&mut self, now: Now) {
        self.now = now;
        for side in &mut self.sides {
            let asked = side.waiting.values().map(|asked| asked.until);
            let mut all = asked.chain(side.cancelled.iter().copied());
            let late = all.any(|until| until <= now.monotonic);
            side.cancelled.retain(|until| *until > now.monotonic);
            self.orderly &= self.correlated || !late;
        }
    }

    /// Ends everything: with all bytes delivered and all deferred answers given, no
    /// request of an orderly play waits; and both links close in time.
    pub(super) fn finish(mut self) -> [Side; 2] {
        for side in &mut self.sides {
            side.resume(self.now);
        }
        self.settle();
        for _ in 0..4 {
            for at in [0, 1] {
                while let Some(deferred) = self.sides[at].deferred.pop_front() {
                    let answer = Some(deferred.answer);
                    self.orderly &= self.sides[at].reply(self.now, deferred.call, answer);
                    self.settle();
                }
                self.deliver(at, usize::MAX);
                self.settle();
            }
        }
        let mut sides = self.sides.iter();
        let open = sides.all(|side| side.link.close_reason().is_none() && !side.ends);
        if open && self.orderly {
            for side in &self.sides {
                assert!(side.waiting.is_empty(), "an answer has got lost");
            }
        }
        for at in [0, 1] {
            let side = &mut self.sides[at];
            side.link.close(self.now, &mut side.node);
            self.settle();
        }
        for _ in 0..8 {
            for at in [0, 1] {
                self.deliver(at, usize::MAX);
                self.settle();
            }
            let deadlines = self
                .sides
                .iter_mut()
                .filter_map(|side| side.link.deadline());
            if let Some(at) = deadlines.map(|deadline| deadline.at).min() {
                self.pass(Now::new(at, self.now.unix));
                self.settle();
            }
        }
        for side in &mut self.sides {
            assert!(side.closed && side.waiting.is_empty());
            let closed = |seen: &&Seen| matches!(seen, Seen::Closed(_));
            assert_eq!(side.seen.iter().filter(closed).count(), 1);
            assert!(matches!(side.seen.last(), Some(Seen::Closed(_))));
        }
        self.sides
    }
}
