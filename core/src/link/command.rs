//! What a link is asked to do.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use super::event::Notice;
use super::phase::Phase;
use crate::budget::Held;
use crate::calls::{Call, ReplyAddress, ReplyError, send_or_replace};
use crate::cookies::NO_COOKIES;
use crate::error::{CloseReason, SealError, SendError};
use crate::exchange::Exchange;
use crate::message::Message;
use crate::now::Now;
use crate::options::{CallOptions, RequestOptions, SendOptions};
use crate::requests::RequestId;
use crate::shared::SharedNode;

impl Link {
    /// Ends a call with the answer to it, sealed with the handler's inner layer and the
    /// link's outer one; `None` answers nothing, and the asker waits out its time.
    ///
    /// # Errors
    /// The call is another link's, and comes back; this one has ended; the call was
    /// [cancelled](crate::LinkEvent::Cancelled); or the answer cannot be sealed: then the asker gets an `ERROR` with the request's uri.
    #[inline]
    pub fn reply<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.end_call(now, node, call, answer.into().as_ref())
    }

    fn end_call<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        call: Call,
        answer: Option<&Message>,
    ) -> Result<(), ReplyError> {
        self.exchange.now = now;
        if !self.calls.owns(&call) {
            return Err(ReplyError::OtherLink(call));
        }
        let address = self.calls.end(call);
        self.renew_half_closed();
        let result = match (self.close_reason(), &address, answer) {
            (Some(reason), ..) => Err(ReplyError::Closed(reason.clone())),
            (None, None, _) => Err(ReplyError::Cancelled),
            (None, Some(address), Some(answer)) => self.send_reply(node, address, answer),
            (None, Some(_), None) => Ok(()),
        };
        if let Some(address) = address {
            self.calls.keep(address);
        }
        let published = self
            .account
            .calls()
            .saturating_add(self.account.abandoned());
        if published > self.calls.len() {
            // Others may wait for the place.
            self.publish(node);
        }
        result
    }

    /// Sets how long the handler of a call may run from now on, in the place of what
    /// [all](crate::LinkConfig::calls) may: to be called before the link is polled again. Of
    /// a call that has ended it does nothing.
    pub fn set_call_options(&mut self, now: Now, call: &Call, options: CallOptions) {
        self.exchange.now = now;
        if self.calls.owns(call) {
            self.set_options(call, options);
        }
    }

    pub(super) fn set_options(&mut self, call: &Call, options: CallOptions) {
        let now = self.exchange.now.monotonic;
        self.calls.set_options(now, call, options);
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

    /// Sends a message, sealed with the options' inner layer and the link's
    /// outer one.
    ///
    /// # Errors
    /// Nothing was sent: the message cannot be sealed, the queue is full, or
    /// the link is closed.
    pub fn send<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        self.check_room()?;
        let place = self.place();
        self.queue(|exchange, out| {
            exchange.seal_send(node, place, message, options, NO_COOKIES, out)
        })
    }

    /// Sends a request and waits for its answer, until the options' timeout
    /// from now. [`LinkEvent::Answered`](crate::LinkEvent::Answered) or
    /// [`LinkEvent::Failed`](crate::LinkEvent::Failed) will name it, exactly
    /// one of them and once, unless it is [cancelled](Self::cancel).
    ///
    /// Requests for the same uri are answered in their order, as a netaio
    /// server answers them; in any order where they carry ids that the remote
    /// repeats ([`Correlation`](crate::Correlation)).
    ///
    /// Where [`Limits::pending_requests`](crate::Limits::pending_requests) wait for answers it
    /// is not sent before one of them has ended, the first to come first. If that is too late
    /// it fails with [`RequestError::Send`](crate::RequestError::Send).
    ///
    /// # Errors
    /// Nothing was sent, and nothing waits: as [`send`](Self::send); the remote has sent its
    /// last byte; or there is no place and the request is to [fail
    /// fast](RequestOptions::fail_fast), or those that wait for one hold
    /// [`Limits::outbound_queue`](crate::Limits::outbound_queue) bytes.
    pub fn request<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.exchange.now = now;
        if let Phase::Answering(step) = &self.phase {
            return Err(SendError::Closed(step.reason.clone()));
        }
        self.check_open()?;
        if let Some(parked) = self.exchange.park((), message, options)? {
            return Ok(parked);
        }
        self.check_room()?;
        let (place, mut correlated) = (self.place(), false);
        self.queue(|exchange, out| {
            correlated = exchange.seal_request(node, place, message, options, NO_COOKIES, out)?;
            Ok(())
        })?;
        let exchange = &mut self.exchange;
        Ok(exchange.await_answer((), message, options, correlated))
    }

    /// Whether a request that has waited for a place can be sent.
    pub(super) fn may_send_parked(&self) -> bool {
        self.exchange.may_send_parked()
            && matches!(self.phase, Phase::Open { .. })
            && self.check_room().is_ok()
    }

    /// Sends requests that have waited for a place.
    pub(super) fn send_parked<N: SharedNode>(&mut self, node: &mut N) {
        while self.may_send_parked()
            && let Some((request, (), message, options)) = self.exchange.pending.next_parked()
        {
            let (place, mut correlated) = (self.place(), false);
            let sent = self.queue(|exchange, out| {
                let what = (request, &message, &options);
                correlated = exchange.seal_request_as(node, place, what, NO_COOKIES, out)?;
                Ok(())
            });
            match sent {
                Ok(()) => self.exchange.pending.sent_parked(request, correlated),
                Err(error) => {
                    self.exchange.pending.remove(request);
                    let error = error.into();
                    self.notices.push_back(Notice::Failed { request, error });
                }
            }
        }
    }

    /// Gives a request up: no event will name it, and others may wait in its place. Its
    /// answer, should it still come in time, is taken off the stream and dropped, so that it
    /// is not taken for the answer of another request: see [`Correlation`](crate::Correlation).
    pub fn cancel(&mut self, request: RequestId) {
        self.exchange.cancel(request);
    }

    /// Ends the link gracefully: what has been received is handled and answered, then the link
    /// [closes](Self::close). Meanwhile answers that handlers wait for are read, and requests
    /// that come are [refused](crate::NotHandled), as are those that are not begun when `grace`
    /// is over. Past that the link is [aborted](Self::abort); it takes a second more at most
    /// where there are such refusals to write. Drained again, it ends by the earlier time.
    ///
    /// A request without a [correlation id](crate::Correlation) is refused once those before it
    /// are answered.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.exchange.now = now;
        if let Phase::Open { drain_until } = &mut self.phase {
            let until = now.deadline(grace);
            let until = drain_until.map_or(until, |earlier| until.min(earlier.into()));
            *drain_until = Some(until.into());
            self.intake.end(self.inlet.bytes.len());
        }
    }

    /// Ends the link: where peers are managed, the remote is told that this node
    /// leaves; requests that wait fail at once; nothing more is handled or sent;
    /// calls in flight are given up; and bytes queued before are still written.
    pub fn close<N: SharedNode>(&mut self, now: Now, node: &mut N) {
        self.exchange.now = now;
        if self.close_reason().is_none() {
            self.send_farewells(node);
        }
        self.close_without_farewell(now, node);
    }

    /// As [`close`](Self::close), but the remote is not told that this node leaves: for
    /// a link that another one takes the place of.
    pub fn close_without_farewell<N: SharedNode>(&mut self, now: Now, node: &mut N) {
        self.exchange.now = now;
        if self.close_reason().is_none() {
            self.begin_flush(CloseReason::Local);
            self.tell_left(node);
        }
    }

    /// Says that this node leaves, where peers are managed.
    pub(super) fn send_farewells<N: SharedNode>(&mut self, node: &mut N) {
        for farewell in node.farewells() {
            let options = SendOptions::new().with_inner(farewell.inner);
            let now = self.exchange.now;
            // Who is not told notices the end of the connection.
            let _ = self.send(now, node, &farewell.message, &options);
        }
    }

    /// Ends the link at once: what is queued is not written, and calls in flight have
    /// nobody to reply to. They are given up where the reason is
    /// [`Local`](CloseReason::Local); else their handlers [run on](crate::LinkEvent::Closed).
    pub fn abort(&mut self, reason: CloseReason) {
        self.end(reason);
    }

    /// Says that the link is about to be dropped, whether or not it has ended: its node has one
    /// link less, and nothing is held for it, though handlers that it has called may still run.
    /// Others that [wait](Self::waits_for_budget) for what it held may go on.
    pub fn let_go<N: SharedNode>(&mut self, node: &mut N) {
        node.closed(self.place());
        self.hold(node, Held::default());
    }

    /// Sends a reply, or an error in its place.
    pub(super) fn send_reply<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<()>,
        answer: &Message,
    ) -> Result<(), ReplyError> {
        let place = self.place();
        send_or_replace(address, answer, |message| {
            self.check_open()?;
            self.admit()?;
            self.queue(|exchange, out| {
                exchange.seal_reply(node, place, address, message, NO_COOKIES, out)
            })
        })
    }

    /// Queues what `seal` appends, which may take the place of what may be dropped.
    pub(super) fn queue(
        &mut self,
        seal: impl FnOnce(&mut Exchange<()>, &mut Vec<u8>) -> Result<(), SealError>,
    ) -> Result<(), SendError> {
        let out = self.outbox.tail();
        let before = out.len();
        seal(&mut self.exchange, out)?;
        self.sent_messages = self.sent_messages.wrapping_add(1);
        let added = out.len().saturating_sub(before);
        self.make_room(added);
        self.after_queue();
        Ok(())
    }

    #[inline]
    pub(super) fn check_open(&self) -> Result<(), SendError> {
        match self.close_reason() {
            Some(reason) => Err(SendError::Closed(reason.clone())),
            None => Ok(()),
        }
    }
}
