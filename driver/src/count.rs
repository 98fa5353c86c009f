//! Counters that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of what has happened.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        // It stays at its end rather than to begin anew: a remote may say any number.
        let add = |count: u64| Some(count.saturating_add(more));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
