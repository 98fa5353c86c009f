//! How many handlers run at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// A bound on the handlers that run.
///
/// A handler that is done at once takes no slot: whether one is free is looked
/// at before it is called, and one is taken where it is not done. Threads that
/// look at the same moment may pass the bound by their number.
pub(crate) struct Slots {
    taken: AtomicUsize,
    max: usize,
    freed: Event,
}

/// The place of one handler that runs, given back on drop.
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            max,
            freed: Event::new(),
        })
    }

    /// Whether a handler may be called.
    pub(crate) fn is_free(&self) -> bool {
        self.taken.load(Ordering::Acquire) < self.max
    }

    /// Takes the slot of a handler that is not done.
    pub(crate) fn take(self: &Arc<Self>) -> Slot {
        self.taken.fetch_add(1, Ordering::AcqRel);
        Slot(self.clone())
    }

    /// Is ready when a slot may be free.
    pub(crate) async fn wait(&self) {
        let freed = self.freed.listen();
        if !self.is_free() {
            freed.await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Release);
        // Additional: a waiter that was notified for another slot counts not.
        self.0.freed.notify_additional(1);
    }
}
