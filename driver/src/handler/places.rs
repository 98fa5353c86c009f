//! Where the futures of handlers are.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use netaio_core::Message;

use super::PANICKED;
use super::reply::IntoReply;
use super::request::Request;

/// Where a future is, and where another of its type may be after it.
pub(super) trait Slot: Any + Send {
    /// Its answer, once it is ready.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>>;
}

/// It can be moved, as the future cannot: so it can be asked what it is of.
pub(super) struct Place<F>(pub(super) Pin<Box<Option<F>>>);

impl<F> Default for Place<F> {
    fn default() -> Self {
        Self(Box::pin(None))
    }
}

impl<F: Future<Output = Option<Message>> + Send + 'static> Slot for Place<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut future = self.0.as_mut();
        let Some(running) = future.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let answer = ready!(running.poll(context));
        // What it has captured goes, and its place stays.
        future.set(None);
        Poll::Ready(answer)
    }
}

/// Where a future is that answers a request, and where another of its type may be after it.
pub(super) struct Answering<F> {
    future: Pin<Box<Option<F>>>,
    /// Of one that goes on.
    request: Option<Request>,
}

impl<F> Default for Answering<F> {
    fn default() -> Self {
        Self {
            future: Box::pin(None),
            request: None,
        }
    }
}

impl<F: Future<Output: IntoReply>> Answering<F> {
    /// Polls a future, which goes on with the request where it is not ready. Whoever has it then
    /// polls it again.
    #[inline]
    pub(super) fn begin(
        &mut self,
        future: F,
        request: &mut Option<Request>,
    ) -> Poll<Option<Message>> {
        self.future.set(Some(future));
        let Some(asked) = request else {
            return Poll::Ready(None);
        };
        let mut context = Context::from_waker(Waker::noop());
        let polled = poll_answer(&mut self.future, &mut context, asked);
        if polled.is_pending() {
            self.request = request.take();
        }
        polled
    }
}

impl<F: Future<Output: IntoReply> + Send + 'static> Slot for Answering<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let Self { future, request } = self;
        let Some(asked) = request else {
            return Poll::Ready(None);
        };
        let poll = || poll_answer(future, context, asked);
        let answer = match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(polled) => ready!(polled),
            Err(_) => {
                future.set(None);
                let uri = std::mem::take(&mut asked.message.uri);
                Some(Message::error(uri, PANICKED))
            }
        };
        *request = None;
        Poll::Ready(answer)
    }
}

/// The answer of a future, once it is ready. What it has captured goes then, and its place stays.
#[inline]
fn poll_answer<F: Future<Output: IntoReply>>(
    future: &mut Pin<Box<Option<F>>>,
    context: &mut Context<'_>,
    request: &mut Request,
) -> Poll<Option<Message>> {
    let Some(running) = future.as_mut().as_pin_mut() else {
        return Poll::Ready(None);
    };
    let reply = ready!(running.poll(context));
    future.set(None);
    Poll::Ready(reply.into_reply(request))
}
