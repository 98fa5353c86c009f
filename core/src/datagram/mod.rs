//! A datagram socket: frames, layers, requests, calls in flight, outbound datagrams.

mod answers;
mod bucket;
mod budget;
mod command;
mod delayed;
mod end;
mod event;
mod fan_out;
mod gaps;
mod inbound;
mod inlet;
mod introducing;
mod phase;
mod publish;
mod refused_lists;
mod refusing;
mod remembered;
mod renewals;
mod renewing;
mod replies;
mod requesting;
mod senders;
mod sources;
#[cfg(test)]
mod tests;
mod timers;
mod transmits;
mod unvalidated;
mod validation;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use rand_core::CryptoRng;

pub use self::budget::{ReplyBudget, SuppressedReplies};
pub use self::event::{DatagramCounters, DatagramEvent};
pub use self::fan_out::{FanOut, Receivers};
pub(crate) use self::fan_out::{Lists, Publications};
pub(crate) use self::refused_lists::RefusedLists;
pub use self::transmits::Transmits;

use self::delayed::Delayed;
use self::event::Notice;
use self::gaps::Gaps;
use self::inlet::Inlet;
use self::phase::Phase;
use self::renewals::Renewals;
use self::sources::Sources;
use self::validation::Validation;
use crate::budget::{Account, Budget, Held};
use crate::calls::Calls;
use crate::config::{LinkConfig, Role};
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::now::Now;
use crate::shared::SharedNode;

/// The longest datagram that is sent, in bytes: what IPv4 carries, and so less than
/// the longest frame.
pub(crate) const MAX_DATAGRAM: usize = 65_507;

/// A node on a datagram socket, without the socket: netaio's `UDPNode`.
///
/// One datagram holds one frame, and its sender is whoever its address says, as
/// far as one believes that. What goes to those who have not shown that they receive at
/// their address stays within budgets, so that nobody can use the node against a
/// third party: what the node answers by itself
/// ([`Limits::unverified_replies`](crate::Limits::unverified_replies)), and what handlers
/// answer and is published ([`Limits::unvalidated_burst`](crate::Limits::unvalidated_burst)).
/// Nodes of this implementation show it by [cookies](crate::LinkConfig::cookies), and send a
/// request again by themselves where they are asked for one.
/// [`Node::bind`](crate::Node::bind) makes it.
///
/// The network may deliver a datagram late, twice or never, and nothing is sent again. A
/// request that comes twice calls its handler twice, unless a [replay
/// window](crate::plugin::HmacAuth::with_replay_window) refuses the second. An answer that
/// comes too late ends no other request; one that comes twice ends the next request to that
/// address for that uri, unless it repeats a [correlation id](crate::Correlation).
///
/// Its methods come in four groups.
///
/// - Getters: [`queued`](Self::queued), [`pending_requests`](Self::pending_requests),
///   [`calls_in_flight`](Self::calls_in_flight), [`counters`](Self::counters),
///   [`config`](Self::config), [`group`](Self::group), [`wants_read`](Self::wants_read),
///   [`wants_write`](Self::wants_write), [`wants_poll`](Self::wants_poll).
/// - Inputs: [`receive`](Self::receive), [`receive_at`](Self::receive_at), or
///   [`receive_buffer`](Self::receive_buffer) and [`received`](Self::received);
///   [`send_failed`](Self::send_failed), [`undelivered`](Self::undelivered).
/// - Commands: [`reply`](Self::reply), [`reply_error`](Self::reply_error),
///   [`send`](Self::send), [`multicast`](Self::multicast), [`request`](Self::request),
///   [`cancel`](Self::cancel), [`forward`](Self::forward), [`introduce`](Self::introduce),
///   [`announce`](Self::announce), [`drain`](Self::drain).
/// - Outputs: [`poll`](Self::poll), [`poll_outbound`](Self::poll_outbound),
///   [`deadline`](Self::deadline).
///
/// The contract is that of a [`Link`](crate::Link): *after any input or command,
/// drain the outputs until only a deadline is left.* Handlers run side by side, up to
/// [`Limits::handlers`] of them: datagrams have no order that is to be kept.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// use chacha20::ChaCha20Rng;
/// use netaio_core::rand_core::SeedableRng;
/// use netaio_core::types::REQUEST_URI;
/// use netaio_core::{
///     DatagramEvent, Layer, LinkConfig, Message, Node, Now, RequestOptions, Transmits,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The same at every run; in earnest seeds come from the operating system.
/// let rng = |seed| Box::new(ChaCha20Rng::seed_from_u64(seed));
/// let now = Now::new(Duration::ZERO, 1_700_000_000);
/// let mut nodes = [(); 2].map(|()| Node::for_datagrams(LinkConfig::new()));
/// nodes[1].on((REQUEST_URI, "time"), (), Layer::new())?;
/// let [alice, bob] = &mut nodes;
/// let (mut at_a, mut at_b) = (alice.bind(now, None, rng(1)), bob.bind(now, None, rng(2)));
/// let (a, b): (SocketAddr, SocketAddr) = ("10.0.0.1:8888".parse()?, "10.0.0.2:8888".parse()?);
///
/// let options = RequestOptions::new();
/// let asked = at_a.request(now, alice, b, &Message::request("time"), &options)?;
/// let mut out = Transmits::new();
/// at_a.poll_outbound(&mut out);
/// for (to, datagram) in out.iter() {
///     assert_eq!(to, b);
///     at_b.receive(now, a, datagram.into())?;
/// }
/// let Some(DatagramEvent::Call { call, message, .. }) = at_b.poll(now, bob) else { panic!() };
/// at_b.reply(now, bob, call, Message::respond_uri(message.uri, "noon"))?;
/// at_b.poll_outbound(&mut out);
/// for (_, datagram) in out.iter() {
///     at_a.receive(now, b, datagram.into())?;
/// }
/// let Some(DatagramEvent::Answered { request, answer, .. }) = at_a.poll(now, alice) else {
///     panic!()
/// };
/// assert!(request == asked && answer.message.content == "noon");
/// # Ok(())
/// # }
/// ```
pub struct DatagramLink {
    exchange: Exchange<SocketAddr>,
    group: Option<SocketAddr>,
    /// To whom the node introduces itself besides.
    introduced: Vec<SocketAddr>,
    inlet: Inlet,
    /// Where what goes to a remote leaves from.
    sources: Sources,
    /// What receivers of publications are not sent.
    gaps: Gaps,
    outbox: Transmits,
    /// Bytes handed out and not yet known to be sent.
    in_flight: usize,
    calls: Calls<SocketAddr>,
    replies: ReplyBudget,
    delayed: Delayed,
    renewals: Renewals,
    validation: Validation,
    /// What is published and not sent to all of its receivers, in this order.
    fan_outs: VecDeque<FanOut>,
    publications: Arc<Publications>,
    notices: VecDeque<Notice>,
    counters: DatagramCounters,
    budget: Arc<Budget>,
    account: Arc<Account>,
    /// Datagrams handled in this turn.
    turn: usize,
    /// A batch of a publication was queued in this turn.
    published: bool,
    /// There was nothing to do when it was polled last.
    idle: bool,
    phase: Phase,
}

impl DatagramLink {
    /// The longest datagram that is sent, in bytes: what IPv4 carries, and so
    /// less than the longest frame.
    pub const MAX_DATAGRAM: usize = MAX_DATAGRAM;

    pub(crate) fn new(
        now: Now,
        config: Arc<LinkConfig>,
        budget: Arc<Budget>,
        publications: Arc<Publications>,
        group: Option<SocketAddr>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        Self {
            replies: ReplyBudget::new(config.limits()).with_hashes(config.hashes()),
            validation: Validation::new(config.limits()),
            delayed: Delayed::default(),
            renewals: Renewals::default(),
            sources: Sources::new(config.limits().subscribers(), config.hashes()),
            gaps: Gaps::new(config.limits().subscribers(), config.hashes()),
            fan_outs: VecDeque::new(),
            publications,
            calls: Calls::new(config.calls, budget.dropped_calls.clone()),
            exchange: Exchange::new(now, config, Role::Peer, rng),
            group,
            introduced: Vec::new(),
            inlet: Inlet::new(),
            outbox: Transmits::new(),
            in_flight: 0,
            notices: VecDeque::new(),
            counters: DatagramCounters::default(),
            budget,
            account: Arc::default(),
            turn: 0,
            published: false,
            idle: true,
            phase: Phase::Open,
        }
    }

    // Getters.

    /// Where it multicasts to.
    #[must_use]
    pub fn group(&self) -> Option<SocketAddr> {
        self.group
    }

    /// Bytes that are held to be sent, those last handed out included, and what is
    /// published: each frame once, and each list of addresses.
    #[must_use]
    pub fn queued(&self) -> usize {
        let published = match self.phase {
            Phase::Closed => 0,
            _ => self.publications.held(),
        };
        self.outbox_bytes().saturating_add(published)
    }

    /// Bytes of datagrams that are queued, and of those last handed out. A datagram that
    /// goes to many addresses counts once, with an entry of some 50 bytes for each of the
    /// others.
    fn outbox_bytes(&self) -> usize {
        self.outbox.held().saturating_add(self.in_flight)
    }

    /// Whether there is no more room for what the application sends: half of
    /// [`Limits::outbound_queue`] is for answers.
    #[must_use]
    pub fn is_half_full(&self) -> bool {
        self.outbox_bytes() >= self.exchange.limits().outbound_queue() / 2
    }

    /// Requests whose callers wait, to all addresses together.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.exchange.pending.wanted()
    }

    /// Handlers that were called and have not answered.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// What was received, and what became of it.
    #[must_use]
    pub fn counters(&self) -> DatagramCounters {
        DatagramCounters {
            suppressed: self.replies.suppressed(),
            ..self.counters
        }
    }

    /// The configuration of its node.
    #[must_use]
    pub fn config(&self) -> &Arc<LinkConfig> {
        &self.exchange.config
    }

    /// Whether datagrams are to be received. What is not stays with the system, which
    /// drops what is too much. While no handler may be called, only an answer is worth
    /// it that somebody waits for, perhaps a handler; and while the link is
    /// [drained](Self::drain), only what is told that it is not handled.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let refusing = self.is_refusing();
        let wanted = self.calls.waiting().0 == 0 || self.pending_requests() > 0 || refusing;
        let room = self.outbox_bytes() < self.exchange.limits().outbound_queue();
        let open = self.phase == Phase::Open || refusing;
        wanted && room && !self.is_full() && open
    }

    /// Whether there are datagrams to send: see [`poll_outbound`](Self::poll_outbound).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether [`poll`](Self::poll) has something to do, without waiting for anything.
    #[must_use]
    pub fn wants_poll(&self) -> bool {
        let dispatch = self.calls.waiting().0 > 0 && self.may_dispatch();
        let noticed = !self.notices.is_empty() || self.calls.has_dropped();
        let publish = self.wants_publish();
        let act = dispatch || publish || self.may_send_parked();
        noticed || !self.inlet.is_empty() || act || self.may_end()
    }

    /// Whether messages wait for handlers of others to end.
    #[must_use]
    pub fn waits_for_budget(&self) -> bool {
        self.calls.waiting().0 > 0 && !self.may_dispatch()
    }

    /// More waits to be handled than one datagram of the largest size.
    fn is_full(&self) -> bool {
        self.inlet.unhandled() > Limits::HIGH_WATER
    }

    // Outputs.

    /// What has happened, until it returns `None`: then there is nothing more to do
    /// before an input, a command or the [deadline](Self::deadline).
    ///
    /// It handles at most one datagram an event, and at most
    /// [`Limits::frames_per_turn`] of them, and one batch of what is published, until it
    /// returns `None`: where there is more, the deadline is due at once, and others may have
    /// their turn before.
    pub fn poll<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
    ) -> Option<DatagramEvent<N::Handler>> {
        self.exchange.now = now;
        if core::mem::take(&mut self.idle) {
            self.turn = 0;
            self.published = false;
            self.expire(node);
            self.advertise(node);
            self.renew(node);
            self.expect(node);
        }
        loop {
            self.send_parked(node);
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice.into());
            }
            if let Some(event) = self.answer_dropped_call(node) {
                return Some(event);
            }
            if self.turn < self.exchange.limits().frames_per_turn() {
                let before = self.turn;
                let event = self.advance(node);
                if event.is_some() {
                    return event;
                }
                if self.turn != before {
                    continue;
                }
            }
            // Where nobody may be sent to, a batch takes no room: others have their turn
            // before the next.
            if !self.published && self.wants_publish() {
                self.published = true;
                self.publish_batch(node);
                continue;
            }
            if self.is_drained() || self.has_sent_last() {
                self.close();
                continue;
            }
            self.settle(node);
            return None;
        }
    }

    /// Publishes what the link holds.
    fn settle<N: SharedNode>(&mut self, node: &mut N) {
        self.idle = true;
        // Of the next datagram's chunk others may be in flight.
        let (next, behind) = self.inlet.held();
        let held = Held {
            inbound: self.calls.held_with(next).saturating_add(behind),
            outbound: self.queued(),
            queued: self.queued(),
            calls: self.calls.len(),
            abandoned: 0,
        };
        let pressure = self.budget.hold(&self.account, held);
        if !pressure.is_none() {
            node.pressure(pressure);
        }
    }
}

/// Whether an answer of any length could be sent to an address that has proved nothing,
/// before it is made.
fn may_answer(
    replies: &mut ReplyBudget,
    notices: &mut VecDeque<Notice>,
    now: Now,
    to: SocketAddr,
) -> bool {
    let may = replies.may_allow(now, to.ip());
    if !may {
        notices.push_back(Notice::Suppressed { remote: to });
    }
    may
}

impl fmt::Debug for DatagramLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramLink")
            .field("queued", &self.queued())
            .field("calls_in_flight", &self.calls_in_flight())
            .field("pending_requests", &self.pending_requests())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
