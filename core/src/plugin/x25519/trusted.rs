//! Keys that were trusted on first use.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Public keys by the ids of their peers, up to a number of them. Clones share them.
#[derive(Clone)]
pub(super) struct Trusted {
    max: usize,
    keys: Arc<Mutex<BTreeMap<Vec<u8>, [u8; 32]>>>,
}

/// No other peer can be trusted.
pub(super) struct Full;

impl Trusted {
    pub(super) fn new(max: usize) -> Self {
        let keys = Arc::default();
        Self { max, keys }
    }

    /// The key of a peer, if it was used before.
    pub(super) fn get(&self, id: &[u8]) -> Result<Option<[u8; 32]>, Full> {
        let keys = self.lock();
        match keys.get(id) {
            None if keys.len() >= self.max => Err(Full),
            known => Ok(known.copied()),
        }
    }

    /// Trusts the key unless there is one for the peer, or no room.
    pub(super) fn used(&self, id: &[u8], key: [u8; 32]) {
        let mut keys = self.lock();
        if keys.len() < self.max && !keys.contains_key(id) {
            keys.insert(id.into(), key);
        }
    }

    pub(super) fn forget(&self, id: &[u8]) -> bool {
        self.lock().remove(id).is_some()
    }

    pub(super) fn all(&self) -> Vec<(Vec<u8>, [u8; 32])> {
        let keys = self.lock();
        keys.iter().map(|(id, key)| (id.clone(), *key)).collect()
    }

    // No panic leaves a map half changed.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, [u8; 32]>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
