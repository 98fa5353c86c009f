//! Functions as handlers.

mod body_stream;
mod debug;
mod extension;
mod extract;
mod failure;
#[cfg(feature = "serde")]
mod formats;
mod future;
mod middleware;
mod path;
mod places;
mod reply;
mod request;
mod route;

use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

pub use self::body_stream::BodyStream;
pub(crate) use self::body_stream::{BodySlot, TakeBody};
pub use self::debug::{AnyFunction, Extractors, debug_async_handler, debug_handler};
pub use self::extension::Extension;
pub use self::extract::{Content, FromRequest, FromRequestAsync, State, Text, Uri};
pub use self::failure::{Failure, IntoErrorReply};
#[cfg(feature = "json")]
pub use self::formats::Json;
#[cfg(feature = "packed")]
pub use self::formats::Packed;
#[cfg(feature = "postcard")]
pub use self::formats::Postcard;
pub use self::future::{HandlerFuture, Spares};
pub(crate) use self::middleware::AnyMiddleware;
pub use self::middleware::{Middleware, Next};
pub use self::path::{FromPath, FromSegment, Path, PathError, path_segment};
pub use self::reply::{IntoReply, NoReply, Reply};
pub use self::request::Request;
pub use self::route::RouteOptions;

use netaio_core::{CallOptions, Key, Message, Pattern};

use crate::panics::{Panicked, attempt, discard};

/// A function that handles messages.
///
/// It takes up to eight arguments, each of which is extracted from the message
/// ([`FromRequest`]): [`Message`], [`MessageType`](netaio_core::MessageType),
/// [`Uri`], [`Content`], [`Text`], [`SocketAddr`](std::net::SocketAddr),
/// [`Remote`](crate::Remote), [`Connection`](crate::Connection),
/// [`State<T>`](State). It returns what is
/// answered ([`IntoReply`]), or a future of that: bytes, text, a [`Reply`], a [`Message`],
/// `()` for an empty answer, [`NoReply`] for none, or an `Option` or a `Result` of those.
///
/// If a handler panics, the answer is an `ERROR`; the connection stays open.
///
/// ```
/// use netaio_driver::{Content, Handler, Reply, Uri};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|content: Content| content);
/// takes(|content: Content| async move { content });
/// takes(|uri: Uri, content: Content| async move {
///     if content.is_empty() {
///         return Err(Reply::error("there is no content"));
///     }
///     Ok(format!("{} bytes for {uri}", content.len()))
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a netaio handler",
    label = "this cannot be called as a handler",
    note = "a handler is a `Fn` of up to eight arguments that implement `FromRequest` (`Message`, `Uri`, `Content`, `Text`, `SocketAddr`, `Connection`, `State<T>`, ..)",
    note = "it returns something that implements `IntoReply` (`()`, bytes, text, `Reply`, `NoReply`, `Message`, or an `Option` or `Result` of those), or a `Send` future of that",
    note = "the `Err` of a `Result` implements `IntoErrorReply`: text, bytes, `Reply`, or `Failure`, which takes any error by `?`",
    note = "`debug_handler` or `debug_async_handler` around it says which of these does not hold",
    note = "its closure must be `Send + Sync + 'static`, and the types of its arguments must be written out"
)]
pub trait Handler<Marker>: Send + Sync + 'static {
    /// Calls it with a request, which it takes where it goes on: [`Spares::begin`] does that for
    /// a future. Else it may leave it, for the next message to be put in its place.
    fn call(&self, request: &mut Option<Request>, spares: &mut Spares) -> Outcome;

    /// Whether it takes contents in parts [as they come](crate::BodyStream): then it is called when a
    /// request begins, and not when it is whole.
    fn takes_stream(&self) -> bool {
        false
    }
}

/// The result of calling a handler.
pub enum Outcome {
    /// It has completed, with a reply or without.
    Done(Option<Message>),
    /// It goes on: the future completes with the reply, if there is one. It has to be polled,
    /// whether or not anything wakes.
    Running(HandlerFuture),
}

/// A handler of any type.
#[derive(Clone)]
pub(crate) struct AnyHandler(Arc<Inner<Function>>);

/// The request is borrowed: handed on by value it would be copied each time.
type Function = dyn Fn(&mut Option<Request>, &mut Spares) -> Outcome + Send + Sync;

struct Inner<F: ?Sized> {
    /// How long it may run, if that is other than for all.
    options: Option<CallOptions>,
    /// Of its key.
    pattern: Option<Arc<Pattern>>,
    takes_stream: bool,
    call: F,
}

impl AnyHandler {
    pub(crate) fn new<M: 'static>(handler: impl Handler<M>) -> Self {
        Self(Arc::new(Inner {
            options: None,
            pattern: None,
            takes_stream: handler.takes_stream(),
            call: move |request: &mut Option<Request>, spares: &mut Spares| {
                handler.call(request, spares)
            },
        }))
    }

    /// One that is called in another way.
    fn with_call(
        &self,
        call: impl Fn(&mut Option<Request>, &mut Spares) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            options: self.0.options,
            pattern: self.0.pattern.clone(),
            takes_stream: self.0.takes_stream,
            call,
        }))
    }

    /// Sets how long it may run, while nobody else has it.
    pub(crate) fn set_options(&mut self, options: CallOptions) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.options = Some(options);
        }
    }

    /// Keeps the pattern of its key, while nobody else has it. What is no pattern is refused
    /// where it is registered.
    pub(crate) fn set_key(&mut self, key: &Key) {
        if let Key::Pattern(_, pattern, _) = key
            && let Some(inner) = Arc::get_mut(&mut self.0)
        {
            inner.pattern = Pattern::new(pattern).ok().map(Arc::new);
        }
    }

    /// How long it may run, if that is other than for all.
    pub(crate) fn options(&self) -> Option<CallOptions> {
        self.0.options
    }

    /// Whether it takes contents in parts as they come.
    pub(crate) fn takes_stream(&self) -> bool {
        self.0.takes_stream
    }

    /// Reads what a call reads of it.
    pub(crate) fn touch(&self) {
        black_box((self.0.options.is_some(), self.0.takes_stream));
    }

    /// Calls it.
    ///
    /// # Errors
    /// It panicked.
    pub(crate) fn call(&self, request: Request, spares: &mut Spares) -> Result<Outcome, Panicked> {
        self.call_with(&mut Some(request), spares)
    }

    /// Calls it with a request, which it takes where it goes on.
    ///
    /// # Errors
    /// It panicked.
    #[inline]
    pub(crate) fn call_with(
        &self,
        request: &mut Option<Request>,
        spares: &mut Spares,
    ) -> Result<Outcome, Panicked> {
        // Not that of a handler that middleware stands around: what is nested by then has another.
        if let Some(pattern) = &self.0.pattern
            && let Some(request) = request
            && request.pattern.is_none()
        {
            request.pattern = Some(pattern.clone());
        }
        let call = || {
            let outcome = (self.0.call)(request, spares);
            if let Some(left) = request {
                left.drop_extensions();
            }
            outcome
        };
        attempt(call).ok_or_else(|| {
            // What it had set is no other message's.
            discard(request.take());
            Panicked
        })
    }
}

impl fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyHandler")
    }
}

/// What has become of a handler that went on: its answer, if there is one.
pub(crate) type Completion = Result<Option<Message>, Panicked>;

/// The text of the `ERROR` that is sent when a handler panics.
pub(crate) const PANICKED: &str = "the handler failed";

/// Marks handlers that return a reply.
pub struct Direct<Arguments>(std::marker::PhantomData<Arguments>);

/// Marks handlers that return a future of a reply, and whose last argument comes by
/// [`FromRequestAsync`].
pub struct Awaited<Arguments>(std::marker::PhantomData<Arguments>);

/// Marks handlers that return a future of a reply.
pub struct Deferred<Arguments>(std::marker::PhantomData<Arguments>);

/// The arguments of a handler, the last of which may take its content out of the request.
macro_rules! extract {
    ($request:ident, $($argument:ident)* $(; $last:ident)?) => {
        $(
            #[expect(non_snake_case, reason = "the type's name serves for its value")]
            let $argument = match $argument::from_request($request) {
                Ok(value) => value,
                Err(rejection) => return Outcome::Done(rejection.into_reply($request)),
            };
        )*
        $(
            #[expect(non_snake_case, reason = "the type's name serves for its value")]
            let $last = match $last::take_from_request($request) {
                Ok(value) => value,
                Err(rejection) => return Outcome::Done(rejection.into_reply($request)),
            };
        )?
    };
}

macro_rules! handlers {
    ($($argument:ident)* $(; $last:ident)?) => {
        impl<F, R, $($argument,)* $($last)?> Handler<Direct<($($argument,)* $($last,)?)>> for F
        where
            F: Fn($($argument,)* $($last)?) -> R + Send + Sync + 'static,
            R: IntoReply,
            $($argument: FromRequest,)*
            $($last: FromRequest,)?
        {
            fn call(&self, request: &mut Option<Request>, _spares: &mut Spares) -> Outcome {
                let Some(asked) = request else {
                    return Outcome::Done(None);
                };
                extract!(asked, $($argument)* $(; $last)?);
                Outcome::Done(self($($argument,)* $($last)?).into_reply(asked))
            }

            fn takes_stream(&self) -> bool {
                false $(|| $argument::STREAMS)* $(|| $last::STREAMS)?
            }
        }

        impl<F, T, $($argument,)* $($last)?> Handler<Deferred<($($argument,)* $($last,)?)>> for F
        where
            F: Fn($($argument,)* $($last)?) -> T + Send + Sync + 'static,
            T: Future + Send + 'static,
            T::Output: IntoReply,
            $($argument: FromRequest,)*
            $($last: FromRequest,)?
        {
            fn call(&self, request: &mut Option<Request>, spares: &mut Spares) -> Outcome {
                let Some(asked) = request else {
                    return Outcome::Done(None);
                };
                extract!(asked, $($argument)* $(; $last)?);
                // Of a handler without arguments nothing was extracted, and it would be unused.
                let _ = asked;
                spares.begin(self($($argument,)* $($last)?), request)
            }

            fn takes_stream(&self) -> bool {
                false $(|| $argument::STREAMS)* $(|| $last::STREAMS)?
            }
        }
    };
}

macro_rules! awaiting_handlers {
    ($($argument:ident)*) => {
        impl<F, T, $($argument,)* Last> Handler<Awaited<($($argument,)* Last,)>> for F
        where
            F: Fn($($argument,)* Last) -> T + Clone + Send + Sync + 'static,
            T: Future + Send + 'static,
            T::Output: IntoReply,
            $($argument: FromRequest + Send + 'static,)*
            Last: FromRequestAsync + Send + 'static,
        {
            fn call(&self, request: &mut Option<Request>, spares: &mut Spares) -> Outcome {
                let Some(asked) = request else {
                    return Outcome::Done(None);
                };
                extract!(asked, $($argument)*);
                let (handler, mut asked) = (self.clone(), asked.clone());
                let future = async move {
                    match Last::from_request_async(&asked).await {
                        Ok(last) => handler($($argument,)* last).await.into_reply(&mut asked),
                        Err(rejection) => rejection.into_reply(&mut asked),
                    }
                };
                spares.begin(future, request)
            }

            fn takes_stream(&self) -> bool {
                Last::STREAMS $(|| $argument::STREAMS)*
            }
        }
    };
}

awaiting_handlers!();
awaiting_handlers!(A1);
awaiting_handlers!(A1 A2);
awaiting_handlers!(A1 A2 A3);
awaiting_handlers!(A1 A2 A3 A4);
awaiting_handlers!(A1 A2 A3 A4 A5);
awaiting_handlers!(A1 A2 A3 A4 A5 A6);
awaiting_handlers!(A1 A2 A3 A4 A5 A6 A7);

handlers!();
handlers!(; A1);
handlers!(A1; A2);
handlers!(A1 A2; A3);
handlers!(A1 A2 A3; A4);
handlers!(A1 A2 A3 A4; A5);
handlers!(A1 A2 A3 A4 A5; A6);
handlers!(A1 A2 A3 A4 A5 A6; A7);
handlers!(A1 A2 A3 A4 A5 A6 A7; A8);
