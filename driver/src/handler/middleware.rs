//! Middleware: functions around handlers.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Message, Pattern, Refusal};

use super::reply::IntoReply;
use super::request::Request;
use super::{AnyHandler, Outcome, PANICKED, Spares};
use crate::panics::Panicked;
use crate::remote::Remote;

/// What is called around handlers: to log, measure, limit, reject or change messages and
/// their answers.
///
/// A function of a [`Request`] and the [`Next`] one is middleware, and so is a type that
/// implements this. It is set for all handlers of a server, a client or a node with `wrap` of
/// its builder, for one with `wrap_route`, and for those of a [`Router`](crate::Router) with
/// that one's `wrap`. Where there are several, the one that was set last is called first.
///
/// It sees what extractors reject and, as it stands around the handler, what a panic is answered
/// with: both are answers. What is set for all sees messages without a handler as well, and is
/// [told](Self::refused) of those that did not pass a layer. The messages that a node answers
/// by itself, about peers and subscriptions, pass it by. netaio's plugins are untouched by it:
/// a message has passed the layers before, and its answer is sealed behind it.
///
/// The handler is found before, by the message as it came. What middleware [hands
/// on](Next::run) may have another uri, one without a prefix say: the handler sees that one, which a
/// [`Path`](crate::Path) wants to fit the pattern of its key, and the answer has the one that was
/// asked for.
///
/// Where none is set it costs nothing; where one is, about an allocation for each call.
///
/// ```
/// use netaio_driver::{Middleware, Next, Reply, Request};
///
/// fn takes(_: impl Middleware) {}
///
/// takes(|request: Request, next: Next| async move {
///     if request.message.uri.starts_with(b"secret/") {
///         return Err(Reply::not_permitted("no"));
///     }
///     let answer = next.run(request).await;
///     println!("{answer:?}");
///     Ok(answer)
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no netaio middleware",
    label = "this cannot be called around a handler",
    note = "middleware is a `Fn(Request, Next)` that is `Send + Sync + 'static` and returns a `Send` future of a reply, or implements `Middleware`"
)]
pub trait Middleware: Send + Sync + 'static {
    /// Handles a message, with the handler or without, and returns its answer.
    fn handle(&self, request: Request, next: Next) -> impl Future<Output = Option<Message>> + Send;

    /// Is told of a message that was refused before it had a handler: it did not pass a
    /// layer, or was no message. Only what is set for all handlers is.
    fn refused(&self, remote: &Remote, refusal: &Refusal) {
        let _ = (remote, refusal);
    }
}

impl<F, T> Middleware for F
where
    F: Fn(Request, Next) -> T + Send + Sync + 'static,
    T: Future<Output: IntoReply> + Send,
{
    async fn handle(&self, request: Request, next: Next) -> Option<Message> {
        let mut asked = request.clone();
        self(request, next).await.into_reply(&mut asked)
    }
}

/// What middleware stands around: the handler, or other middleware.
#[derive(Clone)]
pub struct Next {
    handler: AnyHandler,
    /// That of the message that the middleware was called with.
    asked: Bytes,
    /// Of the key that was found.
    pattern: Option<Arc<Pattern>>,
}

impl Next {
    /// Calls it, and returns its answer, if there is one. Where it panics the answer is an
    /// `ERROR`. Cancel-safe: if the future is dropped, so is the handler.
    ///
    /// The request may be another one than that which the middleware was called with, with
    /// another uri say: an answer with the uri that is handed on has the one that was asked for
    /// when it is returned, as whoever asked finds it by that.
    pub async fn run(self, mut request: Request) -> Option<Message> {
        let Self {
            handler,
            asked,
            pattern,
        } = self;
        request.pattern = pattern;
        let handed_on = request.message.uri.clone();
        let completed = match handler.call(request, &mut Spares::awaited()) {
            Ok(Outcome::Done(answer)) => Ok(answer),
            Ok(Outcome::Running(future)) => future.caught().await,
            Err(panicked) => Err(panicked),
        };
        match completed {
            Ok(Some(answer)) if answer.uri == handed_on => Some(Message {
                uri: asked,
                ..answer
            }),
            Ok(answer) => answer,
            Err(Panicked) => Some(Message::error(asked, PANICKED)),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// Middleware of any type.
#[derive(Clone)]
pub(crate) struct AnyMiddleware(Arc<dyn Wrap>);

trait Wrap: Send + Sync {
    fn wrap(self: Arc<Self>, handler: AnyHandler) -> AnyHandler;

    fn refused(&self, remote: &Remote, refusal: &Refusal);
}

impl<M: Middleware> Wrap for M {
    fn wrap(self: Arc<Self>, handler: AnyHandler) -> AnyHandler {
        let around = handler.clone();
        handler.with_call(move |request: &mut Option<Request>, spares: &mut Spares| {
            let Some(asked) = request.clone() else {
                return Outcome::Done(None);
            };
            let next = Next {
                handler: around.clone(),
                asked: asked.message.uri.clone(),
                pattern: asked.pattern.clone(),
            };
            let middleware = self.clone();
            spares.begin(async move { middleware.handle(asked, next).await }, request)
        })
    }

    fn refused(&self, remote: &Remote, refusal: &Refusal) {
        Middleware::refused(self, remote, refusal);
    }
}

impl AnyMiddleware {
    pub(crate) fn new(middleware: impl Middleware) -> Self {
        Self(Arc::new(middleware))
    }

    /// The handler with this around it.
    pub(crate) fn wrap(&self, handler: AnyHandler) -> AnyHandler {
        self.0.clone().wrap(handler)
    }

    pub(crate) fn refused(&self, remote: &Remote, refusal: &Refusal) {
        self.0.refused(remote, refusal);
    }
}

impl fmt::Debug for AnyMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Middleware")
    }
}
