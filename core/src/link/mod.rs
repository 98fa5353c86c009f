//! One connection: frames, layers, requests, calls in flight, outbound bytes, and its
//! end.

mod calling;
mod command;
mod end;
mod event;
mod failures;
mod frames;
mod inlet;
mod input;
mod intake;
mod notices;
mod outbound;
mod outbox;
mod pause;
mod phase;
mod poll;
mod refusing;
mod seat;
#[cfg(test)]
mod tests;
mod timers;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;

use rand_core::CryptoRng;

pub use self::calling::{CallHandler, Called};
pub use self::event::LinkEvent;
pub(crate) use self::seat::Seat;

use self::failures::Failures;
use self::inlet::Inlet;
use self::intake::Intake;
use self::notices::Notices;
use self::outbox::Outbox;
use self::phase::Phase;
use self::timers::Timers;
use crate::budget::{Account, Budget, Held, MailboxAccount};
use crate::calls::{Buffer, Calls};
use crate::config::LinkConfig;
use crate::error::CloseReason;
use crate::exchange::Exchange;
use crate::flow_control::FlowControl;
use crate::frame::Deframer;
use crate::limits::Limits;
use crate::now::{Moment, Now};
use crate::place::{LinkId, Place};

/// One end of one connection, without the connection.
///
/// [`Node::accept`](crate::Node::accept) and [`Node::connect`](crate::Node::connect)
/// make it, once the transport is connected: its timeouts begin then. Links share nothing
/// but their node, which they are shown where they need it: many can be driven at once.
/// Its methods come in four groups.
///
/// - Getters: [`id`](Self::id), [`place`](Self::place), [`remote`](Self::remote),
///   [`config`](Self::config), [`close_reason`](Self::close_reason),
///   [`queued`](Self::queued), [`unhandled`](Self::unhandled),
///   [`calls_in_flight`](Self::calls_in_flight),
///   [`pending_requests`](Self::pending_requests),
///   [`received_messages`](Self::received_messages), [`sent_messages`](Self::sent_messages),
///   [`has_spares`](Self::has_spares), [`wants_read`](Self::wants_read),
///   [`wants_last_read`](Self::wants_last_read),
///   [`wants_write`](Self::wants_write), [`wants_poll`](Self::wants_poll),
///   [`waits_for_budget`](Self::waits_for_budget),
///   [`depends_on_others`](Self::depends_on_others), [`read_room`](Self::read_room),
///   [`has_room`](Self::has_room),
///   [`is_turn_over`](Self::is_turn_over), [`is_paused`](Self::is_paused).
/// - Inputs: [`receive`](Self::receive) (or [`receive_with`](Self::receive_with), or
///   [`receive_buffer`](Self::receive_buffer) and [`received`](Self::received)),
///   [`handle_eof`](Self::handle_eof), [`written`](Self::written),
///   [`transport_failed`](Self::transport_failed), [`begin_turn`](Self::begin_turn).
/// - Commands: [`reply`](Self::reply), [`reply_error`](Self::reply_error),
///   [`send`](Self::send), [`request`](Self::request), [`cancel`](Self::cancel),
///   [`set_call_options`](Self::set_call_options), [`notify`](Self::notify),
///   [`forward`](Self::forward), [`lost`](Self::lost),
///   [`pause`](Self::pause), [`resume`](Self::resume), [`drain`](Self::drain),
///   [`release_receive_buffer`](Self::release_receive_buffer),
///   [`release_spares`](Self::release_spares), [`close`](Self::close), [`cut_off`](Self::cut_off),
///   [`abort`](Self::abort), [`let_go`](Self::let_go).
/// - Outputs: [`poll`](Self::poll) (or [`poll_with`](Self::poll_with)), [`poll_outbound`](Self::poll_outbound),
///   [`deadline`](Self::deadline).
///
/// The contract: *after any input or command, drain the outputs until only a deadline
/// is left.* `poll` says what has happened, `poll_outbound` has bytes to write, and
/// once both have nothing more, wait for the transport or the deadline, and poll again.
///
/// Messages are handled in the order of their coming. One that carries no
/// [correlation id](crate::Correlation) is handled when all before it have been
/// answered, and before all behind it; those that carry one run side by side, up to
/// [`Limits::handlers_per_connection`]. Answers to this link's own requests pass by.
///
/// The end comes in steps. After EOF, after bytes that are no frame, or past a timeout
/// nothing more is received, and requests that wait fail; handlers that run may still
/// answer; what is queued is written; then [`LinkEvent::Shutdown`] asks to end the sending
/// side, the remote's own end is waited for, and [`LinkEvent::Closed`] is last. Each step
/// has a deadline ([`Limits::shutdown_grace`]).
///
/// While handlers run, some bytes are read all the same, so that a remote that leaves is noticed
/// at once, and [`LinkEvent::HalfClosed`] says so: 16 KiB, which count in
/// [`Limits::inbound_total`]. The end behind more than that is noticed once they are handled.
/// Handlers run on then, and behind the end of the link too, unless
/// [`CallOptions`](crate::CallOptions) say otherwise, in places of their own
/// ([`Limits::abandoned_handlers`]).
pub struct Link {
    exchange: Exchange<()>,
    id: LinkId,
    deframer: Deframer,
    inlet: Inlet,
    intake: Intake,
    outbox: Outbox,
    flow: FlowControl,
    calls: Calls<()>,
    notices: Notices,
    /// Once a frame was refused.
    failures: Option<Box<Failures>>,
    timers: Timers,
    budget: Arc<Budget>,
    account: Arc<Account>,
    /// The length of the longest frame that is accepted, in bytes.
    max_frame: usize,
    /// Frames handled in this turn.
    turn: usize,
    /// There was nothing to do when it was polled last.
    idle: bool,
    eof: bool,
    /// Nothing more is received, and the node keeps nothing for the remote: when what is
    /// still under way is given up.
    half_closed: Option<Moment>,
    /// The application takes no messages for now.
    paused: bool,
    phase: Phase,
    /// It takes no more messages, which the node is still to be told.
    leaves: bool,
    /// Messages of the remote that have passed the layers, and those sealed for it.
    received_messages: u64,
    sent_messages: u64,
}

impl Link {
    /// Bytes that are read at most while none are to be looked at, so that the end of the
    /// stream is noticed behind them.
    const LOOK_AHEAD: usize = 16 * 1024;

    pub(crate) fn new(now: Now, seat: Seat, rng: Box<dyn CryptoRng + Send>) -> Self {
        let Seat {
            id,
            role,
            config,
            budget,
            account,
        } = seat;
        let limits = config.limits();
        let sections = limits.auth_section().saturating_add(limits.body());
        Self {
            max_frame: config.wire.codec.header_len().saturating_add(sections),
            deframer: Deframer::new(config.wire.clone()),
            calls: Calls::new(config.calls, budget.dropped_calls.clone()),
            exchange: Exchange::new(now, config, role, rng),
            id,
            inlet: Inlet::new(),
            intake: Intake::default(),
            outbox: Outbox::new(),
            flow: FlowControl::default(),
            notices: Notices::default(),
            failures: None,
            timers: Timers::new(now.monotonic),
            budget,
            account,
            turn: 0,
            idle: true,
            eof: false,
            half_closed: None,
            paused: false,
            phase: Phase::Open { drain_until: None },
            leaves: false,
            received_messages: 0,
            sent_messages: 0,
        }
    }

    // Getters.

    /// Its name among the links of its node.
    #[must_use]
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Where it leads: for subscriptions and peers.
    #[must_use]
    #[inline]
    pub fn place(&self) -> Place {
        Place::of_link(self.id, self.remote())
    }

    /// The address of the other end.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.account.remote()
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<LinkConfig> {
        &self.exchange.config
    }

    /// Why nothing more is handled or sent, if so. Its last bytes may still be on their
    /// way.
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.phase.close_reason()
    }

    /// Bytes that wait to be written, those included that were handed out and are
    /// not known to be [written](Self::written).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Bytes received and not handled: one frame that is not complete, or more for
    /// [`poll`](Self::poll).
    #[must_use]
    pub fn unhandled(&self) -> usize {
        self.inlet.bytes.len()
    }

    /// Handlers that were called and have not answered.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Messages of the remote that have passed the layers, whatever became of them.
    #[must_use]
    pub fn received_messages(&self) -> u64 {
        self.received_messages
    }

    /// Messages that were sealed for the remote and queued, with the answers, errors and
    /// farewells that the link makes by itself. Frames that were
    /// [sealed before](Self::forward) are whoever's who forwards them to count.
    #[must_use]
    pub fn sent_messages(&self) -> u64 {
        self.sent_messages
    }

    /// Requests whose callers wait.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.exchange.pending.wanted()
    }

    /// Whether bytes are to be read. Where they are not, the remote is to wait: its
    /// answers are not taken or too many handlers run, and it has sent 16 KiB more; the
    /// application takes no [messages](Self::pause); or all links together hold too much.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.takes_bytes() && self.read_room() > 0
    }

    /// Whether bytes are wanted but for the room that all links together leave.
    fn takes_bytes(&self) -> bool {
        !self.eof
            && match &self.phase {
                Phase::Open { .. } => {
                    (self.may_take_frame() || self.may_look_ahead())
                        && self.inlet.bytes.len() <= self.max_frame
                }
                Phase::Lingering(_) => true,
                Phase::Answering(_) | Phase::Flushing(_) | Phase::Closed { .. } => false,
            }
    }

    /// Whether it is [drained](Self::drain), has nothing left to do, and ends at the next poll
    /// unless bytes are received before: what has come already is to be read now, without
    /// waiting, so that requests among it are refused.
    #[must_use]
    pub fn wants_last_read(&self) -> bool {
        self.intake.looks() && self.is_drained() && self.wants_read()
    }

    /// Whether there are bytes to write: see [`poll_outbound`](Self::poll_outbound).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.outbox.has_bytes()
    }

    /// Whether [`poll`](Self::poll) has something to do, without waiting for anything: a
    /// turn ended at its bound, or a write has made room.
    #[must_use]
    pub fn wants_poll(&self) -> bool {
        let noticed = !self.notices.is_empty() || self.calls.has_dropped();
        let wanted = noticed || self.leaves || self.outbox.gap_ahead().is_some();
        wanted || self.may_advance() || self.may_end() || self.may_send_parked()
    }

    /// Whether [`Limits::frames_per_turn`] frames were handled since the last turn began:
    /// others may have their turn. The next one begins with the next poll.
    #[must_use]
    pub fn is_turn_over(&self) -> bool {
        self.turn >= self.limits().frames_per_turn()
    }

    /// How many bytes may be read at once: `usize::MAX` while all links together hold
    /// little, and few or none past three quarters of [`Limits::inbound_total`]. What comes
    /// behind the end is not held, and may be any number.
    #[must_use]
    pub fn read_room(&self) -> usize {
        if let Phase::Lingering(_) = self.phase {
            return usize::MAX;
        }
        let room = self.budget_room();
        match self.may_take_frame() {
            true => room,
            false => room.min(Self::LOOK_AHEAD.saturating_sub(self.inlet.bytes.len())),
        }
    }

    /// How many bytes may be read for what all links hold.
    fn budget_room(&self) -> usize {
        let calls = self.calls.held_with(Buffer::default());
        let held = self.inlet.bytes.len().saturating_add(calls);
        self.budget.room(&self.account, held)
    }

    /// What counts that a driver queues for this link besides it.
    #[must_use]
    pub fn mailbox_account(&self) -> MailboxAccount {
        MailboxAccount {
            budget: self.budget.clone(),
            account: self.account.clone(),
        }
    }

    /// Whether it waits for what other links hold: for a handler's place, or for room to
    /// read. A [`SharedNode`](crate::SharedNode) is told when some is free. Where links are driven on several
    /// threads see [`depends_on_others`](Self::depends_on_others).
    #[must_use]
    pub fn waits_for_budget(&self) -> bool {
        let waits = self.calls.waiting().0 > 0 && !self.paused;
        matches!(self.phase, Phase::Open { .. } | Phase::Answering(_))
            && (waits && !self.may_call() || self.budget_room() == 0)
    }

    /// For whoever has found that there is [nothing to do](Self::wants_poll), and that it
    /// [`reads`](Self::wants_read) or does not: whether either may be for what other links hold, a
    /// handler's place or room to read.
    ///
    /// It says so whether or not there is some by now, which comes and goes at any moment where
    /// links are driven on several threads. To miss none, listen for what a [`SharedNode`](crate::SharedNode) is
    /// told, then ask both again, and wait if the answers are the same.
    #[must_use]
    pub fn depends_on_others(&self, reads: bool) -> bool {
        self.awaits_place() || !reads && self.takes_bytes()
    }

    /// Whether all links together leave room for one more handler of this one.
    fn may_call(&self) -> bool {
        let calls = self.calls.len().saturating_sub(self.account.abandoned());
        self.budget.may_call_beside(&self.account, calls)
    }

    fn limits(&self) -> &Limits {
        self.exchange.limits()
    }
}

impl Drop for Link {
    /// Nothing is held for it any more, though handlers of its may still run. Nobody is told: see
    /// [`let_go`](Self::let_go).
    fn drop(&mut self) {
        self.budget.hold(&self.account, Held::default());
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("place", &self.place())
            .field("unhandled", &self.unhandled())
            .field("queued", &self.queued())
            .field("calls_in_flight", &self.calls_in_flight())
            .field("pending_requests", &self.pending_requests())
            .field("close_reason", &self.close_reason())
            .finish_non_exhaustive()
    }
}
