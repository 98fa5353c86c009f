//! A node, and what its link wanted of it.

use std::time::Duration;

use netaio_core::plugin::KnownPeers;
use netaio_core::{
    Destination, Message, MessageType, Node, NodeReply, Now, PeerMessage, Place, Pressure, RouteId,
    SharedNode, Unrouted,
};

use crate::traffic::{Handler, asks};

/// A node whose link is watched.
pub(super) struct Watched {
    pub(super) node: Node<Handler>,
    /// A message had no handler that somebody waits for, or that nobody did.
    pub(super) unrouted: bool,
    /// How often the link took its leave, and how often it closed.
    pub(super) left: usize,
    pub(super) closed: usize,
}

impl Watched {
    pub(super) fn new(node: Node<Handler>) -> Self {
        Self {
            node,
            unrouted: false,
            left: 0,
            closed: 0,
        }
    }
}

impl SharedNode for Watched {
    type Handler = Handler;

    fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<Handler> {
        // What came before the end of the stream is handled, though its peer is gone.
        assert_eq!(self.closed, 0, "routed behind the end");
        let destination = self.node.route(message_type, uri, from);
        if let Destination::Unrouted(unrouted) = &destination {
            let answered = matches!(unrouted, Unrouted::Handler(_)) && asks(message_type);
            let matters = asks(message_type) || message_type.is_answer();
            self.unrouted |= matters && !answered;
        }
        destination
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.node.take(route)
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        self.node.known_peers(at)
    }

    fn heard(&mut self, now: Now, from: Place) {
        self.node.heard(now, from);
    }

    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply> {
        self.node.node_message(now, from, message)
    }

    fn introductions(&mut self) -> Vec<PeerMessage> {
        self.node.introductions()
    }

    fn farewells(&mut self) -> Vec<PeerMessage> {
        self.node.farewells()
    }

    fn advertisement(&mut self, now: Now) -> Option<PeerMessage> {
        self.node.advertisement(now)
    }

    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)> {
        self.node.question(now)
    }

    fn not_asked(&mut self, at: Place) {
        self.node.not_asked(at);
    }

    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool {
        self.node.subscriber(now, at, key, receives)
    }

    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        self.node.lease(now, key, at, asked)
    }

    fn deadline(&mut self) -> Option<Duration> {
        SharedNode::deadline(&mut self.node)
    }

    fn left(&mut self, place: Place) {
        self.left += 1;
        self.node.left(place);
    }

    fn closed(&mut self, place: Place) {
        self.closed += 1;
        self.node.closed(place);
    }

    fn pressure(&mut self, pressure: Pressure) {
        self.node.pressure(pressure);
    }
}
