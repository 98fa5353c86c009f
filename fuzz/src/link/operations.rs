//! What a script may do.

use std::time::Duration;

use netaio_core::{
    AuthFields, DeadlineReason, Header, Key, Message, MessageType, Now, RequestOptions, SendError,
    SendOptions,
};

use super::config::{inner_layer, outer_layer};
use super::side::{Deferred, Handler};
use super::{Play, REQUESTS, URIS, asks};

impl Play<'_> {
    pub(super) fn request(&mut self, at: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let message_type = REQUESTS[usize::from(kind) % REQUESTS.len()];
        let uri = URIS[usize::from(kind >> 4) % URIS.len()];
        self.serial += 1;
        let content = self.serial.to_be_bytes().to_vec();
        let message = Message::new(message_type, uri, content);
        let seconds = 1 + u64::from(how >> 4);
        let mut options = RequestOptions::new()
            .with_send_options(self.options(how & 0xf))
            .with_timeout(Duration::from_secs(seconds));
        if let id @ (14 | 15) = how & 0xf {
            options = options.with_correlation(id == 14);
            self.marked &= id == 14;
        }
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
    pub(super) fn options(&mut self, how: u8) -> SendOptions {
        match how {
            8..=10 => SendOptions::new().with_inner(inner_layer(how)),
            // Its fields are the outer layer's.
            11 => SendOptions::new().with_inner(outer_layer(3, false)),
            12 => SendOptions::new().without_auth(),
            13 => SendOptions::new().without_cipher(),
            _ => SendOptions::new(),
        }
    }

    pub(super) fn cancel(&mut self, at: usize) {
        let nth = self.script.byte();
        let waiting = &mut self.sides[at].waiting;
        let nth = usize::from(nth) % waiting.len().max(1);
        if let Some(id) = waiting.keys().nth(nth).copied() {
            waiting.remove(&id);
            self.sides[at].link.cancel(id);
            self.sides[at].link.cancel(id);
        }
    }

    pub(super) fn send(&mut self, at: usize) {
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

    pub(super) fn send_large(&mut self, at: usize) {
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
        // What may be dropped, and never finds the queue full.
        let side = &mut self.sides[at];
        if let Err(error) = side.link.notify(now, &message, &plain) {
            assert!(!matches!(error, SendError::QueueFull { .. }));
            side.check_refused_send(&error);
        }
    }

    pub(super) fn send_it(&mut self, at: usize, message: &Message, options: &SendOptions) {
        let queued = self.sides[at].link.queued();
        if let Err(error) = self.sides[at].link.send(self.now, message, options) {
            assert_eq!(self.sides[at].link.queued(), queued, "sent all the same");
            self.sides[at].check_refused_send(&error);
        }
    }

    /// Takes what a side has to say, and hands the other side `count` bytes of
    /// it and of what is on its way already.
    pub(super) fn deliver(&mut self, from: usize, count: usize) {
        let (now, piece) = (self.now, self.piece);
        self.sides[from].write();
        let wire = &mut self.sides[from].wire;
        let later = wire.split_off(count.min(wire.len()));
        let bytes = std::mem::replace(wire, later);
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
    pub(super) fn tamper(&mut self, from: usize) {
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
    pub(super) fn intrude(&mut self, to: usize, bytes: &[u8]) {
        if !bytes.is_empty() && !self.sides[to].eof {
            self.orderly = false;
            self.sides[to].link.receive(self.now, bytes);
        }
    }

    /// A frame that no layer seals. It may name the request that `to` has waited
    /// for the longest.
    pub(super) fn strange_frame(&mut self, to: usize) -> Vec<u8> {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let uri = URIS[usize::from(how >> 4) % URIS.len()];
        let body = [&(uri.len() as u16).to_be_bytes(), uri.as_bytes(), b"?"].concat();
        let (mut fields, mut auth) = (AuthFields::new(), Vec::new());
        if how & 0xf == 2
            && let Some(deferred) = self.sides[1 - to].deferred.front()
            && let Some(id) = &deferred.id
        {
            let field = self.sides[to].link.config().correlation.field().to_owned();
            fields.set(&field, id).expect("a short id");
        }
        fields.encode(&mut auth).expect("few fields");
        let checksum = crc32fast::hash(&body) ^ u32::from(how & 0xf == 1);
        let header = Header {
            message_type: MessageType::new(kind % 64),
            auth_len: auth.len(),
            body_len: body.len(),
            checksum: Some(checksum),
        };
        let mut frame = vec![0; Header::LEN];
        header.encode(&mut frame).expect("short sections");
        [frame, auth, body].concat()
    }

    pub(super) fn time_passes(&mut self) {
        let how = self.script.byte();
        let time = Duration::from_millis(u64::from(how >> 1) * 500);
        self.now = Now::new(self.now.deadline(time), self.now.unix + u64::from(how));
        // A driver may be late to notice.
        if how & 1 == 1 {
            self.wake();
        }
    }

    pub(super) fn until_a_deadline(&mut self, at: usize) {
        if let Some(deadline) = self.sides[at].link.poll_deadline() {
            let at = deadline.at.max(self.now.monotonic);
            self.now = Now::new(at, self.now.unix);
            self.wake();
        }
    }

    pub(super) fn wake(&mut self) {
        let now = self.now;
        for at in [0, 1] {
            let link = &mut self.sides[at].link;
            if let Some(deadline) = link.poll_deadline()
                && deadline.at <= now.monotonic
                && deadline.reason == DeadlineReason::Request
            {
                self.orderly &= self.marked;
            }
            link.handle_timeout(now);
            self.drain(at);
            let link = &mut self.sides[at].link;
            let next = link.poll_deadline();
            let later = next.is_none_or(|deadline| deadline.at > now.monotonic);
            assert!(later, "a deadline that has come remains: {next:?}");
        }
    }

    /// Gives an answer that was put off: the nth, if it may overtake those before
    /// it, or else the oldest.
    pub(super) fn reply(&mut self, at: usize, nth: usize) {
        let (now, side) = (self.now, &mut self.sides[at]);
        let nth = nth % side.deferred.len().max(1);
        let nth = if side.may_overtake(nth) { nth } else { 0 };
        if let Some(Deferred { token, answer, .. }) = side.deferred.remove(nth) {
            self.orderly &= side.reply(now, &token, &answer);
        }
    }

    pub(super) fn register(&mut self, at: usize) {
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

    pub(super) fn key(&mut self, at: usize) -> Key {
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
}
