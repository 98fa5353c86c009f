//! What servers, clients and nodes are made of, while they are built.

mod options;

use std::sync::Arc;
use std::time::Duration;

use netaio_core::parts::PARTS_URI;
use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_core::{
    KeyExtractor, Layer, LinkConfig, ManagementConfig, Message, Node, Peer, RouteError, Unrouted,
    Wire, default_reply, types,
};

pub(crate) use self::options::{
    answering_options, common_options, connection_options, peer_options,
};

use crate::bounded_queue::Bounds;
use crate::context::{Context, sleep_until};
use crate::error::BuildError;
use crate::handler::{AnyHandler, AnyMiddleware, Request};
use crate::logging::{self, limited};
use crate::parts::Parts;
use crate::random::Seed;
use crate::registrations::{Registration, Registrations};
use crate::runtime::{Keepalive, Runtime};
use crate::service::{Deliver, Service, WeakService};
use crate::sources::Sources;
use crate::states::States;
use crate::subscriptions::Subscriptions;

/// The options of a server, a client or a node while it is built.
pub(crate) struct Setup {
    pub(crate) config: LinkConfig,
    pub(crate) wire: Wire,
    pub(crate) states: States,
    pub(crate) keys: Option<KeyExtractor>,
    pub(crate) concurrent_handlers: Option<usize>,
    pub(crate) sources: Sources,
    pub(crate) log_interval: Duration,
    pub(crate) event_bounds: Bounds,
    /// Of TCP connections.
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) unrouted: Unrouted<AnyHandler>,
    /// The local peer, and how peers are packed.
    pub(crate) local_peer: Option<Peer>,
    pub(crate) peer_plugin: Arc<dyn PeerPlugin>,
    /// The app ids whose peers are managed from the start.
    pub(crate) management: Vec<ManagementConfig>,
    /// Times are measured.
    pub(crate) measured: bool,
    /// Whether parts are taken.
    pub(crate) long_requests: bool,
    pub(crate) routes: Registrations,
    /// Around all handlers, the innermost first.
    pub(crate) middleware: Vec<AnyMiddleware>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            config: LinkConfig::new(),
            wire: Wire::default(),
            states: States::default(),
            keys: None,
            concurrent_handlers: None,
            sources: Sources::default(),
            log_interval: logging::INTERVAL,
            event_bounds: Bounds::default(),
            keepalive: Some(Keepalive::new()),
            unrouted: Unrouted::NotFound,
            local_peer: None,
            peer_plugin: Arc::new(DefaultPeerPlugin),
            management: Vec::new(),
            measured: false,
            long_requests: false,
            routes: Registrations::default(),
            middleware: Vec::new(),
        }
    }

    /// The subscriptions, which handles find among the values that handlers share.
    pub(crate) fn subscriptions(&mut self) -> Arc<Subscriptions> {
        self.states.insert(Subscriptions::default());
        // It is there.
        self.states.get().unwrap_or_default()
    }

    /// That of a client of a server with this configuration, without its outer layer.
    #[cfg(feature = "testing")]
    pub(crate) fn asking(server: &Context) -> Self {
        let config = LinkConfig::clone(&server.config).with_outer(Layer::new());
        Self {
            wire: Wire::clone(&config.wire),
            config,
            sources: server.sources.clone(),
            ..Self::new()
        }
    }

    pub(crate) fn set_outer(&mut self, change: impl FnOnce(Layer) -> Layer) {
        self.config.outer = change(std::mem::take(&mut self.config.outer));
    }

    /// The service of a server or a client. `deliver` takes the messages that have no
    /// handler, where the application does.
    pub(crate) fn for_streams<R: Runtime>(
        self,
        deliver: Option<Arc<dyn Deliver>>,
    ) -> Result<Arc<Service>, BuildError> {
        let middleware = self.middleware.clone();
        let (context, node) = self.finish::<R>(Node::for_streams)?;
        Ok(Service::for_streams(context, node, middleware, deliver))
    }

    /// The service of a UDP node.
    pub(crate) fn for_datagrams<R: Runtime>(self) -> Result<Arc<Service>, BuildError> {
        let middleware = self.middleware.clone();
        let (context, node) = self.finish::<R>(Node::for_datagrams)?;
        Ok(Service::for_datagrams(context, node, middleware))
    }

    /// The node that has the handlers, made by `make`, and its context.
    fn finish<R: Runtime>(
        mut self,
        make: fn(LinkConfig) -> Node<AnyHandler>,
    ) -> Result<(Arc<Context>, Node<AnyHandler>), BuildError> {
        let routes = std::mem::take(&mut self.routes).finish()?;
        let wrap = |handler| {
            let around = |handler, middleware: &AnyMiddleware| middleware.wrap(handler);
            self.middleware.iter().fold(handler, around)
        };
        if let Some(max) = self.concurrent_handlers {
            self.wire.limits = self.wire.limits.with_handlers_per_connection(max)?;
        }
        self.config.wire = Arc::new(self.wire);
        let seed = self.sources.seeds.draw().map_err(BuildError::Randomness)?;
        self.config = self.config.with_seed(&mut *seed.generator(Seed::NODE));
        self.config
            .outer
            .check_secrets()
            .map_err(BuildError::Outer)?;
        self.config
            .check_inner(&Layer::new())
            .map_err(BuildError::Correlation)?;
        let mut node = make(self.config).with_peer_plugin(self.peer_plugin);
        node.set_unrouted(match self.unrouted {
            Unrouted::Handler(handler) => Unrouted::Handler(wrap(handler)),
            Unrouted::NotFound if !self.middleware.is_empty() => {
                Unrouted::Handler(wrap(AnyHandler::new(not_found)))
            }
            unrouted => unrouted,
        });
        if let Some(keys) = self.keys {
            node.set_key_extractor(keys);
        }
        if let Some(local) = self.local_peer {
            // Nothing is managed yet, and so it is taken as it is.
            let _ = node.set_local_peer(local);
        }
        for Registration {
            key,
            handler,
            inner,
            once,
        } in routes
        {
            let name = format!("{key:?}");
            let handler = wrap(handler);
            let replaced = match once {
                false => node.on(key, handler, inner),
                true => node.once(key, handler, inner),
            };
            replaced.map_err(|error| match error {
                RouteError::Layer(source) => BuildError::Layer { key: name, source },
                error => BuildError::Key(error),
            })?;
        }
        let config = node.config().clone();
        let (mut states, sources) = (self.states, self.sources);
        if self.long_requests {
            states.insert(WeakService::default());
            let parts = AnyHandler::new(Parts::new(node.long_inbox()));
            // Without a layer of its own nothing clashes.
            let _ = node.on((types::REQUEST_URI, PARTS_URI), parts, Layer::new());
        }
        let context = Context::new(
            config,
            states,
            sources,
            self.log_interval,
            self.event_bounds,
            (sleep_until::<R>, R::spawn),
            self.measured,
        );
        let now = context.time().now();
        for config in self.management {
            node.manage_peers(now, config)?;
        }
        Ok((context, node))
    }
}

/// What is answered where there is no handler but middleware.
fn not_found(request: Request) -> Option<Message> {
    let (logs, remote) = (request.remote.logs(), request.remote.addr());
    let message_type = request.message.message_type;
    let uri = crate::logging::Shown(&request.message.uri);
    limited!(logs, DEBUG, "a message has no handler", @remote, %message_type, %uri);
    default_reply(message_type, request.remote.place())
}
