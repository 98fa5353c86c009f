//! A node and its links over streams.

mod commands;
mod turns;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use rand_core::CryptoRng;

use super::delivery::SharedSealer;
use super::output::Output;
use crate::config::LinkConfig;
use crate::error::{Backpressure, CloseReason};
use crate::link::Link;
use crate::node::{Freed, Node};
use crate::now::Now;
use crate::place::LinkId;
use crate::plugin::Direction;

/// Makes the generator of nonces for each link.
type MakeRng = Box<dyn FnMut() -> Box<dyn CryptoRng + Send> + Send>;

/// A [`Node`] and its links over streams behind one [`poll`](Self::poll): a server, a
/// client or both, for a loop with one thread.
///
/// The loop gives it what comes (bytes, the end of streams, time), does what its outputs
/// say, and waits for the transports or the [`deadline`](Self::deadline). It is fair:
/// each link handles at most [`Limits::frames_per_turn`](crate::Limits::frames_per_turn)
/// messages before the others have their turn. Its methods come in four groups.
///
/// - Getters: [`node`](Self::node), [`link`](Self::link), [`len`](Self::len),
///   [`is_empty`](Self::is_empty), [`wants_read`](Self::wants_read),
///   [`wants_write`](Self::wants_write).
/// - Inputs: [`receive`](Self::receive) and [`handle_eof`](Self::handle_eof), or
///   [`receive_with`](Self::receive_with) for both; [`written`](Self::written),
///   [`writable`](Self::writable), [`transport_failed`](Self::transport_failed). With the
///   feature `std` also `read_from` and `write_to`, for the standard library's traits.
/// - Commands: [`on`](Self::on), [`accept`](Self::accept), [`connect`](Self::connect),
///   [`reply`](Self::reply), [`reply_error`](Self::reply_error), [`send`](Self::send),
///   [`request`](Self::request), [`cancel`](Self::cancel),
///   [`serve_subscriptions`](Self::serve_subscriptions),
///   [`subscribe`](Self::subscribe), [`unsubscribe`](Self::unsubscribe),
///   [`publish`](Self::publish), [`notify`](Self::notify),
///   [`broadcast`](Self::broadcast),
///   [`manage_peers`](Self::manage_peers),
///   [`stop_peer_management`](Self::stop_peer_management), [`pause`](Self::pause),
///   [`resume`](Self::resume), [`close`](Self::close), [`drain`](Self::drain), and those of
///   the [node](Self::node_mut).
/// - Outputs: [`poll`](Self::poll), [`deadline`](Self::deadline).
///
/// The crate's front page has the loop.
pub struct Hub<H> {
    node: Node<H>,
    make_rng: MakeRng,
    sealer: SharedSealer,
    pub(super) links: BTreeMap<LinkId, Entry>,
    /// How many of them are closed.
    ended: usize,
    /// The link whose turn it is.
    current: Option<LinkId>,
    /// Links that are to be polled in this round, and in the next.
    ready: VecDeque<LinkId>,
    next_round: VecDeque<LinkId>,
    round: u64,
    deadlines: BTreeSet<(Duration, LinkId)>,
    /// Links that wait for what others hold, and what they may find.
    waiting: VecDeque<LinkId>,
    freed: Freed,
    now: Now,
    /// The node was asked what is due since the last time that there was nothing to do.
    node_asked: bool,
    /// Links end by then, also those that are still to be made.
    drain_until: Option<Duration>,
}

pub(super) struct Entry {
    link: Link,
    /// It is closed, and handlers run on that it has called.
    ended: bool,
    /// Bytes that are being written, and how many of them have been.
    writing: Vec<u8>,
    written: usize,
    writer: Writer,
    /// It is in one of the queues.
    queued: bool,
    /// It is among those that wait for what others hold.
    waits: bool,
    /// The last round in which it was given bytes to write: its turn to handle messages
    /// was over then.
    wrote_in: Option<u64>,
    deadline: Option<Duration>,
}

/// What is known of a link's transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    /// It takes bytes.
    Free,
    /// It was given some, and has not said how many it took.
    Busy,
    /// It takes none for now.
    Full,
}

/// What [`Hub::poll`] has found.
enum Step<H> {
    Output(Output<'static, H>),
    Write(LinkId),
    Nothing,
}

impl<H: Clone> Hub<H> {
    /// A hub without links. `make_rng` makes generators of nonces, from the operating
    /// system's randomness, or from a seed to repeat a run to the byte: first one for
    /// messages that are sealed once for many links, and for the node's own random numbers
    /// ([`LinkConfig::with_seed`]), then one for each link.
    pub fn new<R: CryptoRng + Send + 'static>(
        mut node: Node<H>,
        mut make_rng: impl FnMut() -> R + Send + 'static,
    ) -> Self {
        let mut make_rng: MakeRng = Box::new(move || Box::new(make_rng()));
        let mut rng = make_rng();
        node.seed(&mut *rng);
        Self {
            node,
            sealer: SharedSealer::new(rng, Direction::ToClient),
            make_rng,
            links: BTreeMap::new(),
            ended: 0,
            current: None,
            ready: VecDeque::new(),
            next_round: VecDeque::new(),
            round: 0,
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            freed: Freed::default(),
            now: Now::default(),
            node_asked: false,
            drain_until: None,
        }
    }

    /// A hub whose node is made here; for the rest as [`new`](Self::new).
    pub fn with_config<R: CryptoRng + Send + 'static>(
        config: LinkConfig,
        make_rng: impl FnMut() -> R + Send + 'static,
    ) -> Self {
        Self::new(Node::for_streams(config), make_rng)
    }

    // Getters.

    /// What the links share.
    #[must_use]
    pub fn node(&self) -> &Node<H> {
        &self.node
    }

    /// What the links share: for handlers, peers, and whatever has no method here.
    pub fn node_mut(&mut self) -> &mut Node<H> {
        &mut self.node
    }

    /// A link that is not closed.
    #[must_use]
    pub fn link(&self, link: LinkId) -> Option<&Link> {
        let entry = self.links.get(&link).filter(|entry| !entry.ended);
        entry.map(|entry| &entry.link)
    }

    /// Number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len().saturating_sub(self.ended)
    }

    /// Whether there are no links: after [`drain`](Self::drain), that all is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a link's transport is to be read from. One that is not keeps its remote
    /// waiting: register no interest in its being readable meanwhile.
    #[must_use]
    pub fn wants_read(&self, link: LinkId) -> bool {
        self.link(link).is_some_and(Link::wants_read)
    }

    /// Whether a link's transport did not take all that it was given:
    /// [`writable`](Self::writable) is to be called when it takes more.
    #[must_use]
    pub fn wants_write(&self, link: LinkId) -> bool {
        let entry = self.links.get(&link);
        entry.is_some_and(|entry| entry.writer == Writer::Full)
    }

    // Inputs.

    /// Takes bytes that a link's transport received. Those behind the
    /// [end](Self::handle_eof) are dropped, and those of a link that is gone or that
    /// handles nothing more.
    ///
    /// # Errors
    /// Nothing was taken: more than the longest frame waits to be handled. Poll, and
    /// read while it is [wanted](Self::wants_read).
    pub fn receive(&mut self, now: Now, link: LinkId, bytes: &[u8]) -> Result<(), Backpressure> {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.receive(now, bytes)?;
            self.make_ready(link);
        }
        Ok(())
    }

    /// Reads from a link's transport, if that is wanted: `read` is called once at most,
    /// and says how many bytes it has put at the start of its buffer; 0 where the remote
    /// has sent its last byte, and an error where there is nothing to read now. See
    /// [`Link::receive_with`].
    ///
    /// # Errors
    /// What `read` returned; the link has taken nothing, and goes on. Where the transport
    /// has failed, [say so](Self::transport_failed).
    pub fn receive_with<E>(
        &mut self,
        now: Now,
        link: LinkId,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link)
            && entry.link.wants_read()
        {
            entry.link.receive_with(now, read)?;
            self.make_ready(link);
        }
        Ok(())
    }

    /// Says that a link's remote has sent its last byte: nothing more is received.
    pub fn handle_eof(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.handle_eof(now);
            self.make_ready(link);
        }
    }

    /// Says how many of the bytes that were to be [written](Output::Write) a link's
    /// transport took. If these are not all, it is full until it is
    /// [`writable`](Self::writable).
    pub fn written(&mut self, now: Now, link: LinkId, count: usize) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.written = entry.written.saturating_add(count);
            entry.writer = match entry.written >= entry.writing.len() {
                true => Writer::Free,
                false => Writer::Full,
            };
            entry.link.written(count);
            self.make_ready(link);
        }
    }

    /// Says that a link's transport takes bytes again.
    pub fn writable(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.writer = Writer::Free;
            self.make_ready(link);
        }
    }

    /// Says that a link's transport has failed. [`Output::Close`] follows.
    pub fn transport_failed(&mut self, now: Now, link: LinkId, error: impl fmt::Display) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            let reason = CloseReason::Transport(error.to_string());
            entry.link.transport_failed(reason);
            self.make_ready(link);
        }
    }

    // Outputs.

    /// What is to be done, until it returns `None`: then there is nothing more to do
    /// before an input, a command or the [deadline](Self::deadline). That may be due at
    /// once: where a link has handled
    /// [`Limits::frames_per_turn`](crate::Limits::frames_per_turn) messages and has more,
    /// the loop looks after its transports first, without waiting, and polls again.
    pub fn poll(&mut self, now: Now) -> Option<Output<'_, H>> {
        self.now = now;
        match self.step() {
            Step::Output(output) => Some(output),
            Step::Nothing => None,
            Step::Write(link) => {
                let bytes = self.bytes_to_write(link)?;
                Some(Output::Write { link, bytes })
            }
        }
    }

    /// What a link's transport was given, and has not said how much of it it took.
    pub(super) fn bytes_to_write(&self, link: LinkId) -> Option<&[u8]> {
        let entry = self.links.get(&link)?;
        let bytes = entry.writing.get(entry.written..)?;
        (entry.writer == Writer::Busy).then_some(bytes)
    }

    /// When [`poll`](Self::poll) is due, a reading of the monotonic clock, if nothing else
    /// happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let ready = self.current.is_some() || !self.ready.is_empty();
        if ready || !self.next_round.is_empty() || self.node.has_dropped_calls() {
            return Some(self.now.monotonic);
        }
        let links = self.deadlines.first().map(|(at, _)| *at);
        links.into_iter().chain(self.node.deadline()).min()
    }
}

impl<H> fmt::Debug for Hub<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("node", &self.node)
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}
