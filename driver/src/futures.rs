//! Combinators of futures.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use event_listener::Event;
use pin_project_lite::pin_project;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// Two futures, of which the first to be ready counts. An async function would
    /// hold each of them twice, and idle connections hold a tree of races.
    pub(crate) struct Race<A, B> {
        second_goes_first: bool,
        #[pin]
        first: A,
        #[pin]
        second: B,
    }
}

impl<T, A: Future<Output = T>, B: Future<Output = T>> Future for Race<A, B> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let race = self.project();
        if *race.second_goes_first {
            return match race.second.poll(context) {
                Poll::Pending => race.first.poll(context),
                ready => ready,
            };
        }
        match race.first.poll(context) {
            Poll::Pending => race.second.poll(context),
            ready => ready,
        }
    }
}

/// Whichever is ready first; the first one, where both are.
pub(crate) fn race<T, A, B>(first: A, second: B) -> Race<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    race_from(false, first, second)
}

/// Whichever is ready first. Where both are, `second_goes_first` decides.
pub(crate) fn race_from<T, A, B>(second_goes_first: bool, first: A, second: B) -> Race<A, B>
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    Race {
        second_goes_first,
        first,
        second,
    }
}

/// Yields to the other tasks that are ready.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until `check` returns a value. It is called at first, and whenever the event is
/// notified. Cancel-safe.
pub(crate) async fn wait_for<T>(event: &Event, check: impl Fn() -> Option<T>) -> T {
    loop {
        // Before the check, so that no notification after it is missed.
        let notified = event.listen();
        if let Some(value) = check() {
            return value;
        }
        notified.await;
    }
}
