//! What a datagram link is asked to do.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::event::Notice;
use super::transmits::Transmits;
use super::unvalidated::UnvalidatedBudget;
use super::{DatagramLink, MAX_DATAGRAM, Phase};
use crate::calls::{Call, ReplyAddress, ReplyError};
use crate::cookies::{CookieFields, Field, NO_COOKIES};
use crate::error::{CloseReason, RequestError, SealError, SendError};
use crate::exchange::Exchange;
use crate::message::Message;
use crate::now::Now;
use crate::options::{CallOptions, SendOptions};
use crate::place::Place;
use crate::shared::SharedNode;

impl DatagramLink {
    /// Ends a call with the answer to it, sealed with the handler's inner layer and the
    /// outer one; `None` answers nothing, and the asker waits out its time.
    ///
    /// # Errors
    /// The call is another link's, and comes back; this one has ended; the call was
    /// [cancelled](crate::DatagramEvent::Cancelled); or the answer cannot be sealed or does not
    /// fit into a datagram: then the asker gets an `ERROR` with the request's uri.
    pub fn reply<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        // By reference: what was just written is not moved.
        self.reply_with(now, node, call, answer.into().as_ref())
    }

    fn reply_with<N: SharedNode>(
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
        let address = self.calls.end(call).ok_or_else(|| match self.phase {
            Phase::Open | Phase::Draining { .. } => ReplyError::Cancelled,
            _ => ReplyError::Closed(CloseReason::Local),
        })?;
        self.end_call(&address);
        let result = match answer {
            Some(answer) => self.send_reply(node, &address, answer),
            None => Ok(()),
        };
        self.calls.keep(address);
        result
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
            UnvalidatedBudget::end_call(&mut self.replies.senders, address.to.ip());
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
            exchange.seal_send(node, place, message, options, cookies, out)
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
            self.request_failed(request, RequestError::NotSent(reason.into()));
        }
    }

    /// Says that the network could not deliver a datagram to `remote`, and how that began: an
    /// ICMP error says both. The request whose datagram it is [fails](crate::DatagramEvent::Failed)
    /// at once, with the reason; anything else, and a quotation of less than 48 bytes of a longer
    /// datagram, is left alone.
    ///
    /// Nobody proves who sends such errors. Whoever sees a datagram on its way can make its
    /// request fail so; others would have to know both ports, the checksum of its body and,
    /// where there are any, its id and nonces.
    pub fn undelivered(
        &mut self,
        now: Now,
        remote: SocketAddr,
        quoted: &[u8],
        reason: impl Into<String>,
    ) {
        self.exchange.now = now;
        let Some(request) = self.exchange.pending.quoted(remote, quoted) else {
            return;
        };
        self.counters.undelivered = self.counters.undelivered.saturating_add(1);
        let ended = self.exchange.pending.remove(request);
        if ended.is_some_and(|ended| !ended.abandoned) {
            self.request_failed(request, RequestError::Undelivered(reason.into()));
        }
    }

    /// Ends the link gracefully: the group is told that this
    /// node leaves, and all that it was [introduced](Self::introduce) to, where peers are managed; requests that wait fail at once; handlers
    /// that run are waited for, up to `grace`, and their answers sent; requests that come
    /// meanwhile are [refused](crate::NotHandled), as are those that are not begun when the
    /// grace is over. Then
    /// [`DatagramEvent::Closed`](crate::DatagramEvent) is last, and no datagram comes
    /// behind it: what is queued when the grace is over, those refusals among it, has a second
    /// more to be sent, and is dropped then.
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
            // Who is not told notices the silence.
            self.announce(now, node, farewell);
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
        ) -> Result<(), SealError>,
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
    pub(super) fn queue(
        &mut self,
        to: SocketAddr,
        make: impl FnOnce(&mut Exchange<SocketAddr>, &mut Vec<u8>) -> Result<(), SealError>,
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
}
