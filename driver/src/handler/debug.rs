//! Why a function is no handler.

use std::future::Future;

use super::extract::FromRequest;
use super::reply::IntoReply;

/// Any function of up to eight arguments, whatever they are: for [`debug_handler`] and
/// [`debug_async_handler`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function that could handle messages",
    label = "not a `Fn` of up to eight arguments",
    note = "a handler may be called many times and by several threads: it is `Fn`, not `FnMut` or `FnOnce`, and the types of its arguments are written out"
)]
pub trait AnyFunction<Arguments> {
    /// What it returns.
    type Output;
}

/// Arguments that can all be extracted from a message: a tuple of [`FromRequest`].
#[diagnostic::on_unimplemented(message = "`{Self}` are no arguments of a netaio handler")]
pub trait Extractors {}

macro_rules! functions {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> AnyFunction<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R,
        {
            type Output = R;
        }

        impl<$($argument: FromRequest),*> Extractors for ($($argument,)*) {}
    };
}

functions!();
functions!(A1);
functions!(A1 A2);
functions!(A1 A2 A3);
functions!(A1 A2 A3 A4);
functions!(A1 A2 A3 A4 A5);
functions!(A1 A2 A3 A4 A5 A6);
functions!(A1 A2 A3 A4 A5 A6 A7);
functions!(A1 A2 A3 A4 A5 A6 A7 A8);

/// Returns a handler as it is. Where the compiler says of a function no more than that it is
/// no [`Handler`](crate::Handler), put this around it: each condition is asked for by
/// itself, and the one that does not hold is named. For one that returns a future
/// [`debug_async_handler`] is.
///
/// ```
/// use netaio_driver::{Content, Handler, debug_handler};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(debug_handler(|content: Content| content));
/// ```
///
/// ```compile_fail
/// # use netaio_driver::debug_handler;
/// // error: `u64` cannot be extracted from a message
/// debug_handler(|number: u64| "never");
/// ```
pub const fn debug_handler<Arguments, F>(handler: F) -> F
where
    F: AnyFunction<Arguments>,
    Arguments: Extractors,
    F::Output: IntoReply,
    F: Send + Sync + 'static,
{
    handler
}

/// As [`debug_handler`], for an async handler: its future has to be `Send`, and to complete with
/// a reply.
///
/// ```
/// use netaio_driver::{Content, Handler, debug_async_handler};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(debug_async_handler(|content: Content| async { content }));
/// ```
pub const fn debug_async_handler<Arguments, F, T>(handler: F) -> F
where
    F: AnyFunction<Arguments, Output = T>,
    Arguments: Extractors,
    T: Future + Send + 'static,
    T::Output: IntoReply,
    F: Send + Sync + 'static,
{
    handler
}
