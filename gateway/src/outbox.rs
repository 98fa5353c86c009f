//! What is on its way to NATS, counted in bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a message counts besides its subject and its content: its headers, and what holds it.
pub(crate) const OVERHEAD: usize = 512;

/// The bytes that may be on their way.
pub(crate) struct Outbox {
    room: Arc<Semaphore>,
    bytes: u32,
    /// Those of messages that nobody waits for any more, and that NATS may not have yet.
    left: Arc<Mutex<Left>>,
    /// Held by who asks whether NATS has them.
    pub(crate) settling: tokio::sync::Mutex<()>,
}

type Left = Option<OwnedSemaphorePermit>;

/// A message on its way. Dropped, its bytes count until NATS has answered what was sent after it.
pub(crate) struct InFlight {
    permit: Left,
    left: Arc<Mutex<Left>>,
}

impl Outbox {
    pub(crate) fn new(bytes: u32) -> Self {
        Self {
            room: Arc::new(Semaphore::new(usize::try_from(bytes).unwrap_or(usize::MAX))),
            bytes,
            left: Arc::default(),
            settling: tokio::sync::Mutex::default(),
        }
    }

    /// Waits until there is room for so many bytes; a message that is longer than all waits until there
    /// is no other.
    pub(crate) async fn room(&self, bytes: usize) -> InFlight {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = self.room.clone();
        let permit = room.acquire_many_owned(bytes.min(self.bytes)).await;
        InFlight {
            // It is never closed.
            permit: permit.ok(),
            left: self.left.clone(),
        }
    }

    /// Whether there are messages that nobody waits for.
    pub(crate) fn has_left(&self) -> bool {
        lock(&self.left).is_some()
    }

    /// All of them: NATS has them once it has answered what is asked from now on.
    pub(crate) fn take_left(&self) -> InFlight {
        InFlight {
            permit: lock(&self.left).take(),
            left: self.left.clone(),
        }
    }
}

impl InFlight {
    /// NATS has it, or has refused it.
    pub(crate) fn arrived(mut self) {
        self.permit = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let mut left = lock(&self.left);
        match left.as_mut() {
            Some(left) => left.merge(permit),
            None => *left = Some(permit),
        }
    }
}

fn lock(left: &Mutex<Left>) -> MutexGuard<'_, Left> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_count_until_they_have_arrived() {
        let outbox = Outbox::new(100);
        let first = outbox.room(60).await;
        let second = outbox.room(40).await;
        assert_eq!(outbox.room.available_permits(), 0);
        first.arrived();
        assert_eq!(
            (outbox.room.available_permits(), outbox.has_left()),
            (60, false)
        );
        // Nobody waits for its answer any more: it may be anywhere.
        drop(second);
        drop(outbox.room(30).await);
        assert_eq!(
            (outbox.room.available_permits(), outbox.has_left()),
            (30, true)
        );
        // The question is not answered.
        drop(outbox.take_left());
        assert_eq!(
            (outbox.room.available_permits(), outbox.has_left()),
            (30, true)
        );
        outbox.take_left().arrived();
        assert_eq!(
            (outbox.room.available_permits(), outbox.has_left()),
            (100, false)
        );
        // One that is too long has all of it.
        let long = outbox.room(1_000).await;
        assert_eq!(outbox.room.available_permits(), 0);
        long.arrived();
    }
}
