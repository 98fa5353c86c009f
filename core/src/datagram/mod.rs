//! A datagram socket: frames, layers, pending requests, outbound datagrams.

mod budget;
mod event;
mod inbound;
#[cfg(test)]
mod tests;
mod transmits;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use rand_core::CryptoRng;

pub use self::budget::{ReplyBudget, SuppressedReplies};
pub use self::event::{DatagramCounters, DatagramEvent};
pub use self::transmits::Transmits;

use crate::error::{RequestError, SealError, SendError};
use crate::exchange::Exchange;
use crate::link::{
    Deadline, DeadlineReason, Dispatched, Inbound, LinkConfig, ReplyToken, RequestOptions, Router,
    SendOptions,
};
use crate::message::Message;
use crate::now::Now;
use crate::plugin::PeerDirectory;
use crate::requests::RequestId;

/// A node on a datagram socket, without the socket: netaio's `UDPNode`.
///
/// One datagram holds one frame, and its sender is whoever its address says, as
/// far as one believes that. What the node answers by itself to those who have
/// proved nothing stays within a budget, so that nobody can use it against a
/// third party. Its methods come in four groups.
///
/// - Getters: [`queued`](Self::queued), [`pending_requests`](Self::pending_requests),
///   [`counters`](Self::counters), [`config`](Self::config).
/// - Inputs: [`receive`](Self::receive), [`handle_timeout`](Self::handle_timeout).
/// - Commands: [`send`](Self::send), [`request`](Self::request),
///   [`cancel`](Self::cancel), [`dispatch`](Self::dispatch), [`reply`](Self::reply),
///   [`answer`](Self::answer), [`forward`](Self::forward).
/// - Outputs: [`poll_event`](Self::poll_event), [`poll_outbound`](Self::poll_outbound),
///   [`poll_deadline`](Self::poll_deadline).
///
/// The contract is that of a [`Link`](crate::Link): *after any input or command,
/// drain the outputs until only a deadline is left.* One datagram makes one
/// event at most.
///
/// ```
/// # use std::net::SocketAddr;
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use netaio_core::rand_core::{self, SeedableRng};
/// # fn rng(seed: u64) -> Box<dyn rand_core::CryptoRng + Send> {
/// #     Box::new(chacha20::ChaCha8Rng::seed_from_u64(seed))
/// # }
/// use netaio_core::{
///     DatagramEvent, DatagramLink, LinkConfig, Message, Now, RequestOptions, Role, SendOptions,
///     Transmits,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let now = Now::new(Duration::ZERO, 1_700_000_000);
/// let config = Arc::new(LinkConfig::new(Role::Node));
/// let mut alice = DatagramLink::new(now, config.clone(), rng(1));
/// let mut bob = DatagramLink::new(now, config, rng(2));
/// let (at_alice, at_bob): (SocketAddr, SocketAddr) =
///     ("10.0.0.1:8888".parse()?, "10.0.0.2:8888".parse()?);
///
/// let asked = alice.request(now, at_bob, &Message::request("time"), &RequestOptions::new())?;
/// let mut out = Transmits::new();
/// alice.poll_outbound(&mut out);
/// for (to, datagram) in out.iter() {
///     assert_eq!(to, at_bob);
///     bob.receive(now, at_alice, datagram.into());
/// }
/// let Some(DatagramEvent::Message(inbound)) = bob.poll_event() else { panic!() };
/// assert_eq!(inbound.uri(), b"time");
///
/// bob.send(now, at_alice, &Message::respond_uri("time", "noon"), &SendOptions::new())?;
/// bob.poll_outbound(&mut out);
/// for (_, datagram) in out.iter() {
///     alice.receive(now, at_bob, datagram.into());
/// }
/// let Some(DatagramEvent::Answered { request, answer, .. }) = alice.poll_event() else { panic!() };
/// assert!(request == asked && answer.message.content == "noon");
/// # Ok(())
/// # }
/// ```
pub struct DatagramLink {
    exchange: Exchange<SocketAddr>,
    outbox: Transmits,
    /// Bytes handed out and not yet known to be sent.
    in_flight: usize,
    budget: ReplyBudget,
    events: VecDeque<DatagramEvent>,
    counters: DatagramCounters,
}

impl DatagramLink {
    /// The longest datagram that is sent, in bytes: what IPv4 carries, and so
    /// less than the longest frame.
    pub const MAX_DATAGRAM: usize = 65_507;

    /// A node that has heard of nobody yet.
    ///
    /// The config's role should be [`Role::Node`](crate::Role::Node). `rng` makes the
    /// nonces: seed it from the operating system, or with a constant to repeat
    /// a run to the byte.
    #[must_use]
    pub fn new(now: Now, config: Arc<LinkConfig>, rng: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            budget: ReplyBudget::new(&config.wire.limits),
            exchange: Exchange::new(now, config, rng),
            outbox: Transmits::new(),
            in_flight: 0,
            events: VecDeque::new(),
            counters: DatagramCounters::default(),
        }
    }

    /// Lets plugins know who is at an address.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn PeerDirectory>) -> Self {
        self.exchange.directory = Some(directory);
        self
    }

    // Getters.

    /// Bytes that wait to be sent, those last handed out included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len().saturating_add(self.in_flight)
    }

    /// Requests whose callers wait, to all addresses together.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.exchange.pending.wanted()
    }

    /// What was received, and what became of it.
    #[must_use]
    pub fn counters(&self) -> DatagramCounters {
        DatagramCounters {
            suppressed: self.budget.suppressed(),
            ..self.counters
        }
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<LinkConfig> {
        &self.exchange.config
    }

    // Inputs.

    /// Says that a deadline may have come. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.exchange.now = now;
        while let Some(ended) = self.exchange.pending.expire(now.monotonic) {
            if !ended.abandoned {
                self.events.push_back(DatagramEvent::Failed {
                    request: ended.id,
                    error: RequestError::TimedOut(ended.timeout),
                });
            }
        }
    }

    // Commands.

    /// Sends a message, sealed with the options' inner layer and the outer one.
    /// `to` may be a multicast group.
    ///
    /// # Errors
    /// Nothing was sent: the message cannot be sealed, it does not fit into a
    /// datagram, or the queue is full.
    pub fn send(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.queue(to, |exchange, out| {
            exchange.seal_send(Some(to), message, options, out)?;
            Ok(())
        })
    }

    /// Sends a request and waits for its answer from the same address, until the
    /// options' timeout from now. [`DatagramEvent::Answered`] or
    /// [`DatagramEvent::Failed`] will name it, exactly one of them and once,
    /// unless it is [cancelled](Self::cancel). A datagram may be lost on its way;
    /// nothing is sent twice.
    ///
    /// # Errors
    /// Nothing was sent, and nothing waits: as [`send`](Self::send), or too
    /// many requests wait already.
    pub fn request(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.exchange.now = now;
        self.exchange.check_pending()?;
        self.queue(to, |exchange, out| {
            exchange.seal_request(Some(to), message, options, out)?;
            Ok(())
        })?;
        Ok(self.exchange.await_answer(to, message, options))
    }

    /// Gives a request up: no event will name it.
    pub fn cancel(&mut self, request: RequestId) {
        self.exchange.cancel(request);
    }

    /// Finds the handler of a message and opens the handler's inner layer, as
    /// [`Link::dispatch`](crate::Link::dispatch) does.
    pub fn dispatch<R: Router>(
        &mut self,
        now: Now,
        inbound: Inbound,
        router: &mut R,
    ) -> Dispatched<R::Handler> {
        self.exchange.now = now;
        let from = inbound.remote;
        match self.exchange.dispatch(inbound, router) {
            Ok(dispatched) => dispatched,
            Err(failed) => {
                if let Some(from) = from {
                    self.failed(from, failed);
                }
                Dispatched::Refused
            }
        }
    }

    /// Answers a dispatched message with what its handler returned, sealed with
    /// the handler's inner layer and the outer one.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn reply(
        &mut self,
        now: Now,
        token: &ReplyToken,
        message: &Message,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        let Some(to) = token.remote else {
            return Ok(());
        };
        self.queue(to, |exchange, out| {
            exchange.seal_reply(token, message, out)?;
            Ok(())
        })
    }

    /// Answers as [`reply`](Self::reply) does, but what no handler asked for: the
    /// default answer, an introduction. Says whether it was sent: to somebody
    /// whom no auth plugin vouches for, only within the
    /// [budget](crate::Limits::unverified_replies).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn answer(
        &mut self,
        now: Now,
        token: &ReplyToken,
        message: &Message,
    ) -> Result<bool, SendError> {
        self.reply(now, token, message)?;
        let stranger = token.remote.filter(|_| !token.verified);
        Ok(stranger.is_none_or(|to| self.keep_within_budget(to)))
    }

    /// Queues a frame that was sealed before, for each of several addresses.
    ///
    /// # Errors
    /// Nothing was queued: it does not fit into a datagram, or the queue is full.
    pub fn forward(&mut self, now: Now, to: &[SocketAddr], frame: &[u8]) -> Result<(), SendError> {
        self.exchange.now = now;
        let Some((first, others)) = to.split_first() else {
            return Ok(());
        };
        self.queue(*first, |_, out| {
            out.extend_from_slice(frame);
            Ok(())
        })?;
        for address in others {
            self.outbox.repeat(*address);
        }
        Ok(())
    }

    // Outputs.

    /// What has happened, until it returns `None`.
    pub fn poll_event(&mut self) -> Option<DatagramEvent> {
        self.events.pop_front()
    }

    /// Exchanges the datagrams to be sent for `sent`, which have been: the
    /// caller keeps one such collection, sends what is in it, and comes again
    /// with the same one. Returns whether there is anything to send.
    pub fn poll_outbound(&mut self, sent: &mut Transmits) -> bool {
        self.outbox.exchange(sent);
        self.in_flight = sent.len();
        !sent.is_empty()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, if nothing else
    /// happens before.
    pub fn poll_deadline(&mut self) -> Option<Deadline> {
        let at = self.exchange.pending.deadline()?;
        let reason = DeadlineReason::Request;
        Some(Deadline { at, reason })
    }

    /// Queues what `make` appends, as one datagram.
    fn queue(
        &mut self,
        to: SocketAddr,
        make: impl FnOnce(&mut Exchange<SocketAddr>, &mut Vec<u8>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let (queued, max) = (self.queued(), self.exchange.limits().outbound_queue());
        if queued >= max {
            return Err(SendError::QueueFull { queued, max });
        }
        let exchange = &mut self.exchange;
        let len = self.outbox.push(to, |out| make(exchange, out))?;
        if len > Self::MAX_DATAGRAM {
            self.outbox.pop();
            let max = Self::MAX_DATAGRAM;
            return Err(SealError::DatagramTooLong { len, max }.into());
        }
        Ok(())
    }

    /// Takes the datagram that was queued last back where the budget does not
    /// allow it, and says whether it did.
    fn keep_within_budget(&mut self, to: SocketAddr) -> bool {
        let (now, len) = (self.exchange.now, self.outbox.last_len());
        let allowed = self.budget.allow(now, to.ip(), len);
        if !allowed {
            self.outbox.pop();
            self.events
                .push_back(DatagramEvent::Suppressed { remote: to });
        }
        allowed
    }

    /// An error for somebody who proved nothing: no plugin lends it its keys.
    fn send_unsealed(&mut self, to: SocketAddr, message: &Message) {
        let queued = self.queue(to, |exchange, out| {
            exchange.seal_unsealed(message, out)?;
            Ok(())
        });
        // What cannot be sent is left out: there is nobody to tell.
        if queued.is_ok() {
            self.keep_within_budget(to);
        }
    }
}

impl fmt::Debug for DatagramLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramLink")
            .field("queued", &self.queued())
            .field("pending_requests", &self.pending_requests())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
