//! The core's node behind a lock, which the links of one server, client or node share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use event_listener::{Event, EventListener};
use netaio_core::plugin::KnownPeers;
use netaio_core::{
    Destination, Key, LinkId, ManagementConfig, Message, MessageType, Node, NodeReply, Now,
    PeerManagementError, PeerMessage, Place, Pressure, RouteError, RouteId, SharedNode, Unrouted,
};

use crate::connection::Connection;
use crate::context::{Context, FindPeer, PeerAt};
use crate::events::Listeners;
use crate::futures::wait_for;
use crate::handler::{AnyHandler, AnyMiddleware, Handler, RouteOptions};
use crate::heap;
use crate::logging::limited;
use crate::peer_events::{PeerEvent, PeerEvents};
use crate::states::States;
use crate::subscriptions::Subscriptions;
use crate::sync::{Mutex, MutexGuard, lock};

/// The node, its owner, and the listeners for its events.
///
/// The lock is held for a look-up or a change, never across a check, a handler or a
/// write.
pub(crate) struct Service {
    pub(crate) context: Arc<Context>,
    node: Mutex<Node<AnyHandler>>,
    /// Whether its links lead over datagrams.
    datagrams: bool,
    /// Around all handlers, the innermost first.
    pub(crate) middleware: Vec<AnyMiddleware>,
    deliver: Option<Arc<dyn Deliver>>,
    /// Those over datagrams.
    subscriptions: Option<Arc<Subscriptions>>,
    peer_events: Listeners<PeerEvent>,
    owner: OnceLock<Weak<dyn Owner>>,
    /// Notified when links that wait for the budget may go on.
    freed: Event,
    is_closed: AtomicBool,
    /// Notified when it is closed.
    closed: Event,
}

/// Takes messages that have no handler.
pub(crate) trait Deliver: Send + Sync {
    /// Takes one, however many wait.
    fn deliver(&self, message: Message, connection: &Connection);

    /// Whether the next one is to wait: connections are to be paused.
    fn is_full(&self) -> bool;

    /// Is notified when it is full no more. Whether it is is asked once more after this.
    fn room(&self) -> EventListener;
}

/// The owner of a service: a server, a client, a UDP node.
pub(crate) trait Owner: Send + Sync {
    /// The task of this link has to poll it: another link has changed what it may do.
    fn wake(&self, link: LinkId);

    /// An advertisement is due, or a deadline has changed.
    fn peers_changed(&self);
}

/// A service where a handler of the driver's own finds it, among the values that handlers share.
#[derive(Default)]
pub(crate) struct WeakService(OnceLock<Weak<Service>>);

impl WeakService {
    pub(crate) fn of(states: &States) -> Option<Arc<Service>> {
        states.get::<Self>()?.0.get()?.upgrade()
    }
}

impl Service {
    pub(crate) fn for_streams(
        context: Arc<Context>,
        node: Node<AnyHandler>,
        middleware: Vec<AnyMiddleware>,
        deliver: Option<Arc<dyn Deliver>>,
    ) -> Arc<Self> {
        Self::new(context, node, middleware, deliver, false)
    }

    pub(crate) fn for_datagrams(
        context: Arc<Context>,
        node: Node<AnyHandler>,
        middleware: Vec<AnyMiddleware>,
    ) -> Arc<Self> {
        Self::new(context, node, middleware, None, true)
    }

    fn new(
        context: Arc<Context>,
        node: Node<AnyHandler>,
        middleware: Vec<AnyMiddleware>,
        deliver: Option<Arc<dyn Deliver>>,
        datagrams: bool,
    ) -> Arc<Self> {
        let service = Arc::new(Self {
            node: Mutex::new(node),
            datagrams,
            middleware,
            deliver,
            subscriptions: context.states.get().filter(|_| datagrams),
            peer_events: Listeners::new(context.event_bounds),
            context,
            owner: OnceLock::new(),
            freed: Event::new(),
            is_closed: AtomicBool::new(false),
            closed: Event::new(),
        });
        let peers: Weak<dyn FindPeer> = Arc::downgrade(&(service.clone() as Arc<dyn FindPeer>));
        service.context.set_peers(peers);
        if let Some(weak) = service.context.states.get::<WeakService>() {
            let _ = weak.0.set(Arc::downgrade(&service));
        }
        service
    }

    /// Sets the owner, once.
    pub(crate) fn set_owner(&self, owner: Weak<dyn Owner>) {
        let _ = self.owner.set(owner);
    }

    /// The node, for a look-up.
    pub(crate) fn node(&self) -> MutexGuard<'_, Node<AnyHandler>> {
        lock(&self.node)
    }

    /// Changes the node, hands its events to the listeners, and wakes the tasks of links
    /// that have to be polled.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Node<AnyHandler>) -> T) -> T {
        let mut node = self.node();
        let result = change(&mut node);
        // Under the lock, so that events are in the order of the changes.
        while let Some(event) = node.poll_event() {
            let time = self.context.time();
            let lost = self
                .peer_events
                .emit_if(|| PeerEvent::from_core(&event, time));
            limited!(self.context.logs, DEBUG, "peer", ?event);
            if let netaio_core::PeerEvent::DuplicateId { id, known, other } = &event {
                let (id, other) = (format_args!("{id:x}"), other.address());
                let known = known.and_then(|place| place.address());
                limited!(
                    self.context.logs,
                    WARN,
                    "two nodes have one id",
                    %id,
                    ?known,
                    ?other
                );
            }
            if lost > 0 {
                limited!(
                    self.context.logs,
                    WARN,
                    "an event about peers was dropped: a listener is slow"
                );
            }
        }
        self.wake(node);
        result
    }

    /// Events of peers that listeners lost.
    pub(crate) fn lost_peer_events(&self) -> u64 {
        self.peer_events.lost()
    }

    /// Wakes the tasks of links that have to be polled.
    pub(crate) fn wake_links(&self) {
        self.wake(self.node());
    }

    fn wake(&self, mut node: MutexGuard<'_, Node<AnyHandler>>) {
        let links: Vec<_> = std::iter::from_fn(|| node.poll_link()).collect();
        let (freed, released) = (node.take_freed(), node.take_released());
        drop(node);
        if released {
            heap::give_back();
        }
        if freed {
            self.freed.notify(usize::MAX);
        }
        if !links.is_empty()
            && let Some(owner) = self.owner()
        {
            links.into_iter().for_each(|link| owner.wake(link));
        }
    }

    /// Lets the owner check what is due.
    pub(crate) fn peers_changed(&self) {
        if let Some(owner) = self.owner() {
            owner.peers_changed();
        }
    }

    fn owner(&self) -> Option<Arc<dyn Owner>> {
        self.owner.get()?.upgrade()
    }

    /// Registers a handler while links are served.
    pub(crate) fn add<M: 'static>(
        &self,
        key: Key,
        handler: impl Handler<M>,
        options: RouteOptions,
        once: bool,
    ) -> Result<(), RouteError> {
        let RouteOptions {
            inner,
            calls,
            middleware,
        } = options;
        let mut handler = AnyHandler::new(handler);
        if let Some(calls) = calls {
            handler.set_options(calls);
        }
        handler.set_key(&key);
        if let Some(middleware) = middleware {
            handler = middleware.wrap(handler);
        }
        for middleware in &self.middleware {
            handler = middleware.wrap(handler);
        }
        let mut node = self.node();
        let replaced = match once {
            false => node.on(key, handler, inner),
            true => node.once(key, handler, inner),
        };
        drop(node);
        // Not under the lock: dropping what it captured may call this service.
        replaced.map(drop)
    }

    /// Removes a handler, and returns whether there was one.
    pub(crate) fn remove(&self, key: Key, once: bool) -> bool {
        let removed = match once {
            false => self.node().remove(key),
            true => self.node().remove_once(key),
        };
        removed.is_some()
    }

    /// What takes messages that have no handler, where the application does.
    pub(crate) fn deliver(&self) -> Option<&dyn Deliver> {
        self.deliver.as_deref()
    }

    /// Manages peers for an app id from now on.
    pub(crate) fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        let now = self.context.time().now();
        self.change(|node| node.manage_peers(now, config))?;
        self.peers_changed();
        Ok(())
    }

    /// Stops managing the peers of an app id, and returns the farewell.
    pub(crate) fn stop_peer_management(&self, app_id: &[u8]) -> Option<PeerMessage> {
        self.change(|node| node.stop_peer_management(app_id))
    }

    pub(crate) fn peer_events(&self) -> PeerEvents {
        // Under the lock: a stream begins between two changes.
        let _node = self.node();
        self.peer_events.listen()
    }

    /// Ends the streams of events about peers, and handlers that are tasks of their own.
    pub(crate) fn close(&self) {
        self.peer_events.close();
        self.is_closed.store(true, Ordering::Release);
        self.closed.notify(usize::MAX);
    }

    /// Is ready once it is closed.
    pub(crate) async fn has_closed(&self) {
        let is_closed = || self.is_closed.load(Ordering::Acquire);
        wait_for(&self.closed, || is_closed().then_some(())).await;
    }

    /// Listens for other links that release some of the budget. For each handler that
    /// completes, one of those that wait is woken, and passes its turn on.
    pub(crate) fn freed(self: &Arc<Self>) -> Freed {
        Freed {
            listener: self.freed.listen(),
            service: self.clone(),
        }
    }
}

impl FindPeer for Service {
    fn peer_at(&self, place: Place) -> Option<PeerAt> {
        let node = self.node();
        let peers = node.peers();
        let peer = peers.at(place)?;
        Some(PeerAt {
            peer: peer.clone(),
            is_vouched: peers.is_vouched(place),
        })
    }
}

/// Waits until other links release some of the budget, from when it was made.
pub(crate) struct Freed {
    listener: EventListener,
    service: Arc<Service>,
}

impl Freed {
    pub(crate) async fn wait(self) -> Turn {
        self.listener.await;
        Turn(self.service)
    }
}

/// The turn of a link that waited for the budget. On drop, the next one that waits is
/// woken if there is room for one more handler.
pub(crate) struct Turn(Arc<Service>);

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.node().may_call() {
            self.0.freed.notify_additional(1);
        }
    }
}

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
