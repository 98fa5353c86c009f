//! How many handlers run at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// A bound on the handlers that run.
pub(crate) struct Slots {
    free: AtomicUsize,
    freed: Event,
}

/// The right to run one handler, given back on drop.
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: AtomicUsize::new(count),
            freed: Event::new(),
        })
    }

    /// A slot, if one is free.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Slot> {
        let take = |free: usize| free.checked_sub(1);
        let taken = self
            .free
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take);
        taken.is_ok().then(|| Slot(self.clone()))
    }

    /// Is ready when a slot may be free.
    pub(crate) async fn wait(&self) {
        let freed = self.freed.listen();
        if self.free.load(Ordering::Acquire) == 0 {
            freed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Release);
        self.0.freed.notify(1);
    }
}
