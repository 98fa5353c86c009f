//! The turns of links that wait for what others hold.

use std::sync::Arc;

use event_listener::EventListener;

use super::Service;

impl Service {
    /// Listens for other links that release some of the budget. For each handler that
    /// completes, one of those that wait is woken, and passes its turn on.
    pub(crate) fn freed(self: &Arc<Self>) -> Freed {
        Freed {
            listener: self.freed.listen(),
            service: self.clone(),
        }
    }
}

/// Waits until other links release some of the budget, from when it was made.
pub(crate) struct Freed {
    listener: EventListener,
    service: Arc<Service>,
}

impl Freed {
    pub(crate) async fn wait(self) -> Turn {
        self.listener.await;
        Turn(self.service)
    }
}

/// The turn of a link that waited for the budget. On drop, the next one that waits is
/// woken if there is room for one more handler.
pub(crate) struct Turn(Arc<Service>);

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.node().may_call() {
            self.0.freed.notify_additional(1);
        }
    }
}
