//! A node on a datagram socket.

mod commands;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use rand_core::CryptoRng;

use super::delivery::SharedSealer;
use super::output::{DatagramHubEvent, DatagramOutput};
use crate::config::LinkConfig;
use crate::datagram::{DatagramEvent, DatagramLink, Transmits};
use crate::error::Backpressure;
use crate::node::Node;
use crate::now::Now;

/// A [`Node`] and the [`DatagramLink`] of its socket behind one [`poll`](Self::poll):
/// netaio's `UDPNode` for a loop with one thread.
///
/// The loop gives it the datagrams that come, does what its outputs say, and waits for
/// the socket or the [`deadline`](Self::deadline). Its methods come in four groups.
///
/// - Getters: [`node`](Self::node), [`link`](Self::link),
///   [`wants_read`](Self::wants_read).
/// - Inputs: [`receive`](Self::receive), [`receive_at`](Self::receive_at),
///   [`send_failed`](Self::send_failed), [`undelivered`](Self::undelivered),
///   [`not_sent`](Self::not_sent), [`writable`](Self::writable).
/// - Commands: [`on`](Self::on), [`manage_peers`](Self::manage_peers),
///   [`introduce`](Self::introduce), [`reply`](Self::reply), [`reply_error`](Self::reply_error), [`send`](Self::send),
///   [`multicast`](Self::multicast), [`request`](Self::request),
///   [`cancel`](Self::cancel), [`serve_subscriptions`](Self::serve_subscriptions),
///   [`subscribe`](Self::subscribe),
///   [`unsubscribe`](Self::unsubscribe), [`publish`](Self::publish),
///   [`notify`](Self::notify), [`broadcast`](Self::broadcast),
///   [`stop_peer_management`](Self::stop_peer_management), [`drain`](Self::drain), and
///   those of the [node](Self::node_mut).
/// - Outputs: [`poll`](Self::poll), [`deadline`](Self::deadline).
///
/// A handler may be called twice for one request, and an answer may come late or twice:
/// see [`DatagramLink`].
pub struct DatagramHub<H> {
    node: Node<H>,
    link: DatagramLink,
    sealer: SharedSealer,
    sending: Transmits,
    sent: usize,
    is_blocked: bool,
    closing: Closing,
    now: Now,
}

/// Whether the last output has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    /// The link has closed, and what happened before is told first.
    Due,
    Closed,
}

/// What [`DatagramHub::poll`] has found.
enum Step<H> {
    Output(DatagramOutput<'static, H>),
    Transmit(usize),
    Nothing,
}

impl<H: Clone> DatagramHub<H> {
    /// The hub of a socket that multicasts to `group`, at the port that the group uses.
    /// `make_rng` makes its two generators of nonces, from the operating system's
    /// randomness, or from a seed to repeat a run to the byte: first the link's, then one
    /// for messages that are sealed once for many, and for the node's own random numbers
    /// ([`LinkConfig::with_seed`]).
    pub fn new<R: CryptoRng + Send + 'static>(
        now: Now,
        mut node: Node<H>,
        group: Option<SocketAddr>,
        mut make_rng: impl FnMut() -> R,
    ) -> Self {
        let (rng, mut shared) = (Box::new(make_rng()), Box::new(make_rng()));
        node.seed(&mut *shared);
        Self {
            link: node.bind(now, group, rng),
            sealer: SharedSealer::new(shared, node.config().between().unwrap_or_default()),
            node,
            sending: Transmits::new(),
            sent: 0,
            is_blocked: false,
            closing: Closing::Open,
            now,
        }
    }

    /// The hub of a node that is made here; for the rest as [`new`](Self::new).
    pub fn with_config<R: CryptoRng + Send + 'static>(
        now: Now,
        config: LinkConfig,
        group: Option<SocketAddr>,
        make_rng: impl FnMut() -> R,
    ) -> Self {
        Self::new(now, Node::for_datagrams(config), group, make_rng)
    }

    // Getters.

    /// Handlers, subscriptions and peers.
    #[must_use]
    pub fn node(&self) -> &Node<H> {
        &self.node
    }

    /// Handlers, subscriptions and peers: for whatever has no method here.
    pub fn node_mut(&mut self) -> &mut Node<H> {
        &mut self.node
    }

    /// The link of the socket.
    #[must_use]
    pub fn link(&self) -> &DatagramLink {
        &self.link
    }

    /// Whether datagrams are to be received. What is not stays with the system.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.link.wants_read()
    }

    // Inputs.

    /// Takes a datagram.
    ///
    /// # Errors
    /// It was not taken: too many bytes wait to be handled. Poll, and receive while it is
    /// [wanted](Self::wants_read).
    pub fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Backpressure> {
        self.receive_at(now, from, None, datagram)
    }

    /// As [`receive`](Self::receive), with the address of this node that it came to; see
    /// [`DatagramLink::receive_at`].
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_at(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: &[u8],
    ) -> Result<(), Backpressure> {
        self.now = now;
        self.link.receive_buffer().extend_from_slice(datagram);
        self.link.received(now, from, local, datagram.len())
    }

    /// Says that the socket refused the last [datagram](DatagramOutput::Transmit); see
    /// [`DatagramLink::send_failed`].
    pub fn send_failed(&mut self, now: Now, reason: impl Into<String>) {
        self.now = now;
        if let Some(index) = self.sent.checked_sub(1) {
            self.link.send_failed(now, &self.sending, index, reason);
        }
    }

    /// Says that the network could not deliver a datagram; see [`DatagramLink::undelivered`].
    pub fn undelivered(
        &mut self,
        now: Now,
        remote: SocketAddr,
        quoted: &[u8],
        reason: impl Into<String>,
    ) {
        self.now = now;
        self.link.undelivered(now, remote, quoted, reason);
    }

    /// Says that the socket did not take the last [datagram](DatagramOutput::Transmit):
    /// it comes again when the socket is [`writable`](Self::writable).
    pub fn not_sent(&mut self) {
        self.sent = self.sent.saturating_sub(1);
        self.is_blocked = true;
    }

    /// Says that the socket takes datagrams again.
    pub fn writable(&mut self) {
        self.is_blocked = false;
    }

    // Outputs.

    /// What is to be done, until it returns `None`: then there is nothing more to do
    /// before an input, a command or the [deadline](Self::deadline). That may be due at
    /// once, after [`Limits::frames_per_turn`](crate::Limits::frames_per_turn) datagrams,
    /// say: then the loop looks after its socket, without waiting, and polls again.
    pub fn poll(&mut self, now: Now) -> Option<DatagramOutput<'_, H>> {
        self.now = now;
        match self.step() {
            Step::Output(output) => Some(output),
            Step::Nothing => None,
            Step::Transmit(index) => {
                let (to, bytes) = self.sending.get(index)?;
                let from = self.sending.source(index);
                Some(DatagramOutput::Transmit { to, from, bytes })
            }
        }
    }

    /// When [`poll`](Self::poll) is due, a reading of the monotonic clock, if nothing else
    /// happens before.
    pub fn deadline(&mut self) -> Option<Duration> {
        let deadline = self.link.deadline(&mut self.node);
        deadline.map(|deadline| deadline.at)
    }

    fn step(&mut self) -> Step<H> {
        match self.link.poll(self.now, &mut self.node) {
            Some(DatagramEvent::Closed) => {
                self.sending = Transmits::new();
                self.sent = 0;
                self.closing = Closing::Due;
            }
            Some(event) => return Step::Output(output(event)),
            None => {}
        }
        if self.closing == Closing::Closed {
            return Step::Nothing;
        }
        if let Some(event) = self.node.poll_event() {
            return Step::Output(DatagramOutput::Event(DatagramHubEvent::Peer(event)));
        }
        let displaced = self.node.poll_displaced_subscriber();
        if let Some(remote) = displaced.and_then(|place| place.address()) {
            let event = DatagramHubEvent::Unsubscribed { remote };
            return Step::Output(DatagramOutput::Event(event));
        }
        if self.closing == Closing::Due {
            self.closing = Closing::Closed;
            return Step::Output(DatagramOutput::Closed);
        }
        match self.next_transmit() {
            Some(index) => Step::Transmit(index),
            None if self.link.has_sent_last() => self.step(),
            None => Step::Nothing,
        }
    }

    /// The next datagram for the socket, if that takes any.
    fn next_transmit(&mut self) -> Option<usize> {
        if self.is_blocked {
            return None;
        }
        if self.sent >= self.sending.count() {
            self.sent = 0;
            if !self.link.poll_outbound(&mut self.sending) {
                return None;
            }
        }
        let index = self.sent;
        self.sent = index.saturating_add(1);
        Some(index)
    }
}

/// What a link's event is of its hub.
fn output<H>(event: DatagramEvent<H>) -> DatagramOutput<'static, H> {
    let event = match event {
        DatagramEvent::Call {
            call,
            handler,
            message,
        } => {
            return DatagramOutput::Call {
                call,
                handler,
                message,
            };
        }
        DatagramEvent::Message { message, remote } => {
            return DatagramOutput::Message { message, remote };
        }
        DatagramEvent::Answered {
            request,
            answer,
            remote,
        } => {
            return DatagramOutput::Answered {
                request,
                answer,
                remote,
            };
        }
        DatagramEvent::Failed { request, error } => {
            return DatagramOutput::Failed { request, error };
        }
        DatagramEvent::Cancelled { call, reason } => {
            return DatagramOutput::Cancelled { call, reason };
        }
        DatagramEvent::Closed => return DatagramOutput::Closed,
        DatagramEvent::Refused { remote, refusal } => DatagramHubEvent::Refused { remote, refusal },
        DatagramEvent::Suppressed { remote } => DatagramHubEvent::Suppressed { remote },
        DatagramEvent::NotSent { remote, error } => DatagramHubEvent::NotSent { remote, error },
        DatagramEvent::Lapsed { remote, uri } => DatagramHubEvent::Lapsed { remote, uri },
        DatagramEvent::Resubscribed { remote, uri } => {
            DatagramHubEvent::Resubscribed { remote, uri }
        }
        DatagramEvent::Lost { remote } => DatagramHubEvent::Lost { remote },
        DatagramEvent::Unrouted {
            remote,
            message_type,
            uri,
        } => DatagramHubEvent::Unrouted {
            remote,
            message_type,
            uri,
        },
        DatagramEvent::Unanswered {
            remote,
            request,
            uri,
        } => DatagramHubEvent::Unanswered {
            remote,
            request,
            uri,
        },
    };
    DatagramOutput::Event(event)
}

impl<H> fmt::Debug for DatagramHub<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramHub")
            .field("node", &self.node)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
