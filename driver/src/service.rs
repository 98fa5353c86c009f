//! What the connections of one server or client share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netaio_core::{
    Inbound, Key, Layer, LinkConfig, Message, Node, Route, RouteId, Router, SealError,
};

use crate::handler::{AnyHandler, Handler, States};
use crate::slots::Slots;

/// Handlers and configuration, shared by connections.
pub(crate) struct Service {
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) states: Arc<States>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) unrouted: Unrouted,
    node: Mutex<Node<AnyHandler>>,
}

/// What happens to a message that has no handler.
pub(crate) enum Unrouted {
    /// netaio's default handler answers.
    NotFound,
    /// A default handler of the application's own.
    Handler(AnyHandler),
    /// The application takes it.
    Deliver(Box<dyn Fn(Message, crate::Connection) + Send + Sync>),
}

impl Service {
    pub(crate) fn new(
        config: LinkConfig,
        states: States,
        node: Node<AnyHandler>,
        unrouted: Unrouted,
    ) -> Self {
        Self {
            slots: Slots::new(config.wire.limits.handlers()),
            config: Arc::new(config),
            states: Arc::new(states),
            unrouted,
            node: Mutex::new(node),
        }
    }

    /// Registers a handler while connections are served.
    pub(crate) fn add<M: 'static>(
        &self,
        key: Key,
        handler: impl Handler<M>,
        inner: Layer,
        once: bool,
    ) -> Result<(), SealError> {
        self.config.check_inner(&inner)?;
        let handler = AnyHandler::new(handler);
        let mut node = self.node();
        let _replaced = match once {
            false => node.on(key, handler, inner),
            true => node.once(key, handler, inner),
        };
        Ok(())
    }

    /// Removes a handler, and says whether there was one.
    pub(crate) fn remove(&self, key: Key, once: bool) -> bool {
        match once {
            false => self.node().remove(key).is_some(),
            true => self.node().remove_once(key).is_some(),
        }
    }

    fn node(&self) -> MutexGuard<'_, Node<AnyHandler>> {
        // A node is whole between two calls: poison says nothing about it.
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node behind its lock, which is held for a look-up and nothing else.
impl Router for &Service {
    type Handler = AnyHandler;

    fn route(&mut self, inbound: &Inbound) -> Option<Route<AnyHandler>> {
        self.node().route(inbound)
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.node().take(route)
    }
}
