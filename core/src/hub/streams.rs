//! A node and its links over streams.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use rand_core::CryptoRng;

use super::delivery::{Delivery, SharedSealer};
use super::output::{HubEvent, Output};
use crate::calls::{Call, ReplyError};
use crate::config::LinkConfig;
use crate::error::{Backpressure, CloseReason, LayerError, SealError, SendError, TooManyLinks};
use crate::link::{Event, Link};
use crate::message::Message;
use crate::node::{Freed, Node, PeerManagementError};
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::peers::{ManagementConfig, PeerMessage};
use crate::place::LinkId;
use crate::plugin::{Layer, Peer};
use crate::requests::RequestId;
use crate::routes::Key;
use crate::shared::Unrouted;

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
///   [`stop_peer_management`](Self::stop_peer_management), [`close`](Self::close),
///   [`drain`](Self::drain), and those of the [node](Self::node_mut).
/// - Outputs: [`poll`](Self::poll), [`deadline`](Self::deadline).
///
/// The crate's front page has the loop.
pub struct Hub<H> {
    node: Node<H>,
    make_rng: MakeRng,
    sealer: SharedSealer,
    links: BTreeMap<LinkId, Entry>,
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

struct Entry {
    link: Link,
    /// The remote has sent its last byte.
    eof: bool,
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
    /// messages that are sealed once for many links, then one for each link.
    pub fn new<R: CryptoRng + Send + 'static>(
        node: Node<H>,
        mut make_rng: impl FnMut() -> R + Send + 'static,
    ) -> Self {
        let mut make_rng: MakeRng = Box::new(move || Box::new(make_rng()));
        Self {
            node,
            sealer: SharedSealer::new(make_rng()),
            make_rng,
            links: BTreeMap::new(),
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
        self.links.get(&link).map(|entry| &entry.link)
    }

    /// Number of links.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there are no links: after [`drain`](Self::drain), that all is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
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
        match self.links.get_mut(&link) {
            Some(entry) if !entry.eof => entry.link.receive(now, bytes)?,
            _ => return Ok(()),
        }
        self.make_ready(link);
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
            let eof = &mut entry.eof;
            entry.link.receive_with(now, |buffer| {
                read(buffer).inspect(|count| *eof = *count == 0)
            })?;
            self.make_ready(link);
        }
        Ok(())
    }

    /// Says that a link's remote has sent its last byte: nothing more is received.
    pub fn handle_eof(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.eof = true;
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

    // Commands.

    /// Registers a handler for a key; see [`Node::on`]. `inner` is the [`Layer`] that
    /// messages must pass to reach it, or `None`.
    ///
    /// # Errors
    /// As [`Node::on`].
    pub fn on(
        &mut self,
        key: impl Into<Key>,
        handler: H,
        inner: impl Into<Option<Layer>>,
    ) -> Result<Option<H>, LayerError> {
        let inner = inner.into().unwrap_or_default();
        self.node.on(key, handler, inner)
    }

    /// Says what becomes of messages that have no handler, such as a client's
    /// notifications; see [`Node::set_unrouted`].
    pub fn set_unrouted(&mut self, unrouted: Unrouted<H>) {
        self.node.set_unrouted(unrouted);
    }

    /// Says who this node is, and manages peers over the links that are made from here on:
    /// see [`Node::manage_peers`], and [`ManagementConfig::for_streams`].
    ///
    /// # Errors
    /// As [`Node::manage_peers`]; the local peer is as before then.
    pub fn manage_peers(
        &mut self,
        now: Now,
        local: Peer,
        config: ManagementConfig,
    ) -> Result<(), PeerManagementError> {
        self.now = now;
        self.node.manage_peers_as(now, local, config)
    }

    /// Takes a link in over a stream that was just accepted. `remote` names the other
    /// end in keys and events; transports without addresses have none.
    ///
    /// Once the hub is [drained](Self::drain), the link closes before it handles anything:
    /// [`Output::Close`] follows as for any other.
    ///
    /// # Errors
    /// There are [`Limits::connections`](crate::Limits::connections) already.
    pub fn accept(&mut self, now: Now, remote: Option<SocketAddr>) -> Result<LinkId, TooManyLinks> {
        let link = self.node.accept(now, remote, (self.make_rng)())?;
        Ok(self.add(now, link))
    }

    /// Takes a link in over a stream that was connected from here. Where peers are
    /// managed, it introduces this node before it sends anything else. Once the hub is
    /// [drained](Self::drain), the link closes as an [accepted](Self::accept) one does.
    pub fn connect(&mut self, now: Now, remote: Option<SocketAddr>) -> LinkId {
        let link = self.node.connect(now, remote, (self.make_rng)());
        self.add(now, link)
    }

    fn add(&mut self, now: Now, mut link: Link) -> LinkId {
        self.now = now;
        if let Some(until) = self.drain_until {
            link.drain(now, until.saturating_sub(now.monotonic));
        }
        let id = link.id();
        let entry = Entry {
            link,
            eof: false,
            writing: Vec::new(),
            written: 0,
            writer: Writer::Free,
            queued: false,
            waits: false,
            wrote_in: None,
            deadline: None,
        };
        self.links.insert(id, entry);
        self.make_ready(id);
        id
    }

    /// Ends a call with the answer to it; see [`Link::reply`].
    ///
    /// The answer's type is not looked at. One that is [no
    /// answer](crate::MessageType::is_answer), such as a request's, is sent as it is, and
    /// the asker waits on until its time is over, unless it [accepts that
    /// type](RequestOptions::also_accepting).
    ///
    /// # Errors
    /// As [`Link::reply`].
    pub fn reply(
        &mut self,
        now: Now,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.now = now;
        let Some(link) = call.link() else {
            return Err(ReplyError::OtherLink(call));
        };
        let Some(entry) = self.links.get_mut(&link) else {
            return Err(ReplyError::Closed(CloseReason::Local));
        };
        let result = entry.link.reply(now, &mut self.node, call, answer);
        self.make_ready(link);
        result
    }

    /// Ends a call with an `ERROR` of this text, with the uri of the request.
    ///
    /// # Errors
    /// As [`Link::reply`].
    pub fn reply_error(&mut self, now: Now, call: Call, text: &str) -> Result<(), ReplyError> {
        self.now = now;
        let Some(link) = call.link() else {
            return Err(ReplyError::OtherLink(call));
        };
        let Some(entry) = self.links.get_mut(&link) else {
            return Err(ReplyError::Closed(CloseReason::Local));
        };
        let result = entry.link.reply_error(now, &mut self.node, call, text);
        self.make_ready(link);
        result
    }

    /// Sends a message by a link; see [`Link::send`].
    ///
    /// # Errors
    /// As [`Link::send`]; or there is no such link.
    pub fn send(
        &mut self,
        now: Now,
        link: LinkId,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        let entry = self.links.get_mut(&link);
        let entry = entry.ok_or(SendError::Closed(CloseReason::Local))?;
        let result = entry.link.send(now, &mut self.node, message, options);
        self.now = now;
        self.make_ready(link);
        result
    }

    /// Sends a request by a link. [`Output::Answered`] or [`Output::Failed`] will name it;
    /// see [`Link::request`].
    ///
    /// netaio's answer where there is no handler names no uri. It ends a request where that
    /// is the only one that waits on the link; else it is dropped, and the request times
    /// out. With [correlation ids](RequestOptions::with_correlation) it ends the right
    /// one, if the remote repeats ids: netaio-core does, netaio does not.
    ///
    /// # Errors
    /// As [`Link::request`]; or there is no such link.
    pub fn request(
        &mut self,
        now: Now,
        link: LinkId,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        let entry = self.links.get_mut(&link);
        let entry = entry.ok_or(SendError::Closed(CloseReason::Local))?;
        let result = entry.link.request(now, &mut self.node, message, options);
        self.now = now;
        self.make_ready(link);
        result
    }

    /// Gives a request of this link up: no output will name it. Ids of two links may be
    /// [equal](RequestId).
    pub fn cancel(&mut self, link: LinkId, request: RequestId) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.cancel(request);
        }
    }

    /// Subscribes and unsubscribes by itself whoever asks for it; see
    /// [`Node::serve_subscriptions`]. What they get is sent by [`publish`](Self::publish);
    /// `PUBLISH_URI` of a remote is left to a handler.
    ///
    /// # Errors
    /// As [`Node::on`].
    pub fn serve_subscriptions(
        &mut self,
        inner: impl Into<Option<Layer>>,
    ) -> Result<(), LayerError> {
        let inner = inner.into().unwrap_or_default();
        self.node.serve_subscriptions(inner)
    }

    /// Subscribes whoever made a call to a key, and returns the answer to reply with:
    /// `CONFIRM_SUBSCRIBE`, or an `ERROR` where a limit is reached or the key is too long
    /// for a confirmation.
    #[must_use = "it is the answer to the call"]
    pub fn subscribe(&mut self, call: &Call, key: &Bytes) -> Message {
        self.node.answer_subscribe(key, call.place())
    }

    /// Takes the subscription of whoever made a call back, and returns the answer to
    /// reply with: `CONFIRM_UNSUBSCRIBE`, whether there was one or not.
    #[must_use = "it is the answer to the call"]
    pub fn unsubscribe(&mut self, call: &Call, key: &Bytes) -> Message {
        self.node.answer_unsubscribe(key, call.place())
    }

    /// Sends `NOTIFY_URI` with a content to the subscribers of a uri; sealed once for all
    /// of them.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody gets it.
    pub fn publish(
        &mut self,
        now: Now,
        uri: impl Into<Bytes>,
        content: impl Into<Bytes>,
    ) -> Result<Delivery, SealError> {
        let message = Message::notify(uri, content);
        let key = message.uri.clone();
        self.notify(now, &key, &message, &SendOptions::new())
    }

    /// Sends any message to the subscribers of a key; sealed once, unless a plugin wants
    /// to know for whom.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody gets it.
    pub fn notify(
        &mut self,
        now: Now,
        key: &[u8],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let places = self.node.subscribers(key);
        let links = places.filter_map(|place| place.link()).collect();
        self.deliver(now, links, message, options)
    }

    /// Sends a message to every link; sealed once, unless a plugin wants to know for
    /// whom.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody gets it.
    pub fn broadcast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let links = self.links.keys().copied().collect();
        self.deliver(now, links, message, options)
    }

    /// Queues a message for links, sealed once if that can be.
    fn deliver(
        &mut self,
        now: Now,
        links: Vec<LinkId>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        self.now = now;
        let config = self.node.config().clone();
        let frame = self.sealer.seal(now, &config, message, options)?;
        let mut delivery = Delivery::default();
        for id in links {
            let Some(Entry { link, .. }) = self.links.get_mut(&id) else {
                continue;
            };
            let queued = match &frame {
                Some(frame) => link.forward(now, frame),
                None => link.notify(now, &mut self.node, message, options),
            };
            delivery.count(1, queued.is_ok());
            self.make_ready(id);
        }
        Ok(delivery)
    }

    /// Manages the peers of an app id no more, and tells all links that this node leaves.
    /// Says whether they were managed. The peers stay known.
    pub fn stop_peer_management(&mut self, now: Now, app_id: &[u8]) -> bool {
        let farewell = self.node.stop_peer_management(app_id);
        let managed = farewell.is_some();
        self.say(now, farewell);
        managed
    }

    /// Closes a link: what is queued is written, then [`Output::Close`] follows.
    pub fn close(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.close(now, &mut self.node);
            self.make_ready(link);
        }
    }

    /// Ends all links gracefully: where peers are managed, the remotes are told that this
    /// node leaves; nothing more is read, but for answers that handlers wait for; what has
    /// been read is handled and answered, then the links close. Past `grace` they are cut
    /// off. The hub [is empty](Self::is_empty) then.
    ///
    /// A hub that was drained serves no more links: those that are accepted or connected
    /// from here on close at once, so that a loop that goes on accepting ends as well.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.now = now;
        self.drain_until = Some(now.deadline(grace));
        let farewells = self.node.stop_all_peer_management();
        self.say(now, farewells);
        let links: Vec<_> = self.links.keys().copied().collect();
        for id in links {
            if let Some(entry) = self.links.get_mut(&id) {
                entry.link.drain(now, grace);
            }
            self.make_ready(id);
        }
    }

    /// Tells all links something about this node.
    fn say(&mut self, now: Now, messages: impl IntoIterator<Item = PeerMessage>) {
        for PeerMessage { message, inner } in messages {
            let options = SendOptions::new().with_inner(inner);
            // That it can be sealed was seen when it was made.
            let _ = self.broadcast(now, &message, &options);
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

    fn step(&mut self) -> Step<H> {
        if !self.node_asked {
            self.node_asked = true;
            self.ask_node();
        }
        if let Some(event) = self.node.poll_event() {
            return Step::Output(Output::Event(HubEvent::Peer(event)));
        }
        loop {
            if self.current.is_none() {
                self.wake_links();
                self.current = self.ready.pop_front();
            }
            let Some(id) = self.current else {
                self.node_asked = false;
                self.round = self.round.wrapping_add(1);
                core::mem::swap(&mut self.ready, &mut self.next_round);
                return Step::Nothing;
            };
            match self.step_link(id) {
                Step::Nothing => {
                    self.current = None;
                    self.end_turn(id);
                }
                step => return step,
            }
            if let Some(event) = self.node.poll_event() {
                return Step::Output(Output::Event(HubEvent::Peer(event)));
            }
        }
    }

    /// Does what is due for the node and for links by now.
    fn ask_node(&mut self) {
        let now = self.now;
        self.node.handle_timeout(now);
        let advertisements = core::iter::from_fn(|| self.node.poll_advertisement());
        let advertisements: Vec<_> = advertisements.collect();
        self.say(now, advertisements);
        while let Some(&(at, id)) = self.deadlines.first()
            && at <= now.monotonic
        {
            self.deadlines.pop_first();
            if let Some(entry) = self.links.get_mut(&id) {
                entry.deadline = None;
            }
            self.make_ready(id);
        }
    }

    /// Lets links look again that are to close, waited for what others held, or have lost
    /// a call.
    fn wake_links(&mut self) {
        while let Some(id) = self.node.poll_link() {
            self.make_ready(id);
        }
        if self.node.take_dropped_calls() {
            let links = self.links.iter();
            let dropped = links.filter(|(_, entry)| entry.link.wants_poll());
            let dropped: Vec<_> = dropped.map(|(id, _)| *id).collect();
            dropped.into_iter().for_each(|id| self.make_ready(id));
        }
        let freed = self.node.take_what_was_freed();
        self.freed.room |= freed.room;
        self.freed.handlers = (self.freed.handlers || freed.handlers) && self.node.may_call();
        if self.freed.room || self.freed.handlers {
            self.wake_waiting();
        }
    }

    /// Lets the link go on that has waited longest for what is there now. It goes before
    /// those that have not waited, and alone: it may take all that was freed.
    fn wake_waiting(&mut self) {
        let links = &self.links;
        let goes_on = |id: &LinkId| {
            let entry = links.get(id);
            // One that waits for a handler's place and for room takes either.
            entry.is_none_or(|entry| !entry.link.waits_for_budget() || entry.link.wants_poll())
        };
        let Some(index) = self.waiting.iter().position(goes_on) else {
            self.freed = Freed::default();
            return;
        };
        if let Some(id) = self.waiting.remove(index)
            && let Some(entry) = self.links.get_mut(&id)
        {
            entry.waits = false;
            if !entry.queued {
                entry.queued = true;
                self.ready.push_front(id);
            }
        }
    }

    /// What a link wants done.
    fn step_link(&mut self, id: LinkId) -> Step<H> {
        let Some(entry) = self.links.get_mut(&id) else {
            return Step::Nothing;
        };
        let had_turn = entry.wrote_in == Some(self.round);
        // One that ends handles nothing.
        let ends = entry.link.close_reason().is_some();
        let may_poll = !had_turn || ends || !entry.link.wants_poll();
        if may_poll && let Some(event) = entry.link.poll(self.now, &mut self.node) {
            if let Event::Closed(reason) = event {
                self.remove(id);
                return Step::Output(Output::Close { link: id, reason });
            }
            return Step::Output(output(id, event));
        }
        if entry.writer != Writer::Free {
            return Step::Nothing;
        }
        if entry.written >= entry.writing.len() {
            entry.written = 0;
            if !entry.link.poll_outbound(&mut entry.writing) {
                return Step::Nothing;
            }
        }
        entry.writer = Writer::Busy;
        entry.wrote_in = Some(self.round);
        Step::Write(id)
    }

    /// Notes when a link is to be polled again.
    fn end_turn(&mut self, id: LinkId) {
        let Some(entry) = self.links.get_mut(&id) else {
            return;
        };
        entry.queued = false;
        let more = entry.link.wants_poll();
        let waits = entry.link.waits_for_budget();
        let deadline = entry.link.deadline().map(|deadline| deadline.at);
        let deadline = deadline.filter(|_| !more);
        if entry.deadline != deadline {
            if let Some(at) = entry.deadline.take() {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, id));
            }
            entry.deadline = deadline;
        }
        if more {
            entry.queued = true;
            self.next_round.push_back(id);
        } else if waits && !entry.waits {
            entry.waits = true;
            self.waiting.push_back(id);
        }
    }

    fn make_ready(&mut self, id: LinkId) {
        if let Some(entry) = self.links.get_mut(&id)
            && !entry.queued
        {
            entry.queued = true;
            self.ready.push_back(id);
        }
    }

    fn remove(&mut self, id: LinkId) {
        if let Some(entry) = self.links.remove(&id)
            && let Some(at) = entry.deadline
        {
            self.deadlines.remove(&(at, id));
        }
    }
}

/// What a link's event is of its hub.
fn output<H>(link: LinkId, event: Event<H>) -> Output<'static, H> {
    match event {
        Event::Call {
            call,
            handler,
            message,
        } => Output::Call {
            call,
            handler,
            message,
        },
        Event::Message(message) => Output::Message { link, message },
        Event::Answered { request, answer } => Output::Answered {
            link,
            request,
            answer,
        },
        Event::Failed { request, error } => Output::Failed {
            link,
            request,
            error,
        },
        Event::Refused(refusal) => Output::Event(HubEvent::Refused { link, refusal }),
        Event::Dropped(dropped) => Output::Event(HubEvent::Dropped { link, dropped }),
        Event::Unanswered { request, uri } => {
            Output::Event(HubEvent::Unanswered { link, request, uri })
        }
        Event::Shutdown => Output::Shutdown { link },
        Event::Closed(reason) => Output::Close { link, reason },
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
