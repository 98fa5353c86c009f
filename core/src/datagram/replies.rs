//! Replies, of handlers and in their place, within the budgets of those who get them.

use core::net::SocketAddr;

use bytes::Bytes;

use super::DatagramLink;
use super::event::{DatagramEvent, Notice};
use crate::calls::{Cancelled, ReplyAddress, ReplyError, send_or_replace};
use crate::cookies::{CookieFields, Field};
use crate::message::{Message, types};
use crate::options::SendOptions;
use crate::place::Place;
use crate::shared::SharedNode;

/// What a request is answered with instead of an answer, where only the cookie beside it helps.
const ASK_AGAIN: &str = "ask again";

impl DatagramLink {
    /// Sends a reply, or an error in its place. To those who have not shown that they
    /// receive at their address, the node's own answers stay within one budget, and those of
    /// handlers within another.
    pub(super) fn send_reply<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<SocketAddr>,
        answer: &Message,
    ) -> Result<(), ReplyError> {
        let to = address.to;
        // Its remote may have sent to another address since.
        self.sources.heard(to, address.local);
        let validated = self.is_validated(to);
        if address.unprompted && !self.may_answer(to) {
            return Ok(());
        }
        let given = match validated {
            true => None,
            false => self.cookie_to_give(to, true),
        };
        let place = Place::Datagram(to);
        let granted = self.grant_lease(node, address, answer);
        let answer = granted.as_ref().unwrap_or(answer);
        let result = send_or_replace(address, answer, |message| {
            self.queue_with_cookies(to, given, |exchange, cookies, out| {
                exchange.seal_reply(node, place, address, message, cookies, out)
            })
        });
        // An error in the reply's place counts as well.
        let sent = matches!(result, Ok(()) | Err(ReplyError::Replaced(_)));
        if sent && !validated {
            match address.unprompted {
                true => drop(self.keep_within_budget(to)),
                false => self.keep_within_bytes(node, address),
            }
        }
        result
    }

    /// Tells the askers whose handlers take too long.
    pub(super) fn cancel_timed_out<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now.monotonic;
        while let Some(cancelled) = self.calls.cancel_timed_out(now) {
            let error = cancelled.error();
            let Cancelled {
                call,
                reason,
                address,
            } = cancelled;
            self.notices.push_back(Notice::Cancelled { call, reason });
            self.end_call(&address);
            if let Some(error) = error {
                // One that cannot be sent is lost, as datagrams are.
                let _ = self.send_reply(node, &address, &error);
            }
        }
    }

    /// Answers for a handler whose call was dropped.
    pub(super) fn answer_dropped_call<N: SharedNode>(
        &mut self,
        node: &mut N,
    ) -> Option<DatagramEvent<N::Handler>> {
        let address = self.calls.take_dropped()?;
        self.end_call(&address);
        let error = Message::error(address.uri.to_bytes(), "the handler gave no answer");
        // One that cannot be sent is lost, as datagrams are.
        let _ = self.send_reply(node, &address, &error);
        Some(DatagramEvent::Unanswered {
            remote: address.to,
            request: address.request,
            uri: address.uri.to_bytes(),
        })
    }

    /// Takes the answer that was queued last back where the budget of bytes does not allow it.
    fn keep_within_bytes<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<SocketAddr>,
    ) {
        let (now, to, len) = (self.exchange.now, address.to, self.outbox.last_len());
        let (budget, senders) = (&mut self.validation.budget, &mut self.replies.senders);
        let sent = match address.has_room {
            true => budget.spend_kept(senders, now, to.ip(), len),
            false => budget.spend(senders, now, to.ip(), len),
        };
        if !sent {
            self.outbox.pop();
            self.ask_again(node, address);
        }
    }

    /// Sends a few bytes with a cookie instead of an answer: who can repeat it may ask again.
    pub(super) fn ask_again<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<SocketAddr>,
    ) {
        let (now, to) = (self.exchange.now, address.to);
        self.suppress(to);
        if !self.exchange.has_cookies() {
            return;
        }
        let given = self.validation.give(now, to, true, self.exchange.rng());
        let place = Place::Datagram(to);
        // It is no longer than what strangers may be answered with, if need be without a text.
        // What cannot be sent is left out: there is nobody to tell.
        for text in [ASK_AGAIN, ""] {
            let message = Message::error(address.uri.to_bytes(), text);
            let queued = self.queue_with_cookies(to, given, |exchange, cookies, out| {
                exchange.seal_reply(node, place, address, &message, cookies, out)
            });
            if queued.is_err() || self.replies.allow_bytes(to.ip(), self.outbox.last_len()) {
                return;
            }
            self.outbox.pop();
        }
    }

    /// Repeats a cookie that was given, in a message that says nothing else: to one who
    /// notifies, and would otherwise have to wait for it.
    pub(super) fn repeat_cookie<N: SharedNode>(
        &mut self,
        node: &mut N,
        to: SocketAddr,
        cookie: &[u8],
    ) {
        let Some(field) = Field::repeat_alone(cookie).filter(|_| self.may_answer(to)) else {
            return;
        };
        let (place, options) = (Place::Datagram(to), SendOptions::new());
        let message = Message::new(types::OK, Bytes::new(), Bytes::new());
        let cookies = CookieFields {
            repeated: Some(&field),
            given: None,
        };
        let queued = self.queue(to, |exchange, out| {
            exchange.seal_send(node, place, &message, &options, cookies, out)
        });
        // What cannot be sent is left out: the next notification gives one too.
        if queued.is_ok() {
            self.keep_within_budget(to);
        }
    }

    /// Whether an address has shown that it receives.
    pub(super) fn is_validated(&self, address: SocketAddr) -> bool {
        self.validation.is_validated(self.exchange.now, address)
    }

    /// A cookie for an address that has used a quarter of its budget of bytes, or, beside an
    /// answer, of that for the node's own answers: who asks next may get one of those.
    pub(super) fn cookie_to_give(&mut self, to: SocketAddr, is_answer: bool) -> Option<Field> {
        if !self.exchange.has_cookies() {
            return None;
        }
        let (now, ip) = (self.exchange.now, to.ip());
        let senders = &mut self.replies.senders;
        let wanted = self.validation.budget.is_quarter_spent(senders, now, ip)
            || is_answer && self.replies.is_quarter_spent(now, ip);
        match wanted {
            true => self.validation.give(now, to, false, self.exchange.rng()),
            false => None,
        }
    }

    /// Whether an answer to somebody who proved nothing could be sent, before it is
    /// made.
    pub(super) fn may_answer(&mut self, to: SocketAddr) -> bool {
        let (replies, notices) = (&mut self.replies, &mut self.notices);
        self.validation.is_validated(self.exchange.now, to)
            || super::may_answer(replies, notices, self.exchange.now, to)
    }

    /// Takes the datagram that was queued last back where the budget does not
    /// allow it, and says whether it stays.
    pub(super) fn keep_within_budget(&mut self, to: SocketAddr) -> bool {
        let (now, len) = (self.exchange.now, self.outbox.last_len());
        let allowed = self.is_validated(to) || self.replies.allow(now, to.ip(), len);
        if !allowed {
            self.outbox.pop();
            self.notices.push_back(Notice::Suppressed { remote: to });
        }
        allowed
    }

    /// An error for somebody who proved nothing: no plugin lends it its keys.
    pub(super) fn send_unsealed(&mut self, to: SocketAddr, message: &Message) {
        let queued = self.queue(to, |exchange, out| exchange.seal_unsealed(message, out));
        // What cannot be sent is left out: there is nobody to tell.
        if queued.is_ok() {
            self.keep_within_budget(to);
        }
    }
}
