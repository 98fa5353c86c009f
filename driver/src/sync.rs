//! The locks, counters and wakers of what is of our own design here: under
//! `--cfg loom` those of a model checker, which tries every order of events.

#[cfg(not(loom))]
pub(crate) use atomic_waker::AtomicWaker;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
#[cfg(loom)]
pub(crate) use model::AtomicWaker;

/// Locks. What is locked is consistent between two statements, and so it does not matter
/// whether the lock is poisoned.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(loom)]
pub(crate) mod model {
    use std::task::Waker;

    /// The checker's waker under the other's names.
    #[derive(Debug)]
    pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

    impl AtomicWaker {
        pub(crate) fn new() -> Self {
            Self(loom::future::AtomicWaker::new())
        }

        pub(crate) fn register(&self, waker: &Waker) {
            self.0.register_by_ref(waker);
        }

        pub(crate) fn wake(&self) {
            self.0.wake();
        }
    }

    impl Default for AtomicWaker {
        fn default() -> Self {
            Self::new()
        }
    }

    /// Runs a program in every order that takes a thread's turn away twice at most,
    /// or as often as `LOOM_MAX_PREEMPTIONS` says: more takes long and hardly finds
    /// anything.
    #[cfg(test)]
    pub(crate) fn check(program: impl Fn() + Send + Sync + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound.get_or_insert(2);
        model.check(program);
    }

    /// What the threads have to say, when they are done.
    #[cfg(test)]
    pub(crate) fn join<T, const N: usize>(threads: [loom::thread::JoinHandle<T>; N]) -> [T; N] {
        threads.map(|thread| thread.join().expect("it does not panic"))
    }
}
