//! How many handlers run at the same time.

use std::sync::Arc;

use event_listener::Event;

use crate::sync::{AtomicUsize, Ordering};

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
    pub(crate) async fn wait(self: &Arc<Self>) -> Turn {
        let freed = self.freed.listen();
        if !self.is_free() {
            freed.await;
        }
        Turn(self.clone())
    }
}

/// One's turn to take a slot, for which one has waited. It goes to the next who
/// waits if it is dropped and there is a slot still.
pub(crate) struct Turn(Arc<Slots>);

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.is_free() {
            self.0.freed.notify_additional(1);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn whoever_takes_no_slot_lets_the_next_one_in() {
        let slots = Slots::new(1);
        let taken = slots.take();
        let (mut first, mut second) = (pin!(slots.wait()), pin!(slots.wait()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(taken);
        let Poll::Ready(turn) = first.as_mut().poll(&mut context) else {
            panic!("there is a slot");
        };
        assert!(second.as_mut().poll(&mut context).is_pending());
        // Its handler was done at once, say, or its connection has ended.
        drop(turn);
        let Poll::Ready(turn) = second.as_mut().poll(&mut context) else {
            panic!("there is a slot still");
        };
        let taken = slots.take();
        let mut third = pin!(slots.wait());
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(turn);
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(taken);
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model {
    use loom::future::block_on;
    use loom::thread;

    use super::*;
    use crate::sync::model::{check, join};

    #[test]
    fn whoever_waits_for_a_slot_gets_it() {
        check(|| {
            let slots = Slots::new(1);
            let taken = slots.take();
            let waiting = [(); 2].map(|()| {
                let slots = slots.clone();
                thread::spawn(move || {
                    let turn = block_on(slots.wait());
                    let taken = slots.take();
                    drop(turn);
                    drop(taken);
                })
            });
            drop(taken);
            join(waiting);
            assert!(slots.is_free());
        });
    }

    #[test]
    fn a_turn_that_is_not_used_is_the_next_ones() {
        check(|| {
            let slots = Slots::new(1);
            let taken = slots.take();
            let waiting = [(); 2].map(|()| {
                let slots = slots.clone();
                thread::spawn(move || drop(block_on(slots.wait())))
            });
            drop(taken);
            join(waiting);
        });
    }
}
