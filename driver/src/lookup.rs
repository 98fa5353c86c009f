//! Handlers that are looked up beside the lock of the node.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::plugin::KnownPeers;
use netaio_core::{
    Destination, LastRoute, Message, MessageType, NodeReply, Now, PeerMessage, Place, Pressure,
    RouteId, Routing, SharedNode,
};

use crate::handler::AnyHandler;
use crate::service::Service;

/// The handlers as one connection saw them last.
#[derive(Default)]
pub(crate) struct Lookup {
    routing: Option<Arc<Routing<AnyHandler>>>,
    /// Turns until they are asked for again.
    pause: u32,
}

impl Lookup {
    /// Turns of look-ups behind the lock after a change: where handlers change all the time,
    /// each change would copy them for those who have them.
    const PAUSE: u32 = 32;

    /// The handlers for one turn, if they can be had.
    pub(crate) fn turn(&mut self, service: &Service) -> Option<Arc<Routing<AnyHandler>>> {
        match &self.routing {
            Some(routing) if !routing.is_stale() => return Some(routing.clone()),
            Some(_) => {
                self.routing = None;
                self.pause = Self::PAUSE;
            }
            None if self.pause > 0 => self.pause = self.pause.saturating_sub(1),
            None => {
                self.routing = service.node().routing();
                self.pause = Self::PAUSE;
            }
        }
        self.routing.clone()
    }
}

/// A handler that was found.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// In the handlers of the turn.
    Seen(&'a AnyHandler),
    /// Behind the lock.
    Own(AnyHandler),
}

impl Deref for Found<'_> {
    type Target = AnyHandler;

    fn deref(&self) -> &AnyHandler {
        match self {
            Self::Seen(handler) => handler,
            Self::Own(handler) => handler,
        }
    }
}

/// A service, and its handlers beside its lock.
pub(crate) struct View<'s, 'r> {
    pub(crate) service: &'s Service,
    pub(crate) routes: &'s mut Option<LastRoute<'r, AnyHandler>>,
}

impl<'r> SharedNode for View<'_, 'r> {
    type Handler = Found<'r>;

    // As LastRoute::route.
    #[inline(always)]
    fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<Found<'r>> {
        match self
            .routes
            .as_mut()
            .filter(|routes| !routes.routing().is_stale())
        {
            Some(routes) => routes.route(message_type, uri, from).map(Found::Seen),
            None => self.service.route(message_type, uri, from).map(Found::Own),
        }
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.service.take(route)
    }

    fn known_peers(&mut self, at: Place) -> KnownPeers {
        self.service.known_peers(at)
    }

    fn expect(&mut self, from: &mut dyn Iterator<Item = Place>) {
        self.service.expect(from);
    }

    #[inline]
    fn expect_messages(&mut self, messages: &mut dyn Iterator<Item = (MessageType, &[u8])>) {
        if let Some(routes) = &self.routes {
            routes.routing().expect(messages, AnyHandler::touch);
        }
    }

    #[inline]
    fn heard(&mut self, now: Now, from: Place) {
        self.service.heard(now, from);
    }

    fn node_message(&mut self, now: Now, from: Place, message: &Message) -> Option<NodeReply> {
        self.service.node_message(now, from, message)
    }

    fn introductions(&mut self) -> Vec<PeerMessage> {
        self.service.introductions()
    }

    fn farewells(&mut self) -> Vec<PeerMessage> {
        self.service.farewells()
    }

    fn advertisement(&mut self, now: Now) -> Option<PeerMessage> {
        self.service.advertisement(now)
    }

    fn question(&mut self, now: Now) -> Option<(Place, PeerMessage)> {
        self.service.question(now)
    }

    fn not_asked(&mut self, at: Place) {
        self.service.not_asked(at);
    }

    fn subscriber(&mut self, now: Now, at: Place, key: &[u8], receives: bool) -> bool {
        self.service.subscriber(now, at, key, receives)
    }

    fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        at: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        self.service.lease(now, key, at, asked)
    }

    fn deadline(&mut self) -> Option<Duration> {
        SharedNode::deadline(&mut self.service)
    }

    fn left(&mut self, place: Place) {
        self.service.left(place);
    }

    fn closed(&mut self, place: Place) {
        SharedNode::closed(&mut self.service, place);
    }

    fn pressure(&mut self, pressure: Pressure) {
        self.service.pressure(pressure);
    }
}
