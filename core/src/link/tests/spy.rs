//! A node between a link and its node.

use super::*;
use crate::budget::Pressure;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::plugin::KnownPeers;
use crate::routes::RouteId;
use crate::shared::{Destination, NodeReply, SharedNode};

/// A node that notes what it is asked.
pub(super) struct Spy {
    pub(super) node: Node<Handler>,
    /// Somebody else takes a one-time handler between its look-up and its taking, as
    /// another thread may.
    pub(super) contended: bool,
    /// The places whose peers it was asked for.
    pub(super) asked: Vec<Place>,
    /// The messages that it was to expect.
    pub(super) expected: Vec<(MessageType, Vec<u8>)>,
}

impl Spy {
    pub(super) fn new(node: Node<Handler>) -> Self {
        Self {
            node,
            contended: false,
            asked: Vec::new(),
            expected: Vec::new(),
        }
    }
}

impl SharedNode for Spy {
    type Handler = Handler;

    fn route(&mut self, kind: MessageType, uri: &[u8], from: Place) -> Destination<Handler> {
        self.node.route(kind, uri, from)
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.node.take(route) && !self.contended
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        self.asked.push(at);
        self.node.known_peers(at)
    }

    fn expect_messages(&mut self, messages: &mut dyn Iterator<Item = (MessageType, &[u8])>) {
        self.expected
            .extend(messages.map(|(message_type, uri)| (message_type, uri.to_vec())));
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
        self.node.left(place);
    }

    fn closed(&mut self, place: Place) {
        self.node.closed(place);
    }

    fn pressure(&mut self, pressure: Pressure) {
        self.node.pressure(pressure);
    }
}
