//! Panics of what an application plugs in, plugins, clocks and loggers for example, that
//! tasks of ours call.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
pub(crate) fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it says nothing").to_owned()
}
