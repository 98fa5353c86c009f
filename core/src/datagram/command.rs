//! What a datagram link is asked to do.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::event::Notice;
use super::transmits::Transmits;
use super::{DatagramLink, MAX_DATAGRAM, Phase};
use crate::calls::{Call, ReplyAddress, ReplyError, send_or_replace};
use crate::cookies::{CookieFields, Field, NO_COOKIES};
use crate::error::{CloseReason, RequestError, SealError, SendError};
use crate::exchange::Exchange;
use crate::message::{Message, types};
use crate::now::Now;
use crate::options::{CallOptions, RequestOptions, SendOptions};
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::requests::RequestId;
use crate::shared::SharedNode;

/// What a request is answered with instead of an answer, where only the cookie beside it helps.
const ASK_AGAIN: &str = "ask again";

impl DatagramLink {
    /// Ends a call with the answer to it, sealed with the handler's inner layer and the
    /// outer one; `None` answers nothing, and the asker waits out its time.
    ///
    /// # Errors
    /// The call is another link's, and comes back; this one has ended; the call was
    /// [cancelled](crate::DatagramEvent::Cancelled); or the answer cannot be sealed or does not fit into a datagram: then the asker gets an `ERROR`
    /// with the request's uri.
    pub fn reply<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.exchange.now = now;
        if !self.calls.owns(&call) {
            return Err(ReplyError::OtherLink(call));
        }
        let address = self.calls.end(call).ok_or_else(|| match self.phase {
            Phase::Open | Phase::Draining { .. } => ReplyError::Cancelled,
            _ => ReplyError::Closed(CloseReason::Local),
        })?;
        self.end_call(&address);
        match answer.into() {
            Some(answer) => self.send_reply(node, &address, &answer),
            None => Ok(()),
        }
    }

    /// Sets how long the handler of a call may run from now on, in the place of what
    /// [all](crate::LinkConfig::calls) may: to be called before the link is polled again. Of
    /// a call that has ended it does nothing.
    pub fn set_call_options(&mut self, now: Now, call: &Call, options: CallOptions) {
        self.exchange.now = now;
        if self.calls.owns(call) {
            self.calls.set_options(now.monotonic, call, options);
        }
    }

    /// Gives the room back that was kept for an answer.
    pub(super) fn end_call(&mut self, address: &ReplyAddress<SocketAddr>) {
        if address.has_room {
            self.validation.budget.end_call(address.to.ip());
        }
    }

    /// Ends a call with an `ERROR` of this text, with the uri of the request.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn reply_error<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        call: Call,
        text: &str,
    ) -> Result<(), ReplyError> {
        let uri = self.calls.uri(&call).unwrap_or_default();
        let error = Message::error(uri, text.to_string());
        self.reply(now, node, call, error)
    }

    /// Sends a message, sealed with the options' inner layer and the outer one.
    /// `to` may be a multicast group.
    ///
    /// # Errors
    /// Nothing was sent: the message cannot be sealed, it does not fit into a
    /// datagram, or the queue is full.
    pub fn send<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        to: SocketAddr,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.end_renewal(to, message);
        let place = Place::Datagram(to);
        self.queue_with_cookies(to, None, |exchange, cookies, out| {
            Ok(exchange.seal_send(node, place, message, options, cookies, out)?)
        })
    }

    /// Sends a message to the [group](Self::group).
    ///
    /// # Errors
    /// As [`send`](Self::send), or there is no group.
    pub fn multicast<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        let no_group = SealError::Plugin("there is no multicast group to send to");
        let to = self.group.ok_or(no_group)?;
        self.send(now, node, to, message, options)
    }

    /// Sends a request and waits for its answer from the same address, until the
    /// options' timeout from now. A `SUBSCRIBE_URI` asks for a [lease](crate::Lease), unless
    /// that is [switched off](crate::LinkConfig::lease) or as many subscriptions are renewed as
    /// [`Limits::subscriptions`](crate::Limits::subscriptions) and
    /// [`Limits::subscriber_key_bytes`](crate::Limits::subscriber_key_bytes) say; what is
    /// granted is renewed by itself at a third of it, with the same message and options, until
    /// `UNSUBSCRIBE_URI` is sent there for the uri. [`DatagramEvent::Answered`](crate::DatagramEvent) or
    /// [`DatagramEvent::Failed`](crate::DatagramEvent) will name it, exactly one of them
    /// and once, unless it is [cancelled](Self::cancel). A datagram may be lost on its
    /// way, and nothing is sent twice for that. Where a node of this implementation asks for
    /// a [cookie](crate::LinkConfig::cookies) instead of an answer, the request is sent again
    /// with it, twice at most. For that its uri and content are kept until it ends, up to
    /// [`Limits::outbound_queue`](crate::Limits::outbound_queue) bytes of all requests; one
    /// beyond that is sent once, and ends with the `ERROR` that asks.
    ///
    /// # Errors
    /// Nothing was sent, and nothing waits: as [`send`](Self::send), or the link is being
    /// drained, or too many requests wait, as with [`Link::request`](crate::Link::request).
    pub fn request<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.exchange.now = now;
        if self.phase != Phase::Open {
            // No answer would be received.
            return Err(SendError::Closed(CloseReason::Local));
        }
        self.end_renewal(to, message);
        let leased = self.ask_for_lease(message);
        let request = self.send_request(node, to, leased.as_ref().unwrap_or(message), options)?;
        if let Some(message) = leased {
            self.renewals.ask(now, request, to, &message, options);
        }
        Ok(request)
    }

    /// Sends a request, and lets it wait for its answer, or first for a place.
    pub(super) fn send_request<N: SharedNode>(
        &mut self,
        node: &mut N,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        if let Some(parked) = self.exchange.park(to, message, options)? {
            return Ok(parked);
        }
        let request = self.exchange.pending.next_id();
        let correlated = self.queue_request(node, to, (request, message, options))?;
        let exchange = &mut self.exchange;
        let request = exchange.await_answer(to, message, options, correlated);
        exchange.keep_request(request, message, options);
        self.outbox.mark_request(request);
        Ok(request)
    }

    /// Queues a request, and says whether it carries its id.
    fn queue_request<N: SharedNode>(
        &mut self,
        node: &mut N,
        to: SocketAddr,
        (request, message, options): (RequestId, &Message, &RequestOptions),
    ) -> Result<bool, SendError> {
        let (place, requires_id) = (Place::Datagram(to), self.exchange.requires_id(options));
        let mut queue = |options: &RequestOptions| {
            let (what, mut correlated) = ((request, message, options), false);
            self.queue_with_cookies(to, None, |exchange, cookies, out| {
                correlated = exchange.seal_request_as(node, place, what, cookies, out)?;
                Ok(())
            })?;
            Ok(correlated)
        };
        match queue(options) {
            // There may be room without an id that nobody asked for.
            Err(SendError::Seal(SealError::DatagramTooLong { .. })) if !requires_id => {
                queue(&options.clone().with_correlation(false))
            }
            queued => queued,
        }
    }

    /// Whether a request that has waited for a place can be sent.
    pub(super) fn may_send_parked(&self) -> bool {
        let room = self.outbox_bytes() < self.exchange.limits().outbound_queue();
        self.exchange.may_send_parked() && self.phase == Phase::Open && room
    }

    /// Sends requests that have waited for a place.
    pub(super) fn send_parked<N: SharedNode>(&mut self, node: &mut N) {
        while self.may_send_parked()
            && let Some((request, to, message, options)) = self.exchange.pending.next_parked()
        {
            match self.queue_request(node, to, (request, &message, &options)) {
                Ok(correlated) => {
                    self.exchange.pending.sent_parked(request, correlated);
                    self.exchange.keep_request(request, &message, &options);
                    self.outbox.mark_request(request);
                }
                Err(error) => {
                    self.exchange.pending.remove(request);
                    let error = error.into();
                    self.notices.push_back(Notice::Failed { request, error });
                }
            }
        }
    }

    /// Sends a request that waits again, since its receiver asks for that.
    pub(super) fn send_again<N: SharedNode>(
        &mut self,
        node: &mut N,
        request: RequestId,
        to: SocketAddr,
    ) {
        let place = Place::Datagram(to);
        // Where it cannot be sent, its time runs out.
        let queued = self.queue_with_cookies(to, None, |exchange, cookies, out| {
            Ok(exchange.seal_again(node, place, request, cookies, out)?)
        });
        if queued.is_ok() {
            self.outbox.mark_request(request);
        }
    }

    /// Says that the socket refused the datagram at an index of what was
    /// [handed out](Self::poll_outbound) last: there is no route to where it goes, say. A
    /// request [fails](crate::DatagramEvent::Failed) at once, with the system's reason; of
    /// anything else [`DatagramEvent::NotSent`](crate::DatagramEvent) tells. Not for a socket
    /// that has no room at the moment, nor for what is refused for the sake of an earlier
    /// datagram: those are to be offered again.
    pub fn send_failed(
        &mut self,
        now: Now,
        handed_out: &Transmits,
        index: usize,
        reason: impl Into<String>,
    ) {
        self.exchange.now = now;
        let Some((remote, _)) = handed_out.get(index) else {
            return;
        };
        self.counters.not_sent = self.counters.not_sent.saturating_add(1);
        let Some(request) = handed_out.request(index) else {
            let error = SendError::Transport(reason.into());
            self.notices.push_back(Notice::NotSent { remote, error });
            return;
        };
        let ended = self.exchange.pending.remove(request);
        if ended.is_some_and(|ended| !ended.abandoned) {
            let error = RequestError::NotSent(reason.into());
            self.notices.push_back(Notice::Failed { request, error });
        }
    }

    /// Gives a request up: no event will name it, and others may wait in its place. Its
    /// answer, should it still come, is dropped: see [`Correlation`](crate::Correlation).
    pub fn cancel(&mut self, request: RequestId) {
        self.renewals.cancel(request);
        self.exchange.cancel(request);
    }

    /// Ends the link gracefully: nothing more is received; the group is told that this
    /// node leaves, where peers are managed; requests that wait fail at once; handlers
    /// that run are waited for, up to `grace`, and their answers sent. Then
    /// [`DatagramEvent::Closed`](crate::DatagramEvent) is last, and no datagram comes
    /// behind it: what is queued when the grace is over can be taken once more, after the
    /// poll that finds it over, and is dropped by the next poll.
    pub fn drain<N: SharedNode>(&mut self, now: Now, node: &mut N, grace: Duration) {
        self.exchange.now = now;
        if self.phase != Phase::Open {
            return;
        }
        let until = now.deadline(grace);
        self.phase = Phase::Draining { until };
        self.delayed.clear();
        while let Some((request, error)) = self.exchange.next_closed(&CloseReason::Local) {
            self.request_failed(request, error);
        }
        self.renewals.clear();
        for farewell in node.farewells() {
            let options = SendOptions::new().with_inner(farewell.inner);
            // Who is not told notices the silence.
            let _ = self.multicast(now, node, &farewell.message, &options);
        }
    }

    // Outputs.

    /// Swaps the datagrams to be sent for `sent`, which have been: the caller keeps one
    /// such collection, sends what is in it, and comes again with the same one. Returns
    /// whether there is anything to send.
    pub fn poll_outbound(&mut self, sent: &mut Transmits) -> bool {
        self.outbox.swap(sent);
        self.in_flight = sent.held();
        !sent.is_empty()
    }

    /// Tells the group of this node, asks peers whether they are still there, and sends the
    /// answers that have waited, when it is time.
    pub(super) fn advertise<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now;
        if self.phase != Phase::Open {
            return;
        }
        while let Some(advertisement) = node.advertisement(now) {
            let options = SendOptions::new().with_inner(advertisement.inner);
            // One that cannot be sent is lost, as datagrams are; the next round follows.
            let _ = self.multicast(now, node, &advertisement.message, &options);
        }
        self.ask_peers(node);
        while let Some((address, answer)) = self.delayed.pop(now.monotonic) {
            // One that cannot be sent is lost, as datagrams are.
            let _ = self.send_reply(node, &address, &answer);
        }
    }

    /// Asks peers whether they are still there, where that is due.
    pub(super) fn ask_peers<N: SharedNode>(&mut self, node: &mut N) {
        while let Some((place, question)) = node.question(self.exchange.now) {
            if !self.ask(node, place, question) {
                node.not_asked(place);
            }
        }
    }

    /// Asks a peer whether it is still there, and says whether that was sent: within the budget
    /// of answers, as a forged introduction may have brought it about.
    fn ask<N: SharedNode>(&mut self, node: &mut N, place: Place, question: PeerMessage) -> bool {
        let Some(to) = place.address() else {
            return false;
        };
        let validated = self.is_validated(to);
        if !validated && !self.may_answer(to) {
            return false;
        }
        let options = SendOptions::new().with_inner(question.inner);
        let sent = self.send(self.exchange.now, node, to, &question.message, &options);
        sent.is_ok() && (validated || self.keep_within_budget(to))
    }

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
        if !validated && address.unprompted && !self.may_answer(to) {
            return Ok(());
        }
        let given = match validated {
            true => None,
            false => self.cookie_to_give(to, address.unprompted),
        };
        let place = Place::Datagram(to);
        let granted = self.grant_lease(node, address, answer);
        let answer = granted.as_ref().unwrap_or(answer);
        let result = send_or_replace(address, answer, |message| {
            self.queue_with_cookies(to, given, |exchange, cookies, out| {
                Ok(exchange.seal_reply(node, place, address, message, cookies, out)?)
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

    /// Takes the answer that was queued last back where the budget of bytes does not allow it.
    fn keep_within_bytes<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<SocketAddr>,
    ) {
        let (now, to, len) = (self.exchange.now, address.to, self.outbox.last_len());
        let budget = &mut self.validation.budget;
        let sent = match address.has_room {
            true => budget.spend_kept(now, to.ip(), len),
            false => budget.spend(now, to.ip(), len),
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
            let message = Message::error(address.uri.clone(), text);
            let queued = self.queue_with_cookies(to, given, |exchange, cookies, out| {
                Ok(exchange.seal_reply(node, place, address, &message, cookies, out)?)
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
            Ok(exchange.seal_send(node, place, &message, &options, cookies, out)?)
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

    /// A cookie for an address that has used a quarter of its budget of bytes, or of that for
    /// the node's own answers where the message is one.
    pub(super) fn cookie_to_give(&mut self, to: SocketAddr, unprompted: bool) -> Option<Field> {
        if !self.exchange.has_cookies() {
            return None;
        }
        let (now, ip) = (self.exchange.now, to.ip());
        let wanted = self.validation.budget.is_quarter_spent(now, ip)
            || unprompted && self.replies.is_quarter_spent(now, ip);
        match wanted {
            true => self.validation.give(now, to, false, self.exchange.rng()),
            false => None,
        }
    }

    /// Queues what `make` appends, as one datagram, with a cookie to repeat and that of the
    /// receiver's that is to be repeated: without both, if it is too long with them.
    pub(super) fn queue_with_cookies(
        &mut self,
        to: SocketAddr,
        given: Option<Field>,
        mut make: impl FnMut(
            &mut Exchange<SocketAddr>,
            CookieFields<'_>,
            &mut Vec<u8>,
        ) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let repeated = self.validation.take_to_repeat(self.exchange.now, to);
        let cookies = CookieFields {
            given: given.as_ref(),
            repeated: repeated.as_ref(),
        };
        let queued = self.queue(to, |exchange, out| make(exchange, cookies, out));
        match queued {
            Err(SendError::Seal(SealError::DatagramTooLong { .. })) if !cookies.is_empty() => {
                self.queue(to, |exchange, out| make(exchange, NO_COOKIES, out))
            }
            queued => queued,
        }
    }

    /// Queues what `make` appends, as one datagram.
    fn queue(
        &mut self,
        to: SocketAddr,
        make: impl FnOnce(&mut Exchange<SocketAddr>, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        if matches!(self.phase, Phase::LastSends { .. } | Phase::Closed) {
            return Err(SendError::Closed(CloseReason::Local));
        }
        let (queued, max) = (self.outbox_bytes(), self.exchange.limits().outbound_queue());
        if queued >= max {
            return Err(SendError::QueueFull { queued, max });
        }
        let exchange = &mut self.exchange;
        let from = self.sources.get(to);
        let len = Transmits::push(&mut self.outbox, to, from, |out| make(exchange, out))?;
        if len > MAX_DATAGRAM {
            self.outbox.pop();
            let max = MAX_DATAGRAM;
            return Err(SealError::DatagramTooLong { len, max }.into());
        }
        Ok(())
    }

    /// Whether an answer to somebody who proved nothing could be sent, before it is
    /// made.
    pub(super) fn may_answer(&mut self, to: SocketAddr) -> bool {
        let (replies, notices) = (&mut self.replies, &mut self.notices);
        super::may_answer(replies, notices, self.exchange.now, to)
    }

    /// Takes the datagram that was queued last back where the budget does not
    /// allow it, and says whether it stays.
    fn keep_within_budget(&mut self, to: SocketAddr) -> bool {
        let (now, len) = (self.exchange.now, self.outbox.last_len());
        let allowed = self.replies.allow(now, to.ip(), len);
        if !allowed {
            self.outbox.pop();
            self.notices.push_back(Notice::Suppressed { remote: to });
        }
        allowed
    }

    /// An error for somebody who proved nothing: no plugin lends it its keys.
    pub(super) fn send_unsealed(&mut self, to: SocketAddr, message: &Message) {
        let queued = self.queue(
            to,
            |exchange, out| Ok(exchange.seal_unsealed(message, out)?),
        );
        // What cannot be sent is left out: there is nobody to tell.
        if queued.is_ok() {
            self.keep_within_budget(to);
        }
    }
}
