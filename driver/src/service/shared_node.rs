//! The node as its links ask it.

use std::time::Duration;

use netaio_core::plugin::KnownPeers;
use netaio_core::{
    Destination, Message, MessageType, NodeReply, Now, PeerMessage, Place, Pressure, RouteId,
    SharedNode, Unrouted,
};

use super::Service;
use crate::handler::AnyHandler;

impl SharedNode for &Service {
    type Handler = AnyHandler;

    fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<AnyHandler> {
        let destination = self.node().route(message_type, uri, from);
        match (&destination, from, &self.subscriptions) {
            // Over streams what has no handler is delivered anyway.
            (Destination::Unrouted(_), Place::Datagram(from), Some(subscriptions))
                if subscriptions.wants(from, (message_type, uri)) =>
            {
                Destination::Unrouted(Unrouted::Deliver)
            }
            _ => destination,
        }
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.node().take(route)
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        self.node().known_peers(at)
    }

    fn expect(&mut self, from: &mut dyn Iterator<Item = Place>) {
        self.node().expect(from);
    }

    #[inline]
    fn heard(&mut self, now: Now, from: Place) {
        // Over streams no peer times out, and all links would contend for the lock.
        if self.datagrams {
            self.node().heard(now, from);
        }
    }

    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply> {
        self.change(|node| node.node_message(now, from, message))
    }

    fn introductions(&mut self) -> Vec<PeerMessage> {
        self.node().introductions()
    }

    fn farewells(&mut self) -> Vec<PeerMessage> {
        self.node().farewells()
    }

    fn advertisement(&mut self, now: Now) -> Option<PeerMessage> {
        self.change(|node| node.advertisement(now))
    }

    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)> {
        self.node().question(now)
    }

    fn not_asked(&mut self, at: Place) {
        self.node().not_asked(at);
    }

    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool {
        self.node().subscriber(now, at, key, receives)
    }

    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        self.node().lease(now, key, at, asked)
    }

    fn deadline(&mut self) -> Option<Duration> {
        SharedNode::deadline(&mut *self.node())
    }

    fn left(&mut self, place: Place) {
        self.change(|node| node.left(place));
    }

    fn closed(&mut self, place: Place) {
        self.change(|node| node.closed(place));
    }

    fn pressure(&mut self, pressure: Pressure) {
        if pressure.inbound || pressure.outbound || pressure.released {
            self.change(|node| node.pressure(pressure));
        }
        if pressure.room {
            self.freed.notify(usize::MAX);
        } else if pressure.handlers > 0 {
            self.freed.notify_additional(pressure.handlers);
        }
    }
}
