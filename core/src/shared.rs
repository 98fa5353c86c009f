//! What a link wants of its node.

use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Pressure;
use crate::message::{Message, MessageType};
use crate::now::Now;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::plugin::{KnownPeers, Layer};
use crate::routes::{Route, RouteId};

/// A node, as its links see it: short look-ups and notes, so that a driver can keep
/// the [`Node`](crate::Node) behind a lock that is never held across a check, a handler or a write.
///
/// `Node` implements it, and so does whatever implements [`LockNode`](crate::LockNode):
/// a handle that locks a node and calls the node's own methods.
pub trait SharedNode {
    /// What stands for a handler.
    type Handler;

    /// Where a message goes.
    fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<Self::Handler>;

    /// Takes a one-time route out, and says whether it was still there.
    fn take(&mut self, route: RouteId) -> bool;

    /// The peers at both ends of a place. Asked only where a plugin
    /// [is peer-specific](Layer::is_peer_specific).
    fn known_peers(&mut self, at: Place) -> KnownPeers;

    /// Datagrams came from these places, and are about to be handled: what is known of so many
    /// remotes that no cache of the processor has it is fetched from memory at once, and not for
    /// one after the other. Nothing changes: who hands all else on to a node may leave it out.
    fn expect(&mut self, from: &mut dyn Iterator<Item = Place>) {
        let _ = from;
    }

    /// Messages of these types and uris came over a stream, and are about to be handled: where there
    /// are so many handlers that no cache of the processor has them, those of these are fetched
    /// from memory at once. Nothing is checked yet, and nothing changes: it may be left out.
    fn expect_messages(&mut self, messages: &mut dyn Iterator<Item = (MessageType, &[u8])>) {
        let _ = messages;
    }

    /// Notes a sign of life: a message that passed the layers it had to pass.
    fn heard(&mut self, now: Now, from: Place);

    /// Handles a message that is for the node itself, and returns the answer to it.
    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply>;

    /// What a node on a datagram socket says to an address that it is to introduce itself to.
    fn introductions(&mut self) -> Vec<PeerMessage>;

    /// What a link says before it closes: that this node leaves.
    fn farewells(&mut self) -> Vec<PeerMessage>;

    /// Drops peers that have fallen silent, and returns what a node on a datagram socket
    /// is to say to its group by now, until there is nothing more.
    fn advertisement(&mut self, now: Now) -> Option<PeerMessage>;

    /// What a node on a datagram socket is to ask one address by now, until there is nothing
    /// more; after the [advertisements](Self::advertisement).
    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)>;

    /// Notes that a question was not sent.
    fn not_asked(&mut self, at: Place);

    /// Notes that an address asks to be subscribed to a key, and whether it has shown that it
    /// receives; and says whether it has to show that first: there is no room left for those
    /// who have not.
    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool;

    /// Grants the lease that a subscription of an address was asked for with, as it is
    /// confirmed; see [`Node::lease`](crate::Node::lease).
    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration>;

    /// When [`advertisement`](Self::advertisement) and [`question`](Self::question) are to be
    /// asked again, a reading of the monotonic clock.
    fn deadline(&mut self) -> Option<Duration>;

    /// Notes that a link takes no more messages: its subscriptions and its peer go.
    fn left(&mut self, place: Place);

    /// Notes that a link is closed: its place is free for another.
    fn closed(&mut self, place: Place);

    /// Notes what a link's holdings mean for the others.
    fn pressure(&mut self, pressure: Pressure);
}

/// What a node answers by itself.
#[derive(Clone, Debug)]
pub struct NodeReply {
    /// The answer.
    pub message: Message,
    /// How long it waits before it is sent, over datagrams: those of
    /// [many nodes](crate::ManagementConfig::with_jitter) must not come at once.
    pub delay: Duration,
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub enum Destination<H> {
    /// To a handler.
    Handler(Route<H>),
    /// To the node itself: it is about a peer or a subscription.
    Node {
        /// The layer that it must pass.
        inner: Layer,
    },
    /// There is no handler for it.
    Unrouted(Unrouted<H>),
}

impl<H: Clone> Destination<&H> {
    /// The same with the handler cloned.
    pub fn cloned(self) -> Destination<H> {
        self.map(H::clone)
    }
}

impl<H> Destination<H> {
    /// The same with another handler in the place of this one.
    pub fn map<T>(self, change: impl FnOnce(H) -> T) -> Destination<T> {
        match self {
            Self::Handler(Route {
                handler,
                inner,
                one_time,
            }) => Destination::Handler(Route {
                handler: change(handler),
                inner,
                one_time,
            }),
            Self::Node { inner } => Destination::Node { inner },
            Self::Unrouted(Unrouted::Handler(handler)) => {
                Destination::Unrouted(Unrouted::Handler(change(handler)))
            }
            Self::Unrouted(Unrouted::NotFound) => Destination::Unrouted(Unrouted::NotFound),
            Self::Unrouted(Unrouted::Deliver) => Destination::Unrouted(Unrouted::Deliver),
        }
    }
}

/// What becomes of a message that has no handler.
#[derive(Clone, Debug, Default)]
pub enum Unrouted<H> {
    /// The node answers as netaio's default handler does: `NOT_FOUND`, with no uri
    /// over streams and the uri `ERROR` over datagrams. Answers, notifications and
    /// what peers say of themselves get none, or two nodes could keep answering each
    /// other.
    ///
    /// Where two requests of one asker wait, such an answer names neither: it ends one
    /// only if the requests carry [correlation ids](crate::Correlation), or are alone.
    /// Else they time out. A [handler](Self::Handler) that answers with the request's uri
    /// serves askers that carry no ids.
    #[default]
    NotFound,
    /// This handler is called.
    Handler(H),
    /// The application takes it, and answers nothing: an event brings it.
    Deliver,
}

impl<H> Unrouted<H> {
    /// The same with a reference to the handler.
    pub(crate) fn as_ref(&self) -> Unrouted<&H> {
        match self {
            Self::NotFound => Unrouted::NotFound,
            Self::Handler(handler) => Unrouted::Handler(handler),
            Self::Deliver => Unrouted::Deliver,
        }
    }
}

/// What netaio's default handler answers to a message that came from a place; see
/// [`Unrouted::NotFound`].
#[must_use]
pub fn default_reply(message_type: MessageType, from: Place) -> Option<Message> {
    let uri = match from {
        Place::Link { .. } => "",
        Place::Datagram(_) => "ERROR",
    };
    message_type
        .is_request()
        .then(|| Message::not_found(uri, "not found"))
}
