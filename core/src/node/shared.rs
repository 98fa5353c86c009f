//! A node, as its links see it.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Node, Transport};
use crate::budget::Pressure;
use crate::message::{Message, MessageType, types};
use crate::now::Now;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::plugin::KnownPeers;
use crate::routes::RouteId;
use crate::shared::{Destination, NodeReply, SharedNode};

impl<H: Clone> SharedNode for Node<H> {
    type Handler = H;

    fn route(&mut self, message_type: MessageType, uri: &[u8], from: Place) -> Destination<H> {
        self.routed = self.routed.saturating_add(1);
        self.routing.route(message_type, uri, from).cloned()
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.routing_mut().routes.take(route)
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        KnownPeers {
            local: self.discovery.local().cloned(),
            remote: self.discovery.peers().at(at).cloned(),
            plugin: Some(self.discovery.plugin().clone()),
        }
    }

    fn expect(&mut self, from: &mut dyn Iterator<Item = Place>) {
        self.discovery.expect(from);
    }

    fn heard(&mut self, now: Now, from: Place) {
        if self.transport == Transport::Datagrams {
            self.discovery.heard(now, from);
        }
    }

    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply> {
        let answer = match message.message_type {
            types::SUBSCRIBE_URI => Some(self.answer_subscribe(&message.uri, from)),
            types::UNSUBSCRIBE_URI => Some(self.answer_unsubscribe(&message.uri, from)),
            // The remote of a link has left already.
            _ if !self.leads_to(from) => None,
            _ => {
                let origin = self.origin(from, message);
                self.discovery.handle_from(now, from, origin, message)
            }
        };
        let message = answer?;
        let delay = self.discovery.answer_delay(&message);
        Some(NodeReply { message, delay })
    }

    fn introductions(&mut self) -> Vec<PeerMessage> {
        self.discovery.advertisements().collect()
    }

    fn farewells(&mut self) -> Vec<PeerMessage> {
        self.discovery.farewells().collect()
    }

    fn advertisement(&mut self, now: Now) -> Option<PeerMessage> {
        self.handle_timeout(now);
        self.discovery.poll_advertisement()
    }

    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)> {
        self.discovery.poll_question(now)
    }

    fn not_asked(&mut self, at: Place) {
        self.discovery.not_asked(at);
    }

    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool {
        self.asks_to_subscribe(now, at, key, receives)
    }

    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        Node::lease(self, now, key, at, asked)
    }

    fn deadline(&mut self) -> Option<Duration> {
        Node::deadline(self)
    }

    fn left(&mut self, place: Place) {
        self.forget_place(place);
    }

    fn closed(&mut self, place: Place) {
        self.forget_link(place);
    }

    fn pressure(&mut self, pressure: Pressure) {
        self.relieve(pressure);
    }
}
