//! Handlers that go on, in memory that is used again.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use netaio_core::Message;

use super::places::{Answering, Place, Slot};
use super::reply::IntoReply;
use super::request::Request;
use super::{Completion, Outcome};
use crate::panics::{Panicked, attempt, discard};

/// A handler that goes on: it completes with the reply, if there is one. Polled, it panics where a
/// future does that was [placed](Spares::place).
pub struct HandlerFuture(Box<dyn Slot>);

/// The memory of handlers that have completed, for the next ones of the same kind: as long
/// as a connection has one, calling a handler allocates nothing.
#[derive(Default)]
pub struct Spares {
    kept: Vec<HandlerFuture>,
    /// Whoever calls the handler awaits it at once, and polls it by that.
    is_awaited: bool,
}

impl Spares {
    /// Kept for the next calls: of those that run side by side, and of several kinds.
    const KEEP: usize = 4;

    /// Of a call that is awaited at once: were it polled before, a handler behind others would be
    /// polled once more by each of them.
    pub(super) fn awaited() -> Self {
        Self {
            kept: Vec::new(),
            is_awaited: true,
        }
    }

    /// A future on the heap, in the place of one that has completed if there is one that fits. Of a
    /// handler's [`begin`](Self::begin) is: one that is ready at once needs no more, and what
    /// waits for it is answered with the request's uri.
    #[inline]
    pub fn place<F>(&mut self, future: F) -> HandlerFuture
    where
        F: Future<Output = Option<Message>> + Send + 'static,
    {
        let mut place = self.vacant::<Place<F>>();
        if let Some(place) = place.of::<Place<F>>() {
            // Handed to nobody on the way: each time it would be copied.
            place.0.set(Some(future));
        }
        place
    }

    /// The outcome of a handler that has returned a future: it is polled at once, and most are
    /// ready then; behind middleware that is done by what awaits it. One that goes on takes the
    /// request with it, and has to be polled again, whether or not anything wakes.
    ///
    /// # Panics
    /// The future does, or its reply. Who calls handlers catches that.
    #[inline]
    pub fn begin<F>(&mut self, future: F, request: &mut Option<Request>) -> Outcome
    where
        F: Future<Output: IntoReply> + Send + 'static,
    {
        let mut place = self.vacant::<Answering<F>>();
        let polled = match place.of::<Answering<F>>() {
            Some(place) if self.is_awaited => place.put(future, request),
            Some(place) => place.begin(future, request),
            None => Poll::Ready(None),
        };
        match polled {
            Poll::Ready(answer) => {
                self.keep(place);
                Outcome::Done(answer)
            }
            Poll::Pending => Outcome::Running(place),
        }
    }

    /// A place of one kind, which was another's before if there is one.
    #[inline]
    fn vacant<S: Slot + Default>(&mut self) -> HandlerFuture {
        let mut spares = self.kept.iter_mut();
        let spare = spares.position(|spare| spare.of::<S>().is_some());
        match spare {
            Some(index) => self.kept.swap_remove(index),
            None => HandlerFuture(Box::new(S::default())),
        }
    }

    /// Keeps the memory of one that has completed.
    pub(crate) fn keep(&mut self, completed: HandlerFuture) {
        if self.kept.len() < Self::KEEP {
            self.kept.push(completed);
        }
    }

    /// Frees all of it: a connection that waits has none.
    pub(crate) fn clear(&mut self) {
        if !self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }
}

impl HandlerFuture {
    /// Its place, if that is of this kind.
    #[inline]
    fn of<S: Slot>(&mut self) -> Option<&mut S> {
        (&mut *self.0 as &mut dyn Any).downcast_mut()
    }

    /// As its `poll`, for whoever answers for its panic. It must not be polled after that.
    pub(crate) fn poll_caught(&mut self, context: &mut Context<'_>) -> Poll<Completion> {
        match attempt(|| self.0.poll(context)) {
            Some(polled) => polled.map(Ok),
            None => Poll::Ready(Err(Panicked)),
        }
    }

    /// As [`poll_caught`](Self::poll_caught), until it completes.
    pub(crate) async fn caught(mut self) -> Completion {
        let completed = poll_fn(|context| self.poll_caught(context)).await;
        if completed.is_err() {
            discard(self);
        }
        completed
    }
}

impl Future for HandlerFuture {
    type Output = Option<Message>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll(context)
    }
}

impl fmt::Debug for HandlerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFuture")
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spares").field(&self.kept.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn poll(future: &mut HandlerFuture) -> Poll<Option<Message>> {
        Pin::new(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    async fn holding(captured: Arc<()>) -> Option<Message> {
        drop(captured);
        None
    }

    /// Where it is in memory.
    fn address(future: &HandlerFuture) -> *const () {
        (&raw const *future.0).cast()
    }

    #[test]
    fn the_place_of_one_that_has_completed_is_used_again() {
        let mut spares = Spares::default();
        let mut first = spares.place(holding(Arc::default()));
        assert!(poll(&mut first).is_ready());
        let place = address(&first);
        spares.keep(first);
        let other = spares.place(async { None });
        assert!(address(&other) != place && spares.kept.len() == 1);
        let mut second = spares.place(holding(Arc::default()));
        assert!(address(&second) == place && spares.kept.is_empty());
        assert!(poll(&mut second).is_ready());
    }

    #[test]
    fn what_a_future_holds_goes_when_it_completes() {
        let (mut spares, captured) = (Spares::default(), Arc::new(()));
        let mut future = spares.place(holding(captured.clone()));
        assert_eq!(Arc::strong_count(&captured), 2);
        assert!(poll(&mut future).is_ready());
        spares.keep(future);
        assert_eq!(Arc::strong_count(&captured), 1);
    }

    #[test]
    fn no_more_are_kept_than_few() {
        let mut spares = Spares::default();
        for _ in 0..2 * Spares::KEEP {
            let future = Spares::default().place(async { None });
            spares.keep(future);
        }
        assert_eq!(spares.kept.len(), Spares::KEEP);
        spares.clear();
        assert!(spares.kept.is_empty());
    }
}
