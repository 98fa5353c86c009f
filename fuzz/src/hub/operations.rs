//! What a script may do.

use std::time::Duration;

use netaio_core::{
    Layer, Message, Now, ReplyError, RequestOptions, SendError, SendOptions, Unrouted,
};

use super::play::Play;
use crate::traffic::{Handler, REFUSAL, URIS, request_type};

/// Operations of one script; the rest of a longer one is left out.
const OPERATIONS: usize = 120;

impl Play<'_> {
    pub(super) fn play(mut self) -> [u32; 3] {
        self.connect(1);
        self.connect(2);
        self.settle();
        for _ in 0..OPERATIONS {
            if self.script.is_empty() {
                break;
            }
            self.operation();
            self.settle();
        }
        self.finish()
    }

    /// The byte of an operation says which, and at which end of which pipe: 32 for
    /// each pipe, and 128 for the server's end.
    fn operation(&mut self) {
        let choice = self.script.byte();
        let (side, pipe) = (usize::from(choice >> 7), usize::from(choice >> 5 & 3));
        let at = self.pipes.get(pipe).map_or(0, |pipe| pipe.ends[side].0);
        match choice & 31 {
            0..=2 => self.request(pipe, side, 1),
            3 => {
                let count = 1 + usize::from(self.script.byte() % 16);
                self.request(pipe, side, count);
            }
            4 => self.cancel(at),
            5 => self.publish(at),
            6 => self.send(pipe, side),
            7..=9 => {
                let (count, chunk) = (self.script.byte(), self.script.byte());
                self.transfer(pipe, side, count.into(), usize::from(chunk) + 1);
            }
            10..=12 => self.run(4096),
            13 => {
                let chunk = 1 + usize::from(self.script.byte());
                self.run(chunk);
            }
            14 => self.connect(1 + side),
            15 | 16 => {
                let nth = usize::from(self.script.byte());
                let end = &mut self.ends[at];
                let nth = nth % end.deferred.len().max(1);
                if let Some((call, answer)) = end.deferred.remove(nth) {
                    end.reply(self.now, call, Some(answer));
                }
            }
            17 => {
                let how = self.script.byte();
                let time = Duration::from_millis(u64::from(how) * 50);
                self.now = Now::new(self.now.deadline(time), self.now.unix + u64::from(how) / 20);
            }
            18 => {
                if let Some(deadline) = self.ends[at].hub.deadline() {
                    self.now = Now::new(deadline.max(self.now.monotonic), self.now.unix);
                }
            }
            19..=22 => {
                let (how, key) = (self.script.byte(), self.script.byte());
                let (handler, key) = (Handler::of(how), request_type(key));
                let node = self.ends[at].hub.node_mut();
                let registered = match how & 8 {
                    0 => node.on(key, handler, Layer::new()),
                    _ => node.once(key, handler, Layer::new()),
                };
                registered.expect("no inner layer at all");
            }
            23 => {
                let key = request_type(self.script.byte());
                self.ends[at].hub.node_mut().remove(key);
            }
            24 => {
                if let Some(pipe) = self.pipes.get_mut(pipe) {
                    let way = &mut pipe.ways[side];
                    way.stalled = !way.stalled;
                    self.transfer_nothing(choice);
                }
            }
            25 => self.garbage(pipe, side),
            26 => self.end(pipe, side),
            27 => {
                let how = self.script.byte();
                self.ends[at].orderly &= how & 3 > 1;
                self.ends[at].hub.node_mut().set_unrouted(match how & 3 {
                    0 => Unrouted::NotFound,
                    1 => Unrouted::Deliver,
                    2 => Unrouted::Handler(Handler::Answer),
                    _ => Unrouted::Handler(Handler::Defer),
                });
            }
            29 => {
                if let Some((at, link)) = self.pipes.get(pipe).map(|pipe| pipe.ends[side]) {
                    self.ends[at].pause(link);
                }
            }
            30 => {
                if let Some((at, link)) = self.pipes.get(pipe).map(|pipe| pipe.ends[side]) {
                    self.ends[at].resume(self.now, link);
                }
            }
            _ => self.seldom(at),
        }
    }

    /// What happens less often, and takes one byte.
    fn seldom(&mut self, at: usize) {
        let how = self.script.byte();
        let (now, end) = (self.now, &mut self.ends[at]);
        match how & 7 {
            0 => drop(end.deferred.pop_front()),
            1 => drop(end.deferred.pop_back()),
            2 => {
                if let Some((call, _)) = end.deferred.pop_front() {
                    end.reply(now, call, None);
                    self.disturb();
                }
            }
            3 => {
                if let Some((call, _)) = end.deferred.pop_front() {
                    let result = end.hub.reply_error(now, call, REFUSAL);
                    assert!(matches!(result, Ok(()) | Err(ReplyError::Closed(_))));
                }
            }
            4 => self.reply_by_another(at),
            5 => {
                let grace = Duration::from_secs(u64::from(how >> 4));
                end.hub.drain(now, grace);
                self.disturb();
            }
            6 => self.ends[at].deferred.clear(),
            _ => {
                // Others may send of itself what they like.
                let farewells = end.hub.node_mut().stop_all_peer_management();
                drop(farewells);
            }
        }
    }

    fn request(&mut self, pipe: usize, side: usize, count: usize) {
        let (kind, how) = (self.script.byte(), self.script.byte());
        let Some(pipe) = self.pipes.get(pipe) else {
            return;
        };
        let (at, link) = pipe.ends[side];
        let (now, end) = (self.now, &mut self.ends[at]);
        let seconds = u64::from(how >> 4);
        let mut options = RequestOptions::new()
            .fail_fast()
            .with_timeout(Duration::from_secs(1 + seconds));
        if how & 8 != 0 {
            options = options.with_correlation(how & 4 != 0);
        }
        for _ in 0..count {
            self.serial += 1;
            let uri = URIS[usize::from(kind >> 4) % URIS.len()];
            let content = self.serial.to_be_bytes().to_vec();
            let message = Message::new(request_type(kind), uri, content);
            match end.hub.request(now, link, &message, &options) {
                Ok(id) => {
                    let replaced = end.waiting.insert((link, id), self.serial);
                    assert_eq!(replaced, None, "two requests of one name");
                }
                Err(SendError::Closed(_)) => {
                    let ends = end
                        .hub
                        .link(link)
                        .is_none_or(|link| link.close_reason().is_some() || !link.wants_read());
                    assert!(ends);
                }
                Err(SendError::TooManyRequests { max } | SendError::QueueFull { max, .. }) => {
                    assert!(max > 0);
                }
                Err(error) => panic!("a request like others: {error}"),
            }
        }
    }

    /// No answer of another's comes in time for one that was given up, while nothing
    /// else goes wrong.
    fn cancel(&mut self, at: usize) {
        let nth = usize::from(self.script.byte());
        let end = &mut self.ends[at];
        let nth = nth % end.waiting.len().max(1);
        if let Some((link, id)) = end.waiting.keys().nth(nth).copied() {
            end.waiting.remove(&(link, id));
            end.hub.cancel(link, id);
            self.disturb();
        }
    }

    fn publish(&mut self, at: usize) {
        let how = self.script.byte();
        let uri = URIS[usize::from(how >> 4) % URIS.len()];
        let content = self.content(how, 40_000);
        let end = &mut self.ends[at];
        let subscribers = end.hub.node().subscribers(uri.as_bytes()).count();
        let delivery = end.hub.publish(self.now, uri, content);
        let delivery = delivery.expect("a message like others");
        assert_eq!(delivery.accepted() + delivery.lost(), subscribers);
    }

    fn send(&mut self, pipe: usize, side: usize) {
        let how = self.script.byte();
        let content = self.content(how, 60_000);
        let Some(pipe) = self.pipes.get(pipe) else {
            return;
        };
        let (at, link) = pipe.ends[side];
        let message = Message::notify("a", content);
        let sent = self.ends[at]
            .hub
            .send(self.now, link, &message, &SendOptions::new());
        assert!(!matches!(sent, Err(SendError::Seal(_))));
    }

    /// Some bytes, or many.
    fn content(&mut self, how: u8, many: usize) -> Vec<u8> {
        match self.large.checked_sub(1) {
            Some(large) if how & 1 == 1 => {
                self.large = large;
                // Where all links together may hold little, frames of several that are
                // not complete can fill that, until their time is over.
                let limits = self.ends[0].hub.node().config().limits().clone();
                if limits.inbound_total() < 1 << 20 {
                    self.disturb();
                }
                vec![b'N'; many]
            }
            _ => vec![b'n'; usize::from(how)],
        }
    }

    /// A way that may take bytes again says so.
    fn transfer_nothing(&mut self, choice: u8) {
        let (side, pipe) = (usize::from(choice >> 7), usize::from(choice >> 5 & 3));
        self.transfer(pipe, side, 0, 1);
    }

    /// Loses, changes or adds bytes on their way.
    fn garbage(&mut self, pipe: usize, side: usize) {
        let (place, change) = (usize::from(self.script.byte()), self.script.byte());
        let Some(pipe) = self.pipes.get_mut(pipe) else {
            return;
        };
        let way = &mut pipe.ways[side];
        if way.unread || way.eof {
            return;
        }
        match place.checked_rem(way.bytes.len()) {
            Some(place) if change == 0 => way.bytes.truncate(place),
            Some(place) => way.bytes[place] ^= change,
            None => way.bytes.extend_from_slice(&[change; 12]),
        }
        self.disturb();
    }

    /// A link, or its pipe, ends.
    fn end(&mut self, pipe: usize, side: usize) {
        let how = self.script.byte();
        let Some(pipe) = self.pipes.get_mut(pipe) else {
            return;
        };
        let (at, link) = pipe.ends[side];
        let hub = &mut self.ends[at].hub;
        match how & 3 {
            0 => hub.close(self.now, link),
            1 => hub.transport_failed(self.now, link, "reset"),
            // The remote has sent its last byte, as far as one sees.
            2 => pipe.ways[1 - side].ended = true,
            _ => {
                pipe.ways.iter_mut().for_each(|way| way.ended = true);
            }
        }
        self.disturb();
    }

    /// Another hub gets a call that is not its own. It comes back, unless that hub has
    /// no link of this number.
    fn reply_by_another(&mut self, at: usize) {
        let Some((call, answer)) = self.ends[at].deferred.pop_front() else {
            return;
        };
        let link = call.link().expect("streams have links");
        let other = &mut self.ends[(at + 1) % 3];
        let there = other.hub.link(link).is_some();
        match other.hub.reply(self.now, call, answer.clone()) {
            Err(ReplyError::OtherLink(call)) if there => {
                self.ends[at].deferred.push_front((call, answer));
            }
            Err(ReplyError::Closed(_)) if !there => {}
            result => panic!("another hub's call was taken: {result:?}"),
        }
    }
}
