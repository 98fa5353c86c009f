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
    /// With the deadline, a reading of the monotonic clock.
    sleep: Option<(Duration, BoxFuture<()>)>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Default for Timer<R> {
    fn default() -> Self {
        Self {
            sleep: None,
            runtime: PhantomData,
        }
    }
}

impl<R: Runtime> Timer<R> {
    /// Sets the timer if `deadline` is earlier than what it is set to. If the deadline has
    /// moved later, the timer fires once for nothing, which costs less than setting it
    /// for every message.
    pub(crate) fn set(&mut self, deadline: Duration, time: &Time) {
        if self.sleep.as_ref().is_none_or(|(at, _)| deadline < *at) {
            let sleep = R::sleep_until(time.instant(deadline));
            self.sleep = Some((deadline, Box::pin(sleep)));
        }
    }

    /// Waits until the timer fires; forever if it is not set. Cancel-safe.
    pub(crate) async fn fire(&mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    /// Is ready when the timer fires.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((_, sleep)) = &mut self.sleep else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(context));
        self.sleep = None;
        Poll::Ready(())
    }
}
