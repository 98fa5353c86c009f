//! Resources in memory.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use netaio_core::Change;

use super::store::{Changed, OnChange, Store, StoreError, StoreLimits};
use crate::sync::{Mutex, MutexGuard, lock};

/// Resources in memory, until it is dropped. Its futures are ready at once.
pub struct MemoryStore {
    resources: Mutex<Resources>,
    /// Held for a change and for telling of it, so that changes are told in their order. Who reads does
    /// not wait for it.
    turn: Mutex<()>,
    limits: StoreLimits,
    on_change: OnChange,
}

#[derive(Default)]
struct Resources {
    contents: HashMap<Bytes, Bytes>,
    /// What they count.
    bytes: u64,
}

impl MemoryStore {
    /// An empty store, and who is called for every change, before it is answered.
    #[must_use]
    pub fn new(limits: StoreLimits, on_change: impl Fn(Changed) + Send + Sync + 'static) -> Self {
        Self {
            resources: Mutex::default(),
            turn: Mutex::default(),
            limits,
            on_change: Box::new(on_change),
        }
    }

    /// The number of resources, and the bytes that they [count](StoreLimits::size).
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        let resources = self.lock();
        (resources.contents.len() as u64, resources.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Resources> {
        lock(&self.resources)
    }

    /// Puts a content in the place of one that counted so much.
    fn put(
        &self,
        resources: &mut Resources,
        uri: &Bytes,
        content: &Bytes,
        freed: u64,
    ) -> Result<(), StoreError> {
        let size = StoreLimits::size(uri, content);
        let bytes = resources.bytes.saturating_sub(freed).saturating_add(size);
        self.limits.check_bytes(bytes)?;
        resources.contents.insert(keep(uri), keep(content));
        resources.bytes = bytes;
        Ok(())
    }

    /// Makes a change, and tells of it.
    fn change(
        &self,
        change: Change,
        uri: Bytes,
        content: Bytes,
        make: impl FnOnce(&mut Resources, &Bytes, &Bytes) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _turn = lock(&self.turn);
        make(&mut self.lock(), &uri, &content)?;
        (self.on_change)(Changed::new(uri, content, change));
        Ok(())
    }
}

/// A copy of its own: a slice would keep the receive buffer alive.
fn keep(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

impl Store for MemoryStore {
    async fn read(&self, uri: &[u8]) -> Result<Bytes, StoreError> {
        let content = self.lock().contents.get(uri).cloned();
        content.ok_or(StoreError::NotFound)
    }

    async fn create(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        self.change(Change::Created, uri, content, |resources, uri, content| {
            if resources.contents.contains_key(uri) {
                return Err(StoreError::Exists);
            }
            self.limits.check_content(content)?;
            self.limits.check_number(resources.contents.len() as u64)?;
            self.put(resources, uri, content, 0)
        })
    }

    async fn update(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        self.change(Change::Updated, uri, content, |resources, uri, content| {
            let old = resources.contents.get(uri).ok_or(StoreError::NotFound)?;
            let freed = StoreLimits::size(uri, old);
            self.limits.check_content(content)?;
            self.put(resources, uri, content, freed)
        })
    }

    async fn delete(&self, uri: Bytes) -> Result<(), StoreError> {
        self.change(Change::Deleted, uri, Bytes::new(), |resources, uri, _| {
            let old = resources.contents.remove(uri).ok_or(StoreError::NotFound)?;
            let freed = StoreLimits::size(uri, &old);
            resources.bytes = resources.bytes.saturating_sub(freed);
            Ok(())
        })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resources, bytes) = self.usage();
        f.debug_struct("MemoryStore")
            .field("resources", &resources)
            .field("bytes", &bytes)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::{Arc, mpsc};
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What a future is at once.
    fn now<T>(future: impl Future<Output = T>) -> T {
        let Poll::Ready(output) = pin!(future).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits");
        };
        output
    }

    fn store(limits: StoreLimits) -> (MemoryStore, mpsc::Receiver<Changed>) {
        let (tell, told) = mpsc::channel();
        let tell = Arc::new(std::sync::Mutex::new(tell));
        let on_change = move |changed| tell.lock().unwrap().send(changed).unwrap();
        (MemoryStore::new(limits, on_change), told)
    }

    #[test]
    fn changes_are_answered_and_told_in_their_order() {
        let (store, told) = store(StoreLimits::default());
        let (uri, other) = (Bytes::from_static(b""), Bytes::from_static(b"\0\xff"));
        let one = Bytes::from_static(b"1");
        assert_eq!(now(store.read(&uri)), Err(StoreError::NotFound));
        assert_eq!(
            now(store.update(uri.clone(), one.clone())),
            Err(StoreError::NotFound)
        );
        assert_eq!(now(store.delete(uri.clone())), Err(StoreError::NotFound));
        assert_eq!(now(store.create(uri.clone(), one.clone())), Ok(()));
        assert_eq!(
            now(store.create(uri.clone(), other.clone())),
            Err(StoreError::Exists)
        );
        assert_eq!(now(store.read(&uri)), Ok(one.clone()));
        assert_eq!(now(store.update(uri.clone(), other.clone())), Ok(()));
        assert_eq!(now(store.create(other.clone(), one.clone())), Ok(()));
        assert_eq!(store.usage(), (2, 256 + 2 + 256 + 3));
        assert_eq!(now(store.delete(uri.clone())), Ok(()));
        assert_eq!(now(store.delete(other.clone())), Ok(()));
        assert_eq!(store.usage(), (0, 0));
        drop(store);
        let told: Vec<_> = told.iter().collect();
        assert_eq!(
            told,
            [
                Changed::new(uri.clone(), one.clone(), Change::Created),
                Changed::new(uri.clone(), other.clone(), Change::Updated),
                Changed::new(other.clone(), one, Change::Created),
                Changed::new(uri, Bytes::new(), Change::Deleted),
                Changed::new(other, Bytes::new(), Change::Deleted),
            ]
        );
    }

    #[test]
    fn what_is_past_a_limit_changes_nothing() {
        let limits = StoreLimits {
            resources: 2,
            bytes: 1000,
            content: 400,
        };
        let (store, told) = store(limits);
        let uri = |name: &'static str| Bytes::from_static(name.as_bytes());
        let content = |len| Bytes::from(vec![b'x'; len]);
        let too_long = StoreError::TooLong { len: 401, max: 400 };
        assert_eq!(now(store.create(uri("a"), content(401))), Err(too_long));
        assert_eq!(now(store.create(uri("a"), content(400))), Ok(()));
        let full = Err(StoreError::Full(1000));
        assert_eq!(now(store.create(uri("b"), content(87))), full);
        assert_eq!(now(store.create(uri("b"), content(86))), Ok(()));
        assert_eq!(now(store.update(uri("b"), content(87))), full);
        assert_eq!(
            now(store.create(uri("c"), content(0))),
            Err(StoreError::TooMany(2))
        );
        assert_eq!(now(store.update(uri("a"), content(0))), Ok(()));
        assert_eq!(now(store.update(uri("b"), content(400))), Ok(()));
        drop(store);
        assert_eq!(told.iter().count(), 4);
    }
}
