//! The room for what NATS has sent and waits here, counted in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::Message as NatsMessage;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::outbox::OVERHEAD;

/// The bytes of all messages that may wait here.
pub(crate) struct InboxRoom {
    free: Arc<Semaphore>,
    /// How many messages found no room so far.
    refused: AtomicU64,
}

impl InboxRoom {
    pub(crate) fn new(bytes: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(usize::try_from(bytes).unwrap_or(usize::MAX))),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Room for a message; `None` if there is none.
    pub(crate) fn take(&self, message: &NatsMessage) -> Option<OwnedSemaphorePermit> {
        let bytes = message.length.saturating_add(OVERHEAD);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        match self.free.clone().try_acquire_many_owned(bytes) {
            Ok(permit) => Some(permit),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}
