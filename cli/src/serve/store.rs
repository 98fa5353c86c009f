//! Resources in memory, and the handlers that work on them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_core::Change;
use netaio_driver::{Content, Reply, State, Uri};

use super::Shared;

/// The content of each uri. Clients decide what is in it, so it is bounded.
pub(super) struct Store {
    resources: Mutex<Resources>,
    /// The most uris.
    max_resources: usize,
    /// The most bytes that they take.
    max_bytes: usize,
}

#[derive(Default)]
struct Resources {
    contents: HashMap<Bytes, Bytes>,
    /// What they take, in bytes.
    size: usize,
}

impl Store {
    /// Bytes that a resource takes besides its uri and its content: an entry of a table
    /// that is half empty, two allocations, and two counters of references.
    const RESOURCE: usize = 256;

    /// An empty store.
    pub(super) fn new(max_resources: usize, max_bytes: usize) -> Self {
        Self {
            resources: Mutex::default(),
            max_resources,
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Resources> {
        // The resources are consistent between two statements: poison does not matter.
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for one resource more, or returns why there is none.
    fn check_number(&self, resources: &Resources) -> Result<(), Reply> {
        let max = self.max_resources;
        match resources.contents.len() < max {
            true => Ok(()),
            false => Err(full(format_args!("{max} resources (--max-resources)"))),
        }
    }

    /// Makes room for a change of size, or returns why there is none.
    fn resize(&self, resources: &mut Resources, by: usize, freed: usize) -> Result<(), Reply> {
        let max = self.max_bytes;
        let size = resources.size.saturating_add(by).saturating_sub(freed);
        if size > max {
            return Err(full(format_args!("{max} bytes (--max-bytes)")));
        }
        resources.size = size;
        Ok(())
    }
}

/// The answer where a limit is reached.
fn full(limit: std::fmt::Arguments<'_>) -> Reply {
    Reply::error(format!("the store is full: at most {limit}"))
}

/// Bytes that a resource takes.
fn size(uri: &[u8], content: &[u8]) -> usize {
    let texts = uri.len().saturating_add(content.len());
    texts.saturating_add(Store::RESOURCE)
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

pub(super) async fn create(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<Reply, Reply> {
    shared.news.wait_for_room(&uri).await;
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        if resources.contents.contains_key(&uri.0) {
            return Err(Reply::error("cannot overwrite"));
        }
        shared.store.check_number(&resources)?;
        shared
            .store
            .resize(&mut resources, size(&uri, &content), 0)?;
        resources.contents.insert(keep(&uri), keep(&content));
    }
    turn.tell(&uri, content.0, Change::Created);
    Ok(Reply::ok("stored"))
}

pub(super) async fn update(
    uri: Uri,
    content: Content,
    shared: State<Arc<Shared>>,
) -> Result<Reply, Reply> {
    shared.news.wait_for_room(&uri).await;
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        let old = resources.contents.get(&uri.0).ok_or_else(not_found)?.len();
        shared.store.resize(&mut resources, content.len(), old)?;
        resources.contents.insert(keep(&uri), keep(&content));
    }
    turn.tell(&uri, content.0, Change::Updated);
    Ok(Reply::ok("stored"))
}

pub(super) async fn delete(uri: Uri, shared: State<Arc<Shared>>) -> Result<Reply, Reply> {
    shared.news.wait_for_room(&uri).await;
    let turn = shared.news.turn();
    {
        let mut resources = shared.store.lock();
        let Entry::Occupied(entry) = resources.contents.entry(uri.0.clone()) else {
            return Err(not_found());
        };
        let (uri, content) = entry.remove_entry();
        let freed = size(&uri, &content);
        resources.size = resources.size.saturating_sub(freed);
    }
    turn.tell(&uri, Bytes::new(), Change::Deleted);
    Ok(Reply::ok("deleted"))
}
