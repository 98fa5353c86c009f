//! What the links of one node share.

mod crowd;
mod error;
mod handlers;
mod last_route;
mod leases;
mod links;
mod lock;
mod managing;
mod member;
mod publishing;
mod receiving;
mod routing;
mod shared;
mod target;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::fmt;

pub use self::error::PeerManagementError;
pub use self::last_route::LastRoute;
pub use self::lock::LockNode;
pub use self::routing::Routing;

use self::crowd::Crowd;
use self::member::Member;
use self::receiving::Receiving;
use rand_core::CryptoRng;

use crate::budget::Budget;
use crate::config::LinkConfig;
use crate::datagram::{Lists, Publications, RefusedLists};
use crate::peers::Discovery;
use crate::place::{LinkId, Place};
use crate::plugin::DefaultPeerPlugin;
use crate::subscriptions::{Subscriptions, WildcardSubscriptions};

/// Everything that the links of one server, client or UDP node share: handlers by
/// key, what becomes of messages without one, subscriptions, peers, and the bounds
/// on all links together.
///
/// A handler is whatever the application says, of a type `H` that can be cloned: a
/// closure behind an `Arc` in the drivers, an enum in an event loop, a number in a
/// simulator. The node finds it and never calls it.
///
/// Most embedders want a [`Hub`](crate::Hub) or a [`DatagramHub`](crate::DatagramHub),
/// which holds a node and its links. Who drives links on several threads keeps the
/// node behind a lock that implements [`LockNode`].
///
/// Its methods come in four groups.
///
/// - Getters: [`config`](Self::config), [`peers`](Self::peers),
///   [`local_peer`](Self::local_peer), [`subscribers`](Self::subscribers),
///   [`links`](Self::links), [`inbound_bytes`](Self::inbound_bytes),
///   [`outbound_bytes`](Self::outbound_bytes).
/// - Inputs: [`handle_timeout`](Self::handle_timeout), and what links say through
///   [`SharedNode`](crate::SharedNode).
/// - Commands: [`on`](Self::on), [`once`](Self::once), [`remove`](Self::remove),
///   [`remove_once`](Self::remove_once), [`set_unrouted`](Self::set_unrouted),
///   [`accept`](Self::accept), [`connect`](Self::connect),
///   [`subscribe`](Self::subscribe), [`unsubscribe`](Self::unsubscribe),
///   [`lease`](Self::lease),
///   [`receivers`](Self::receivers), [`fan_out`](Self::fan_out),
///   [`manage_peers`](Self::manage_peers), [`set_local_peer`](Self::set_local_peer),
///   [`advertise`](Self::advertise), [`update_peer`](Self::update_peer),
///   [`remove_peer`](Self::remove_peer),
///   [`set_own_addresses`](Self::set_own_addresses).
/// - Outputs: [`poll_event`](Self::poll_event),
///   [`poll_displaced_subscriber`](Self::poll_displaced_subscriber),
///   [`poll_advertisement`](Self::poll_advertisement), [`poll_link`](Self::poll_link),
///   [`deadline`](Self::deadline).
///
/// ```
/// use netaio_core::types::{CREATE_URI, REQUEST_URI};
/// use netaio_core::{Layer, LinkConfig, Node, RouteError};
///
/// #[derive(Clone)]
/// enum Handler { Echo, Create }
///
/// let mut node = Node::for_streams(LinkConfig::new());
/// node.on((REQUEST_URI, "echo"), Handler::Echo, Layer::new())?;
/// node.once(CREATE_URI, Handler::Create, Layer::new())?;
/// assert!(node.remove_once(CREATE_URI).is_some());
/// # Ok::<(), RouteError>(())
/// ```
pub struct Node<H> {
    config: Arc<LinkConfig>,
    transport: Transport,
    routing: Arc<Routing<H>>,
    /// Messages that were routed since the handlers last changed.
    routed: usize,
    subscriptions: Subscriptions<Place>,
    wildcards: WildcardSubscriptions<Place>,
    receiving: Receiving,
    discovery: Discovery<Place>,
    budget: Arc<Budget>,
    publications: Arc<Publications>,
    /// Lists of subscribers that publications share.
    lists: Lists,
    /// Those that a publication was refused for.
    refused: RefusedLists,
    links: BTreeMap<LinkId, Member>,
    next_link: u64,
    crowd: Crowd,
    /// Links that are to be polled, though nothing came for them.
    to_poll: VecDeque<LinkId>,
    freed: Freed,
}

/// What other links may do that they could not before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freed {
    /// Call a handler.
    pub(crate) handlers: bool,
    /// Read.
    pub(crate) room: bool,
    /// Nothing: much memory was let go.
    pub(crate) memory: bool,
}

/// What a node's links lead over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Streams,
    Datagrams,
}

impl<H: Clone> Node<H> {
    /// A node whose links lead over streams, as those of a server or a client do.
    #[must_use]
    pub fn for_streams(config: LinkConfig) -> Self {
        Self::new(config, Transport::Streams)
    }

    /// A node on a datagram socket.
    #[must_use]
    pub fn for_datagrams(config: LinkConfig) -> Self {
        Self::new(config, Transport::Datagrams)
    }

    fn new(config: LinkConfig, transport: Transport) -> Self {
        Self {
            transport,
            routing: Arc::new(Routing::new()),
            routed: 0,
            subscriptions: Subscriptions::new(),
            wildcards: WildcardSubscriptions::new(),
            receiving: Receiving::default(),
            discovery: Discovery::new(config.wire.clone(), Arc::new(DefaultPeerPlugin)),
            budget: Arc::new(Budget::new(config.limits())),
            publications: Publications::new(config.limits()),
            lists: Lists::default(),
            refused: RefusedLists::default(),
            links: BTreeMap::new(),
            next_link: 0,
            crowd: Crowd::default(),
            to_poll: VecDeque::new(),
            freed: Freed::default(),
            config: Arc::new(config),
        }
        .with_hashes()
    }

    /// Draws the random numbers of this node, unless its configuration has them. Links made
    /// before do not know them.
    pub(crate) fn seed(&mut self, rng: &mut dyn CryptoRng) {
        if self.config.seed.is_none() {
            let config = LinkConfig::clone(&self.config).with_seed(rng);
            self.config = Arc::new(config);
            self.set_hashes();
        }
    }

    fn with_hashes(mut self) -> Self {
        self.set_hashes();
        self
    }

    fn set_hashes(&mut self) {
        let hashes = self.config.hashes();
        self.subscriptions.set_hashes(hashes);
        self.wildcards.set_hashes(hashes);
        self.discovery.set_hashes(hashes);
        if let Some(seed) = self.config.seed {
            self.discovery.set_jitter(seed.jitter());
        }
    }

    /// How its links speak.
    #[must_use]
    pub fn config(&self) -> &Arc<LinkConfig> {
        &self.config
    }
}

impl<H> fmt::Debug for Node<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("keys", &self.routing.routes.len())
            .field("links", &self.links.len())
            .field("subscriptions", &self.subscriptions.len())
            .finish_non_exhaustive()
    }
}
