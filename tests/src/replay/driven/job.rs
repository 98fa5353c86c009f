//! What the scenario asks of parties and may take its time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::world::World;

/// A future that the player polls itself, one after the other, so that commands
/// are given in the order of the scenario.
pub(super) struct Job {
    subject: String,
    future: Pin<Box<dyn Future<Output = Option<String>> + Send>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Job {
    /// A job that is about to be polled for the first time. What it returns
    /// belongs to the subject.
    pub(super) fn new(
        subject: String,
        future: impl Future<Output = Option<String>> + Send + 'static,
    ) -> Self {
        Self {
            subject,
            future: Box::pin(future),
            woken: Arc::new(Woken(AtomicBool::new(true))),
        }
    }

    pub(super) fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Acquire)
    }

    /// Polls it if it was woken, and says whether it is done.
    pub(super) fn poll(&mut self, world: &Arc<World>) -> bool {
        if !self.woken.0.swap(false, Ordering::AcqRel) {
            return false;
        }
        let waker = Waker::from(self.woken.clone());
        let future = &mut self.future;
        let polled = world.enter(|| future.as_mut().poll(&mut Context::from_waker(&waker)));
        let Poll::Ready(line) = polled else {
            return false;
        };
        if let Some(line) = line {
            world.log.write(&self.subject, line);
        }
        true
    }
}

/// The value of a future that need not wait.
pub(super) fn at_once<T>(world: &Arc<World>, future: impl Future<Output = T>) -> T {
    let polled = world.enter(|| pin!(future).poll(&mut Context::from_waker(Waker::noop())));
    match polled {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it should not wait"),
    }
}
