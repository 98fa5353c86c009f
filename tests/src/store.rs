//! The resource server that both sides of the interop tests expect: what
//! `tests/python/store.py` is, on our own server and node.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message, MessageType};
use netaio_driver::{
    Content, Publisher, Remote, Reply, Runtime, ServerBuilder, State, UdpNodeBuilder, Uri,
};

/// A custom request, and the type that answers it.
pub const CUSTOM: (MessageType, MessageType) = (MessageType::new(40), MessageType::new(41));

/// A custom request that nobody handles.
pub const UNKNOWN: MessageType = MessageType::new(42);

#[derive(Default)]
struct Store(Mutex<BTreeMap<Bytes, Bytes>>);

impl Store {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy: what came is a slice of a receive buffer, which it would keep alive.
fn kept(slice: &Bytes) -> Bytes {
    Bytes::copy_from_slice(slice)
}

fn not_found() -> Reply {
    Reply::not_found("not found")
}

fn read(uri: Uri, store: State<Store>) -> Result<Bytes, Reply> {
    store.lock().get(&uri.0).cloned().ok_or_else(not_found)
}

async fn create(uri: Uri, content: Content, store: State<Store>) -> Result<Reply, Reply> {
    if store.lock().contains_key(&uri.0) {
        return Err(Reply::error("cannot overwrite"));
    }
    store.lock().insert(kept(&uri.0), kept(&content.0));
    Ok(Reply::ok("stored"))
}

async fn update(uri: Uri, content: Content, store: State<Store>) -> Result<Reply, Reply> {
    match store.lock().get_mut(&uri.0) {
        Some(stored) => *stored = kept(&content.0),
        None => return Err(not_found()),
    }
    Ok(Reply::ok("stored"))
}

fn delete(uri: Uri, store: State<Store>) -> Result<Reply, Reply> {
    let removed = store.lock().remove(&uri.0);
    removed.map(|_| Reply::ok("deleted")).ok_or_else(not_found)
}

fn subscribe(uri: Uri, who: Remote, publisher: Publisher) -> Result<&'static str, Reply> {
    let subscribed = publisher.subscribe(uri.0, who);
    subscribed
        .map(|_| "")
        .map_err(|error| Reply::error(error.to_string()))
}

fn unsubscribe(uri: Uri, who: Remote, publisher: Publisher) -> &'static str {
    publisher.unsubscribe(uri.0, who);
    ""
}

/// Sends the content on, and answers with the number of subscribers.
fn publish(uri: Uri, content: Content, publisher: Publisher) -> Reply {
    let news = Message::notify(uri.0.clone(), content.0);
    match publisher.notify(uri.0, &news) {
        Ok(delivery) => Reply::ok(delivery.accepted().to_string()),
        Err(error) => Reply::error(error.to_string()),
    }
}

macro_rules! store {
    ($builder:expr, $admin:expr, $inner:expr) => {
        $builder
            .state(Store::default())
            .on(
                (REQUEST_URI, "echo"),
                |content: Content| async move { content },
            )
            .on((REQUEST_URI, "inner"), |content: Content| content)
            .inner($inner)
            .on(REQUEST_URI, read)
            .on(CREATE_URI, create)
            .inner($admin.clone())
            .on(UPDATE_URI, update)
            .inner($admin.clone())
            .on(DELETE_URI, delete)
            .inner($admin)
            .on(SUBSCRIBE_URI, subscribe)
            .on(UNSUBSCRIBE_URI, unsubscribe)
            .on(PUBLISH_URI, publish)
            .on(CUSTOM.0, |content: Content| Reply::new(CUSTOM.1, content))
    };
}

/// Adds the store's handlers to a server: `admin` is the inner layer of create,
/// update and delete, `inner` that of REQUEST_URI `inner`.
pub fn store<R: Runtime>(server: ServerBuilder<R>, admin: Layer, inner: Layer) -> ServerBuilder<R> {
    store!(server, admin, inner)
}

/// As [`store`], for a node.
pub fn node_store<R: Runtime>(
    node: UdpNodeBuilder<R>,
    admin: Layer,
    inner: Layer,
) -> UdpNodeBuilder<R> {
    store!(node, admin, inner)
}
