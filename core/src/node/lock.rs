//! A node behind a lock.

use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use crate::budget::Pressure;
use crate::message::{Message, MessageType};
use crate::now::Now;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::plugin::KnownPeers;
use crate::routes::RouteId;
use crate::shared::{Destination, NodeReply, SharedNode};

/// A handle of a [`Node`] behind a lock: with this one method it is a [`SharedNode`],
/// and links on many threads work at once, each holding the lock for look-ups only.
///
/// ```
/// use std::sync::{Arc, Mutex, PoisonError};
///
/// use netaio_core::{LinkConfig, LockNode, Node};
///
/// #[derive(Clone)]
/// struct Shared(Arc<Mutex<Node<u32>>>);
///
/// impl LockNode for Shared {
///     type Handler = u32;
///
///     fn with<R>(&mut self, look_up: impl FnOnce(&mut Node<u32>) -> R) -> R {
///         look_up(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
///     }
/// }
///
/// let node = Node::for_streams(LinkConfig::new());
/// let mut shared = Shared(Arc::new(Mutex::new(node)));
/// assert_eq!(shared.with(|node| node.links().len()), 0);
/// ```
pub trait LockNode {
    /// What stands for a handler.
    type Handler: Clone;

    /// Locks the node, calls `look_up` with it, and unlocks it.
    fn with<R>(&mut self, look_up: impl FnOnce(&mut Node<Self::Handler>) -> R) -> R;
}

impl<L: LockNode> SharedNode for L {
    type Handler = L::Handler;

    fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<L::Handler> {
        self.with(|node| node.route(message_type, uri, from))
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.with(|node| node.take(route))
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        self.with(|node| node.known_peers(at))
    }

    fn expect(&mut self, from: &mut dyn Iterator<Item = Place>) {
        self.with(|node| node.expect(from));
    }

    fn heard(&mut self, now: Now, from: Place) {
        self.with(|node| node.heard(now, from));
    }

    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply> {
        self.with(|node| node.node_message(now, from, message))
    }

    fn introductions(&mut self) -> Vec<PeerMessage> {
        self.with(SharedNode::introductions)
    }

    fn farewells(&mut self) -> Vec<PeerMessage> {
        self.with(SharedNode::farewells)
    }

    fn advertisement(&mut self, now: Now) -> Option<PeerMessage> {
        self.with(|node| node.advertisement(now))
    }

    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)> {
        self.with(|node| node.question(now))
    }

    fn not_asked(&mut self, at: Place) {
        self.with(|node| node.not_asked(at));
    }

    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool {
        self.with(|node| node.subscriber(now, at, key, receives))
    }

    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        self.with(|node| node.lease(now, key, at, asked))
    }

    fn deadline(&mut self) -> Option<Duration> {
        self.with(SharedNode::deadline)
    }

    fn left(&mut self, place: Place) {
        self.with(|node| node.left(place));
    }

    fn closed(&mut self, place: Place) {
        self.with(|node| node.closed(place));
    }

    fn pressure(&mut self, pressure: Pressure) {
        self.with(|node| node.pressure(pressure));
    }
}
