//! No order of events leaves a woken handler unpolled.

use std::future::poll_fn;

use loom::future::block_on;
use loom::thread;

use super::*;
use crate::sync::model::{check, join};

/// What a handler waits for.
#[derive(Default)]
struct Signal {
    given: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    fn give(&self) {
        self.given.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn handler(self: Arc<Self>) -> HandlerFuture {
        Spares::default().place(poll_fn(move |context| {
            self.waker.register(context.waker());
            match self.given.load(Ordering::Acquire) {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        }))
    }
}

#[test]
fn every_handler_that_is_woken_ends() {
    check(|| {
        let mut running = Running::default();
        let signals = [(); 2].map(|()| Arc::<Signal>::default());
        for (call, signal) in signals.iter().enumerate() {
            running.insert(signal.clone().handler(), call);
        }
        let threads = signals.map(|signal| thread::spawn(move || signal.give()));
        while !running.is_empty() {
            block_on(poll_fn(|context| running.poll(context)));
            while running.pop_completed().is_some() {}
        }
        join(threads);
    });
}

#[test]
fn a_slot_that_is_used_again_is_woken_for_its_next_handler() {
    check(|| {
        let mut running = Running::default();
        let [first, second] = [(); 2].map(|()| Arc::<Signal>::default());
        running.insert(first.clone().handler(), 1);
        // The second time, `first` may wake the handler that has its slot by then.
        let other = {
            let (first, second) = (first, second.clone());
            thread::spawn(move || {
                first.give();
                second.give();
                first.waker.wake();
            })
        };
        block_on(poll_fn(|context| running.poll(context)));
        assert!(running.pop_completed().is_some());
        running.insert(second.clone().handler(), 2);
        while !running.is_empty() {
            block_on(poll_fn(|context| running.poll(context)));
            while running.pop_completed().is_some() {}
        }
        other.join().unwrap();
    });
}
