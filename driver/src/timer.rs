//! The timer of a task.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::clock::Time;
use crate::futures::BoxFuture;
use crate::runtime::Runtime;

/// The timer of a task, which is set to a deadline or not.
pub(crate) struct Timer<R> {
    /// A reading of the monotonic clock; the last one there is where it is not set.
    at: Duration,
    /// Once it was waited for: most of what has a deadline comes before.
    sleep: Option<BoxFuture<()>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Default for Timer<R> {
    fn default() -> Self {
        Self {
            at: Duration::MAX,
            sleep: None,
            runtime: PhantomData,
        }
    }
}

impl<R: Runtime> Timer<R> {
    /// Sets the timer, or sets it no more. Where it is waited for already and the deadline has
    /// moved later, it fires once for nothing, which costs less than setting it for every message.
    pub(crate) fn set(&mut self, deadline: Option<Duration>) {
        let deadline = deadline.unwrap_or(Duration::MAX);
        if self.sleep.is_none() || deadline < self.at {
            self.at = deadline;
            self.sleep = None;
        }
    }

    /// Waits until the timer fires; forever if it is not set. Cancel-safe.
    pub(crate) async fn fire(&mut self, time: &Time) {
        poll_fn(|context| self.poll(context, time)).await;
    }

    /// Is ready when the timer fires.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, time: &Time) -> Poll<()> {
        if self.at == Duration::MAX {
            return Poll::Pending;
        }
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(R::sleep_until(time.instant(self.at))));
        ready!(sleep.as_mut().poll(context));
        *self = Self::default();
        Poll::Ready(())
    }
}
