//! What a script may do.

use std::time::Duration;

use netaio_core::{
    AuthFields, CloseReason, Key, Message, MessageType, Now, ReplyError, RequestOptions, SendError,
    SendOptions, Unrouted,
};

use super::config::{inner_layer, outer_layer};
use super::play::Play;
use super::side::{Asked, Deferred, Side};
use crate::traffic::{Handler, REFUSAL, URIS, asks, request_type, unsealed};

/// Operations of one script; the rest of a longer one is left out.
const OPERATIONS: usize = 150;
/// The first of the operations on what links share.
const TABLES: u8 = 0xe0;

impl Play<'_> {
    pub(super) fn play(mut self) -> [Side; 2] {
        for _ in 0..OPERATIONS {
            if self.script.is_empty() {
                break;
            }
            if self.operation() {
                self.settle();
            }
        }
        self.finish()
    }

    /// Does what comes next, and says whether the links are looked at before what
    /// comes then.
    fn operation(&mut self) -> bool {
        let choice = self.script.byte();
        let at = usize::from(choice & 1);
        if choice >= TABLES {
            self.tables.operation(&mut self.script, self.now);
            return true;
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
            17 => return self.time_passes(),
            18 => self.until_a_deadline(at),
            19 => {
                self.sides[at].ends = true;
                self.orderly = false;
            }
            20 => {
                let (now, side) = (self.now, &mut self.sides[at]);
                side.link.close(now, &mut side.node);
            }
            21 => self.reply(at, 0),
            22 => {
                let nth = self.script.byte().into();
                self.reply(at, nth);
            }
            23..=28 => self.register(at),
            29 => {
                let key = self.key(at);
                let node = &mut self.sides[at].node.node;
                node.remove(key.clone());
                node.remove_once(key);
            }
            30 => {
                let side = &mut self.sides[at];
                side.link.release_receive_buffer();
                // A driver that has read nothing says so too.
                side.link.received(self.now, 0);
                side.link.release_spares();
            }
            _ => self.seldom(at),
        }
        true
    }

    /// What happens less often, and takes one byte.
    fn seldom(&mut self, at: usize) {
        let how = self.script.byte();
        let (now, side) = (self.now, &mut self.sides[at]);
        match how & 0xf {
            0 => drop(side.deferred.pop_front()),
            1 => drop(side.deferred.pop_back()),
            2 => {
                if let Some(Deferred { call, .. }) = side.deferred.pop_front() {
                    side.reply(now, call, None);
                    self.orderly = false;
                }
            }
            3 => {
                if let Some(Deferred { call, .. }) = side.deferred.pop_front() {
                    let result = side.link.reply_error(now, &mut side.node, call, REFUSAL);
                    self.orderly &= side.check_reply(&result);
                }
            }
            4 => self.reply_by_another(at),
            5 => {
                let grace = Duration::from_secs(u64::from(how >> 4));
                if side.begin_drain(now, grace) {
                    self.orderly = false;
                }
            }
            6 => side.link.abort(CloseReason::Local),
            7 => {
                let failure = CloseReason::Transport("reset".into());
                side.link.transport_failed(failure);
            }
            8 => side.node.node.set_unrouted(Unrouted::NotFound),
            9 => side.node.node.set_unrouted(Unrouted::Deliver),
            10 => side
                .node
                .node
                .set_unrouted(Unrouted::Handler(Handler::Answer)),
            11 => side
                .node
                .node
                .set_unrouted(Unrouted::Handler(Handler::Defer)),
            13 => side.pause(),
            14 => side.resume(now),
            _ => side.deferred.clear(),
        }
    }

    fn request(&mut self, at: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let message_type = request_type(kind);
        let uri = URIS[usize::from(kind >> 4) % URIS.len()];
        self.serial += 1;
        let content = self.serial.to_be_bytes().to_vec();
        let message = Message::new(message_type, uri, content);
        let timeout = Duration::from_secs(1 + u64::from(how >> 4));
        let mut options = RequestOptions::new()
            .fail_fast()
            .with_send_options(self.options(how & 0xf))
            .with_timeout(timeout);
        if let id @ (14 | 15) = how & 0xf {
            options = options.with_correlation(id == 14);
            self.correlated &= id == 14;
        }
        let (now, side) = (self.now, &mut self.sides[at]);
        match side.link.request(now, &mut side.node, &message, &options) {
            Ok(id) => {
                let asked = Asked {
                    serial: self.serial,
                    until: now.deadline(timeout),
                };
                let replaced = side.waiting.insert(id, asked);
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
        let side = &mut self.sides[at];
        let nth = usize::from(nth) % side.waiting.len().max(1);
        if let Some(id) = side.waiting.keys().nth(nth).copied() {
            let asked = side.waiting.remove(&id);
            side.cancelled.extend(asked.map(|asked| asked.until));
            side.link.cancel(id);
            side.link.cancel(id);
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
        let choice = self.script.byte();
        let Some(large) = self.large.checked_sub(1) else {
            return;
        };
        self.large = large;
        let message = Message::notify("a", vec![b'x'; 256 * usize::from(choice)]);
        let (now, plain) = (self.now, SendOptions::new());
        if choice & 1 == 1 {
            return self.send_it(at, &message, &plain);
        }
        // What may be dropped, and never finds the queue full where that may be.
        let side = &mut self.sides[at];
        if let Err(error) = side.link.notify(now, &mut side.node, &message, &plain) {
            side.check_refused_send(&error);
        }
    }

    fn send_it(&mut self, at: usize, message: &Message, options: &SendOptions) {
        let (now, side) = (self.now, &mut self.sides[at]);
        let queued = side.link.queued();
        if let Err(error) = side.link.send(now, &mut side.node, message, options) {
            assert_eq!(side.link.queued(), queued, "sent all the same");
            assert!(!matches!(&error, SendError::Closed(_)) || side.link.close_reason().is_some());
            side.check_refused_send(&error);
        }
    }

    /// Loses, repeats or changes bytes on their way.
    fn tamper(&mut self, from: usize) {
        let (what, place) = (self.script.byte(), usize::from(self.script.byte()));
        self.sides[from].write(usize::MAX);
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
        if !bytes.is_empty() && !self.sides[to].ends {
            self.orderly = false;
            self.sides[to].arrived.extend_from_slice(bytes);
        }
    }

    /// A frame that no layer seals. It may name the request that `to` has waited
    /// for the longest.
    fn strange_frame(&mut self, to: usize) -> Vec<u8> {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let mut fields = AuthFields::new();
        if how & 0xf == 2
            && let Some(deferred) = self.sides[1 - to].deferred.front()
            && let Some(id) = &deferred.id
        {
            let field = self.sides[to].link.config().correlation.field();
            fields.set(field, id).expect("a short id");
        }
        unsealed(kind, how, &fields)
    }

    /// A driver may be late to notice.
    fn time_passes(&mut self) -> bool {
        let how = self.script.byte();
        let time = Duration::from_millis(u64::from(how >> 1) * 500);
        self.pass(Now::new(
            self.now.deadline(time),
            self.now.unix + u64::from(how),
        ));
        how & 1 == 1
    }

    fn until_a_deadline(&mut self, at: usize) {
        if let Some(deadline) = self.sides[at].link.deadline() {
            let at = deadline.at.max(self.now.monotonic);
            self.pass(Now::new(at, self.now.unix));
        }
    }

    /// Gives the nth of the answers that were put off.
    fn reply(&mut self, at: usize, nth: usize) {
        let (now, side) = (self.now, &mut self.sides[at]);
        let nth = nth % side.deferred.len().max(1);
        if let Some(Deferred { call, answer, .. }) = side.deferred.remove(nth) {
            self.orderly &= side.reply(now, call, Some(answer));
        }
    }

    /// The other link gets a call that is not its own: it comes back, and nothing has
    /// happened.
    fn reply_by_another(&mut self, at: usize) {
        let Some(mut deferred) = self.sides[at].deferred.pop_front() else {
            return;
        };
        let (now, other) = (self.now, &mut self.sides[1 - at]);
        let queued = other.link.queued();
        let answer = deferred.answer.clone();
        deferred.call = match other
            .link
            .reply(now, &mut other.node, deferred.call, answer)
        {
            Err(ReplyError::OtherLink(call)) => call,
            result => panic!("another link's call was taken: {result:?}"),
        };
        assert_eq!(other.link.queued(), queued);
        self.sides[at].deferred.push_front(deferred);
    }

    fn register(&mut self, at: usize) {
        let how = self.script.byte();
        let key = self.key(at);
        let handler = Handler::of(how);
        let inner = inner_layer(how >> 4);
        let node = &mut self.sides[at].node.node;
        let registered = match how & 8 {
            0 => node.on(key, handler, inner),
            _ => node.once(key, handler, inner),
        };
        registered.expect("an inner layer that goes with the outer one");
    }

    fn key(&mut self, at: usize) -> Key {
        let choice = self.script.byte();
        let message_type = request_type(choice);
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
}
