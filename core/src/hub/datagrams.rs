//! A node on a datagram socket.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};
use rand_core::CryptoRng;

use super::delivery::{Delivery, SharedSealer};
use super::output::{DatagramHubEvent, DatagramOutput};
use crate::calls::{Call, ReplyError};
use crate::config::LinkConfig;
use crate::datagram::{DatagramEvent, DatagramLink, Transmits};
use crate::error::{Backpressure, LayerError, SealError, SendError};
use crate::message::Message;
use crate::node::{Node, PeerManagementError};
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::peers::ManagementConfig;
use crate::plugin::{Layer, Peer};
use crate::requests::RequestId;
use crate::routes::Key;
use crate::shared::Unrouted;

/// A [`Node`] and the [`DatagramLink`] of its socket behind one [`poll`](Self::poll):
/// netaio's `UDPNode` for a loop with one thread.
///
/// The loop gives it the datagrams that come, does what its outputs say, and waits for
/// the socket or the [`deadline`](Self::deadline). Its methods come in four groups.
///
/// - Getters: [`node`](Self::node), [`link`](Self::link),
///   [`wants_read`](Self::wants_read).
/// - Inputs: [`receive`](Self::receive), [`not_sent`](Self::not_sent),
///   [`writable`](Self::writable).
/// - Commands: [`on`](Self::on), [`manage_peers`](Self::manage_peers),
///   [`reply`](Self::reply), [`reply_error`](Self::reply_error), [`send`](Self::send),
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
    /// for messages that are sealed once for many.
    pub fn new<R: CryptoRng + Send + 'static>(
        now: Now,
        mut node: Node<H>,
        group: Option<SocketAddr>,
        mut make_rng: impl FnMut() -> R,
    ) -> Self {
        Self {
            link: node.bind(now, group, Box::new(make_rng())),
            node,
            sealer: SharedSealer::new(Box::new(make_rng())),
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
        self.now = now;
        self.link.receive(now, from, BytesMut::from(datagram))
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

    /// Says what becomes of messages that have no handler; see [`Node::set_unrouted`].
    pub fn set_unrouted(&mut self, unrouted: Unrouted<H>) {
        self.node.set_unrouted(unrouted);
    }

    /// Says who this node is, and manages peers from here on: it advertises itself to the
    /// group, lists those that do, and drops those that fall silent, with their
    /// subscriptions.
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

    /// Ends a call with the answer to it; see [`DatagramLink::reply`]. As with
    /// [`Hub::reply`](crate::Hub::reply), its type is not looked at.
    ///
    /// # Errors
    /// As [`DatagramLink::reply`].
    pub fn reply(
        &mut self,
        now: Now,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.now = now;
        self.link.reply(now, &mut self.node, call, answer)
    }

    /// Ends a call with an `ERROR` of this text, with the uri of the request.
    ///
    /// # Errors
    /// As [`DatagramLink::reply`].
    pub fn reply_error(&mut self, now: Now, call: Call, text: &str) -> Result<(), ReplyError> {
        self.now = now;
        self.link.reply_error(now, &mut self.node, call, text)
    }

    /// Sends a message to an address; see [`DatagramLink::send`].
    ///
    /// # Errors
    /// As [`DatagramLink::send`].
    pub fn send(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.now = now;
        self.link.send(now, &mut self.node, to, message, options)
    }

    /// Sends a message to the group; see [`DatagramLink::multicast`].
    ///
    /// # Errors
    /// As [`DatagramLink::multicast`].
    pub fn multicast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.now = now;
        self.link.multicast(now, &mut self.node, message, options)
    }

    /// Sends a request to an address; see [`DatagramLink::request`], and
    /// [`Hub::request`](crate::Hub::request) for answers that name no uri: those to the
    /// requests to one address.
    ///
    /// # Errors
    /// As [`DatagramLink::request`].
    pub fn request(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.now = now;
        self.link.request(now, &mut self.node, to, message, options)
    }

    /// Gives a request up: no output will name it.
    pub fn cancel(&mut self, request: RequestId) {
        self.link.cancel(request);
    }

    /// Subscribes and unsubscribes by itself whoever asks for it; see
    /// [`Node::serve_subscriptions`]. What they get is sent by [`publish`](Self::publish);
    /// `PUBLISH_URI` of a remote is left to a handler.
    ///
    /// A sender's address is proved by nothing but an auth
    /// plugin: without one in the outer layer, addresses that were forged can be
    /// subscribed, are kept until they unsubscribe, leave as peers or are removed, and are
    /// sent each publication. Subscribe peers only, in a handler, where there is none.
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
    /// The message cannot be sealed, or fits into no datagram; nobody gets it.
    pub fn notify(
        &mut self,
        now: Now,
        key: &[u8],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let places = self.node.subscribers(key);
        let to = places.filter_map(|place| place.address()).collect();
        self.deliver(now, to, message, options)
    }

    /// Sends a message to every peer, at the first of its addresses: netaio's
    /// `broadcast`. Sealed once, unless a plugin wants to know for whom.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn broadcast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let peers = self.node.peers().list().into_iter();
        let to = peers.filter_map(|known| known.addresses.first()?.address());
        let to = to.collect();
        self.deliver(now, to, message, options)
    }

    /// Queues a message for addresses, sealed once if that can be.
    fn deliver(
        &mut self,
        now: Now,
        to: Vec<SocketAddr>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        self.now = now;
        let config = self.node.config().clone();
        let mut delivery = Delivery::default();
        match self.sealer.seal(now, &config, message, options)? {
            Some(frame) => match self.link.forward(now, &to, &frame) {
                Err(SendError::Seal(error)) => return Err(error),
                queued => delivery.count(to.len(), queued.is_ok()),
            },
            None => {
                for to in to {
                    let queued = self.link.send(now, &mut self.node, to, message, options);
                    delivery.count(1, queued.is_ok());
                }
            }
        }
        Ok(delivery)
    }

    /// Manages the peers of an app id no more, and tells the group that this node leaves.
    /// Says whether they were managed. The peers stay known.
    pub fn stop_peer_management(&mut self, now: Now, app_id: &[u8]) -> bool {
        let Some(farewell) = self.node.stop_peer_management(app_id) else {
            return false;
        };
        let options = SendOptions::new().with_inner(farewell.inner);
        // Who is not told notices the silence.
        let _ = self.multicast(now, &farewell.message, &options);
        true
    }

    /// Ends the node gracefully; see [`DatagramLink::drain`]. What the socket takes is
    /// sent before [`DatagramOutput::Closed`], which is the last output.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.now = now;
        self.link.drain(now, &mut self.node, grace);
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
                Some(DatagramOutput::Transmit { to, bytes })
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
        // The link's next poll drops what is left.
        let last = self.link.is_past_grace();
        if last && let Some(index) = self.next_transmit() {
            return Step::Transmit(index);
        }
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
        if self.closing == Closing::Due {
            self.closing = Closing::Closed;
            return Step::Output(DatagramOutput::Closed);
        }
        match self.next_transmit() {
            Some(index) => Step::Transmit(index),
            // What the socket does not take now is dropped.
            None if self.link.is_past_grace() => self.step(),
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
        DatagramEvent::Closed => return DatagramOutput::Closed,
        DatagramEvent::Refused { remote, refusal } => DatagramHubEvent::Refused { remote, refusal },
        DatagramEvent::Suppressed { remote } => DatagramHubEvent::Suppressed { remote },
        DatagramEvent::Lost { remote } => DatagramHubEvent::Lost { remote },
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
