//! What links share.

use core::fmt;

use crate::events::Inbound;
use crate::link::Router;
use crate::message::{Message, MessageType, types};
use crate::plugin::Layer;
use crate::routes::{Key, KeyExtractor, Route, RouteId, Routes};

/// The handlers of a server, a client or a UDP node.
///
/// A handler is whatever the application says, of a type `H` that can be
/// cloned: a closure behind an `Arc` in the drivers, an enum in an event loop,
/// a number in a simulator. The node finds it and never calls it.
///
/// ```
/// use netaio_core::types::{CREATE_URI, REQUEST_URI};
/// use netaio_core::{Layer, Node};
///
/// #[derive(Clone)]
/// enum Handler { Echo, Create }
///
/// let mut node = Node::new();
/// node.on((REQUEST_URI, "echo"), Handler::Echo, Layer::new());
/// node.once(CREATE_URI, Handler::Create, Layer::new());
/// assert!(node.remove_once(CREATE_URI).is_some());
/// ```
pub struct Node<H> {
    routes: Routes<H>,
    extract: Option<KeyExtractor>,
}

impl<H: Clone> Default for Node<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Clone> Node<H> {
    /// A node without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            routes: Routes::new(),
            extract: None,
        }
    }

    /// Replaces netaio's keys of a message, `(type, uri, address)`,
    /// `(type, uri)` and `type`, by those that a function makes. The first key
    /// that has a handler wins, so the most specific comes first.
    pub fn set_key_extractor(&mut self, extract: KeyExtractor) {
        self.extract = Some(extract);
    }

    /// Registers a handler for a key, and returns the one it replaces.
    /// Messages must pass `inner` to reach it, and its replies are sealed with
    /// it.
    pub fn on(&mut self, key: impl Into<Key>, handler: H, inner: Layer) -> Option<H> {
        self.routes.set(key.into(), handler, inner)
    }

    /// Registers a handler for one message, and returns the one-time handler it
    /// replaces. It goes before the permanent one of the same key.
    pub fn once(&mut self, key: impl Into<Key>, handler: H, inner: Layer) -> Option<H> {
        self.routes.set_once(key.into(), handler, inner)
    }

    /// Removes the handler of a key.
    pub fn remove(&mut self, key: impl Into<Key>) -> Option<H> {
        self.routes.remove(&key.into())
    }

    /// Removes the one-time handler of a key.
    pub fn remove_once(&mut self, key: impl Into<Key>) -> Option<H> {
        self.routes.remove_once(&key.into())
    }

    /// What netaio's default handler answers to a message that has no handler:
    /// `NOT_FOUND` with no uri. Answers, notifications and what peers say of
    /// themselves get none, or two nodes could keep answering each other.
    #[must_use]
    pub fn default_answer(message_type: MessageType) -> Option<Message> {
        asks(message_type).then(|| Message::not_found("", "not found"))
    }

    /// The same on a datagram socket, where netaio's answer has the uri `ERROR`.
    #[must_use]
    pub fn default_datagram_answer(message_type: MessageType) -> Option<Message> {
        asks(message_type).then(|| Message::not_found("ERROR", "not found"))
    }
}

/// Whether the sender of such a message waits for an answer.
fn asks(message_type: MessageType) -> bool {
    message_type == types::REQUEST_URI
        || (types::CREATE_URI..=types::PUBLISH_URI).contains(&message_type)
        || message_type.value() >= MessageType::FIRST_CUSTOM
}

impl<H: Clone> Router for Node<H> {
    type Handler = H;

    fn route(&mut self, inbound: &Inbound) -> Option<Route<H>> {
        match &self.extract {
            None => self
                .routes
                .find(inbound.message_type(), inbound.uri(), inbound.remote()),
            Some(extract) => {
                let keys = extract(inbound.message_type(), inbound.uri(), inbound.remote());
                keys.iter().find_map(|key| self.routes.get(key))
            }
        }
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.routes.take(route)
    }
}

impl<H> fmt::Debug for Node<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("keys", &self.routes.len())
            .finish_non_exhaustive()
    }
}
