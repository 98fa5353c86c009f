//! Resources in memory, and the handlers that work on them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_driver::{Content, Reply, State, Uri};

use super::Shared;

/// The content of each uri. Clients decide what is in it, so it is bounded.
#[derive(Default)]
pub(super) struct Store(Mutex<Resources>);

#[derive(Default)]
struct Resources {
    contents: HashMap<Bytes, Bytes>,
    /// Uris and contents together, in bytes.
    size: usize,
}

impl Store {
    /// The most uris.
    const MAX_URIS: usize = 65_536;
    /// The most bytes of uris and contents together.
    const MAX_SIZE: usize = 256 * 1024 * 1024;

    fn lock(&self) -> MutexGuard<'_, Resources> {
        // The resources are consistent between two statements: poison does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resources {
    /// Makes room for a change of size, or returns why there is none.
    fn grow(&mut self, uris: usize, by: usize, freed: usize) -> Result<(), Reply> {
        let size = self.size.saturating_add(by).saturating_sub(freed);
        if size > Store::MAX_SIZE || self.contents.len().saturating_add(uris) > Store::MAX_URIS {
            return Err(Reply::error("the store is full"));
        }
        self.size = size;
        Ok(())
    }
}

fn not_found() -> Reply {
    Reply::not_found("not found")
}

/// A copy of its own: a slice would keep the receive buffer alive.
fn keep(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn read(uri: Uri, shared: State<Arc<Shared>>) -> Result<Bytes, Reply> {
    let resources = shared.store.lock();
    let content = resources.contents.get(&uri.0).cloned();
    content.ok_or_else(not_found)
}

pub(super) fn create(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<Reply, Reply> {
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        if resources.contents.contains_key(&uri.0) {
            return Err(Reply::error("cannot overwrite"));
        }
        resources.grow(1, uri.len().saturating_add(content.len()), 0)?;
        resources.contents.insert(keep(&uri), keep(&content));
    }
    turn.tell(&uri, content.0);
    Ok(Reply::ok("stored"))
}

pub(super) fn update(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<Reply, Reply> {
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        let old = resources.contents.get(&uri.0).ok_or_else(not_found)?.len();
        resources.grow(0, content.len(), old)?;
        resources.contents.insert(keep(&uri), keep(&content));
    }
    turn.tell(&uri, content.0);
    Ok(Reply::ok("stored"))
}

pub(super) fn delete(uri: Uri, shared: State<Arc<Shared>>) -> Result<Reply, Reply> {
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        let Entry::Occupied(entry) = resources.contents.entry(uri.0.clone()) else {
            return Err(not_found());
        };
        let (uri, content) = entry.remove_entry();
        let freed = uri.len().saturating_add(content.len());
        resources.size = resources.size.saturating_sub(freed);
    }
    turn.tell(&uri, Bytes::new());
    Ok(Reply::ok("deleted"))
}
