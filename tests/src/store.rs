//! The resource server that both sides of the interop tests expect: what
//! `tests/python/server.py` is, on our own server.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message, MessageType};
use netaio_driver::{Connection, Content, Reply, Runtime, ServerBuilder, State, Uri};

/// A custom request, and the type that answers it.
pub const CUSTOM: (MessageType, MessageType) = (MessageType::new(40), MessageType::new(41));

#[derive(Default)]
struct Store(Mutex<BTreeMap<Bytes, Bytes>>);

impl Store {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    store.lock().insert(uri.0, content.0);
    Ok(Reply::ok("stored"))
}

async fn update(uri: Uri, content: Content, store: State<Store>) -> Result<Reply, Reply> {
    match store.lock().get_mut(&uri.0) {
        Some(stored) => *stored = content.0,
        None => return Err(not_found()),
    }
    Ok(Reply::ok("stored"))
}

fn delete(uri: Uri, store: State<Store>) -> Result<Reply, Reply> {
    let removed = store.lock().remove(&uri.0);
    removed.map(|_| Reply::ok("deleted")).ok_or_else(not_found)
}

/// Tells the publisher itself, as the only subscriber there is.
async fn publish(uri: Uri, content: Content, to: Connection) -> Reply {
    match to.send(Message::notify(uri.0, content.0)).await {
        Ok(()) => Reply::ok("1"),
        Err(error) => Reply::error(error.to_string()),
    }
}

/// Adds the store's handlers to a server: `admin` is the inner layer of create,
/// update and delete, `inner` that of REQUEST_URI `inner`.
pub fn store<R: Runtime>(server: ServerBuilder<R>, admin: Layer, inner: Layer) -> ServerBuilder<R> {
    let (custom, answer) = CUSTOM;
    server
        .state(Store::default())
        .on(
            (REQUEST_URI, "echo"),
            |content: Content| async move { content },
        )
        .on((REQUEST_URI, "inner"), |content: Content| content)
        .inner(inner)
        .on(REQUEST_URI, read)
        .on(CREATE_URI, create)
        .inner(admin.clone())
        .on(UPDATE_URI, update)
        .inner(admin.clone())
        .on(DELETE_URI, delete)
        .inner(admin)
        .on(PUBLISH_URI, publish)
        .on(custom, move |content: Content| Reply::new(answer, content))
}
