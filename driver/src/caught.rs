//! Futures whose panics are caught, so that no task is just missing.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::TaskPanicked;
use crate::panics::{discard, text};

pin_project! {
    /// A future whose panic is its result. It must not be polled after that.
    pub(crate) struct Caught<F> {
        #[pin]
        future: F,
    }
}

/// Catches the panic of a future. What it works on may be as the panic left it.
pub(crate) fn caught<F: Future>(future: F) -> Caught<F> {
    Caught { future }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, TaskPanicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => {
                let what = text(&*payload);
                discard(payload);
                Poll::Ready(Err(TaskPanicked { what }))
            }
        }
    }
}
