//! No order of events leaves a woken handler unpolled.

use std::future::poll_fn;

use loom::future::block_on;
use loom::thread;

use super::tests::calls;
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

    fn handler(self: Arc<Self>) -> BoxFuture<Option<Message>> {
        Box::pin(poll_fn(move |context| {
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
        for (signal, call) in signals.iter().zip(calls(2)) {
            running.insert(signal.clone().handler(), call);
        }
        let threads = signals.map(|signal| thread::spawn(move || signal.give()));
        while !running.is_empty() {
            block_on(poll_fn(|context| running.poll(context)));
            while running.pop_done().is_some() {}
        }
        join(threads);
    });
}

#[test]
fn a_place_that_is_used_again_is_woken_for_its_new_handler() {
    check(|| {
        let mut running = Running::default();
        let [first, second] = [(); 2].map(|()| Arc::<Signal>::default());
        let mut calls = calls(2).into_iter();
        let mut insert = |running: &mut Running, signal: &Arc<Signal>| {
            let call = calls.next().unwrap();
            running.insert(signal.clone().handler(), call);
        };
        insert(&mut running, &first);
        // The second time it wakes, perhaps, one that is not its own.
        let other = {
            let (first, second) = (first, second.clone());
            thread::spawn(move || {
                first.give();
                second.give();
                first.waker.wake();
            })
        };
        block_on(poll_fn(|context| running.poll(context)));
        assert!(running.pop_done().is_some());
        insert(&mut running, &second);
        while !running.is_empty() {
            block_on(poll_fn(|context| running.poll(context)));
            while running.pop_done().is_some() {}
        }
        other.join().unwrap();
    });
}
