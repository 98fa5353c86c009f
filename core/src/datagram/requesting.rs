//! Requests, and what becomes of those that wait.

use core::net::SocketAddr;

use super::event::Notice;
use super::{DatagramLink, Phase};
use crate::error::{CloseReason, SealError, SendError};
use crate::message::Message;
use crate::now::Now;
use crate::options::RequestOptions;
use crate::place::Place;
use crate::requests::RequestId;
use crate::shared::SharedNode;

impl DatagramLink {
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
        self.note_sent(request);
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
                    self.note_sent(request);
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
            exchange.seal_again(node, place, request, cookies, out)
        });
        if queued.is_ok() {
            self.note_sent(request);
        }
    }

    /// Says that the last datagram is a request.
    fn note_sent(&mut self, request: RequestId) {
        self.outbox.mark_request(request);
        self.exchange.pending.sent_as(request, self.outbox.last());
    }

    /// Gives a request up: no event will name it, and others may wait in its place. Its
    /// answer, should it still come, is dropped: see [`Correlation`](crate::Correlation).
    pub fn cancel(&mut self, request: RequestId) {
        self.renewals.cancel(request);
        self.exchange.cancel(request);
    }
}
