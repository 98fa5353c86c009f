//! The timer of a task.

use std::future::pending;
use std::marker::PhantomData;
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
        match &mut self.sleep {
            Some((_, sleep)) => sleep.await,
            None => pending().await,
        }
        self.sleep = None;
    }
}
