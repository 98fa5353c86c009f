//! What a script may do.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::types::NOTIFY_URI;
use netaio_core::{
    AuthFields, Layer, Message, MessageType, Now, Peer, Place, ReplyError, RequestOptions,
    SendOptions,
};

use super::config::{GROUP, HOSTS, address};
use super::host::{Asked, Host};
use super::play::{Datagram, ON_THEIR_WAY, Play};
use crate::traffic::{Handler, REFUSAL, URIS, asks, request_type, unsealed};

/// Operations of one script; the rest of a longer one is left out.
const OPERATIONS: usize = 150;
const KINDS: u8 = 32;

impl Play<'_> {
    pub(super) fn play(mut self) -> [Host; HOSTS] {
        for _ in 0..OPERATIONS {
            if self.script.is_empty() {
                break;
            }
            self.operation();
            self.settle();
        }
        self.finish()
    }

    fn operation(&mut self) {
        let choice = self.script.byte();
        let at = usize::from(choice / KINDS) % HOSTS;
        match choice % KINDS {
            0..=3 => self.request(at),
            4 => self.cancel(at),
            5 => self.send(at),
            6 => {
                let message = Message::notify("a", self.script.short().to_vec());
                let options = SendOptions::new();
                self.send_it(at, GROUP, &message, &options);
            }
            7 => self.publish(at),
            8..=10 => self.deliver(1),
            11..=13 => self.deliver(usize::MAX),
            14 => {
                if let Some(nth) = self.nth()
                    && self.network.len() < ON_THEIR_WAY
                {
                    let again = self.network[nth].clone();
                    self.network.push(again);
                }
            }
            15 => {
                if let Some(nth) = self.nth() {
                    self.network.remove(nth);
                }
            }
            16 => self.tamper(),
            17 => {
                let from = address(self.script.byte());
                if let Some(nth) = self.nth() {
                    self.network[nth].from = from;
                }
            }
            18 => {
                let to = address(self.script.byte());
                if let Some(nth) = self.nth() {
                    self.network[nth].to = to;
                }
            }
            19 | 20 => self.forge(at),
            21 => {
                let from = address(self.script.byte());
                let (to, bytes) = (
                    self.hosts[at].address,
                    Bytes::copy_from_slice(self.script.short()),
                );
                self.arrive(&Datagram { from, to, bytes });
            }
            22 => {
                let how = self.script.byte();
                let time = Duration::from_millis(u64::from(how) * 100);
                self.now = Now::new(self.now.deadline(time), self.now.unix + u64::from(how) / 10);
            }
            23 => {
                let host = &mut self.hosts[at];
                if let Some(deadline) = host.link.deadline(&mut host.node) {
                    self.now = Now::new(deadline.at.max(self.now.monotonic), self.now.unix);
                }
            }
            24 => {
                let nth = usize::from(self.script.byte());
                let host = &mut self.hosts[at];
                let nth = nth % host.deferred.len().max(1);
                if let Some((call, answer)) = host.deferred.remove(nth) {
                    host.reply(self.now, call, Some(answer));
                }
            }
            25..=28 => {
                let (how, key) = (self.script.byte(), self.script.byte());
                let node = &mut self.hosts[at].node;
                let (handler, inner) = (Handler::of(how), Layer::new());
                let registered = match key & 0x80 {
                    0 => node.on(request_type(key), handler, inner),
                    _ => node.once(
                        (request_type(key), URIS[usize::from(key >> 4 & 3)]),
                        handler,
                        inner,
                    ),
                };
                registered.expect("no inner layer at all");
            }
            29 => {
                let key = request_type(self.script.byte());
                self.hosts[at].node.remove(key);
            }
            _ => self.seldom(at),
        }
    }

    /// What happens less often, and takes one byte.
    fn seldom(&mut self, at: usize) {
        let how = self.script.byte();
        let (now, host) = (self.now, &mut self.hosts[at]);
        match how & 0xf {
            0 => drop(host.deferred.pop_front()),
            1 => {
                if let Some((call, _)) = host.deferred.pop_front() {
                    host.reply(now, call, None);
                }
            }
            2 => {
                if let Some((call, _)) = host.deferred.pop_front() {
                    let result =
                        host.made(now, |link, node| link.reply_error(now, node, call, REFUSAL));
                    host.check_reply(result);
                }
            }
            3 => self.reply_by_another(at),
            4 => {
                let grace = Duration::from_secs(u64::from(how >> 4));
                host.begin_drain(now, grace);
            }
            5 => host.blocked = !host.blocked,
            6..=9 => host.unrouted((how & 0xf) - 6),
            10 => host.manage(now, at as u8),
            11 => {
                let (peer, place) = (Peer::new(vec![how]), Place::Datagram(address(how >> 4)));
                // Refused where the place is another's.
                let _ = host.node.update_peer(now, peer, place);
            }
            12 => host
                .node
                .remove_peer_place(Place::Datagram(address(how >> 4))),
            13 => self.send_large(at, address(how >> 4)),
            _ => host.deferred.clear(),
        }
    }

    fn nth(&mut self) -> Option<usize> {
        let nth = usize::from(self.script.byte());
        nth.checked_rem(self.network.len())
    }

    fn request(&mut self, at: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let uri = URIS[usize::from(kind >> 4) % URIS.len()];
        self.serial += 1;
        let content = self.serial.to_be_bytes().to_vec();
        let message = Message::new(request_type(kind), uri, content);
        let seconds = u64::from(how >> 4);
        let mut options = RequestOptions::new()
            .fail_fast()
            .with_timeout(Duration::from_secs(1 + seconds));
        if how & 8 != 0 {
            options = options.with_correlation(kind & 8 != 0);
        }
        let (now, to, host) = (self.now, address(how & 7), &mut self.hosts[at]);
        let sent = host.command(now, |link, node| {
            link.request(now, node, to, &message, &options)
        });
        match sent {
            Ok(id) => {
                let replaced = host.waiting.insert(id, Asked { to });
                assert!(replaced.is_none(), "two requests of one name");
            }
            Err(error) => host.check_refused_send(&error),
        }
    }

    fn cancel(&mut self, at: usize) {
        let nth = usize::from(self.script.byte());
        let host = &mut self.hosts[at];
        let nth = nth % host.waiting.len().max(1);
        if let Some(id) = host.waiting.keys().nth(nth).copied() {
            host.waiting.remove(&id);
            host.link.cancel(id);
            host.link.cancel(id);
        }
    }

    fn send(&mut self, at: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let message_type = MessageType::new(kind % 64);
        let uri = URIS[usize::from(how >> 4) % URIS.len()];
        let message = Message::new(message_type, uri, self.script.short().to_vec());
        let options = match kind >> 6 {
            1 => SendOptions::new().without_auth(),
            2 => SendOptions::new().without_cipher(),
            _ => SendOptions::new(),
        };
        // An answer that is none, or the cause of one.
        if message_type.is_answer() || asks(message_type) {
            self.hosts.iter_mut().for_each(|host| host.genuine = false);
        }
        self.send_it(at, address(how & 7), &message, &options);
    }

    fn send_large(&mut self, at: usize, to: SocketAddr) {
        if let Some(large) = self.large.checked_sub(1) {
            self.large = large;
            let message = Message::notify("a", vec![b'x'; 60_000]);
            self.send_it(at, to, &message, &SendOptions::new());
        }
    }

    fn send_it(&mut self, at: usize, to: SocketAddr, message: &Message, options: &SendOptions) {
        let (now, host) = (self.now, &mut self.hosts[at]);
        let queued = host.link.queued();
        let sent = host.command(now, |link, node| link.send(now, node, to, message, options));
        if let Err(error) = sent {
            assert_eq!(host.link.queued(), queued, "sent all the same");
            host.check_refused_send(&error);
        }
    }

    fn publish(&mut self, at: usize) {
        let how = self.script.byte();
        let uri = URIS[usize::from(how) % URIS.len()];
        let frame = unsealed(NOTIFY_URI.value(), how << 4, &AuthFields::new());
        let (now, host) = (self.now, &mut self.hosts[at]);
        let message = Message::notify(uri, "published");
        if let Err(error) = host.publish(now, uri, &frame, &message) {
            host.check_refused_send(&error);
        }
    }

    /// Delivers as many as are on their way, the nth first.
    fn deliver(&mut self, count: usize) {
        if let Some(nth) = self.nth() {
            self.network.rotate_left(nth);
            let count = count.min(self.network.len());
            let datagrams: Vec<_> = self.network.drain(..count).collect();
            for datagram in &datagrams {
                self.arrive(datagram);
            }
        }
    }

    fn tamper(&mut self) {
        let (place, change) = (usize::from(self.script.byte()), self.script.byte());
        let Some(nth) = self.nth() else {
            return;
        };
        let datagram = &mut self.network[nth];
        let mut bytes = datagram.bytes.to_vec();
        match place.checked_rem(bytes.len()) {
            Some(place) if change == 0 => bytes.truncate(place),
            Some(place) => {
                bytes[place] ^= change;
                // No MAC of netaio's covers the type, which comes first: what was sealed
                // as something else may have the form of an answer now.
                if place == 0 {
                    self.hosts.iter_mut().for_each(|host| host.genuine = false);
                }
            }
            None => {}
        }
        datagram.bytes = bytes.into();
    }

    /// Some of a frame that no layer seals, from any address. It may carry the id of
    /// what was sent last.
    fn forge(&mut self, to: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let (from, count) = (address(how & 7), 1 + usize::from(kind >> 6) * 3);
        let mut fields = AuthFields::new();
        if how & 8 != 0
            && let Some((field, id)) = self.hosts[to].last_id()
        {
            fields.set(&field, &id).expect("a short id");
        }
        let wrong = u8::from(self.layer & 16 != 0);
        let bytes = Bytes::from(unsealed(kind, how & 0xf0 | wrong, &fields));
        let to = self.hosts[to].address;
        for _ in 0..count {
            let bytes = bytes.clone();
            self.arrive(&Datagram { from, to, bytes });
        }
    }

    /// The other node gets a call that is not its own: it comes back, and nothing has
    /// happened.
    fn reply_by_another(&mut self, at: usize) {
        let Some((call, answer)) = self.hosts[at].deferred.pop_front() else {
            return;
        };
        let (now, other) = (self.now, &mut self.hosts[(at + 1) % HOSTS]);
        let queued = other.link.queued();
        let result = other.link.reply(now, &mut other.node, call, answer.clone());
        let call = match result {
            Err(ReplyError::OtherLink(call)) => call,
            result => panic!("another link's call was taken: {result:?}"),
        };
        assert_eq!(other.link.queued(), queued);
        self.hosts[at].deferred.push_front((call, answer));
    }
}
