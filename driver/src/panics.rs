//! Panics of what an application plugs in, plugins, clocks and loggers for example, that
//! tasks of ours call: they are caught, so that no task is just missing.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::TaskPanicked;

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

/// What the application plugged in panicked; what it panicked with is dropped.
pub(crate) struct Panicked;

/// Calls what the application plugged in: nothing comes of it where that panics. What it works on
/// may be as the panic left it.
#[inline]
pub(crate) fn attempt<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            discard(payload);
            None
        }
    }
}

/// Drops what is the application's, whose own drop may panic.
#[cold]
pub(crate) fn discard<T>(value: T) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // It might go on so.
        std::mem::forget(another);
    }
}

/// The message of a panic.
fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it says nothing").to_owned()
}
