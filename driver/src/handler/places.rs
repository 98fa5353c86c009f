//! Where the futures of handlers are.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use netaio_core::Message;

use super::PANICKED;
use super::reply::IntoReply;
use super::request::Request;
use crate::panics::attempt;

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
        let answer = ready!(poll_running(self.0.as_mut(), context));
        self.0.set(None);
        Poll::Ready(answer.flatten())
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
    /// Polls a future, which goes on with the request where it is not ready. It has to be polled
    /// again then, whether or not anything wakes: this poll's waker wakes nobody.
    ///
    /// # Panics
    /// The future does, or its reply: its place is free again.
    #[inline]
    pub(super) fn begin(
        &mut self,
        future: F,
        request: &mut Option<Request>,
    ) -> Poll<Option<Message>> {
        let Some(asked) = request else {
            return Poll::Ready(None);
        };
        self.future.set(Some(future));
        let mut context = Context::from_waker(Waker::noop());
        let poll = || {
            let reply = ready!(poll_running(self.future.as_mut(), &mut context));
            let answer = reply.and_then(|reply| reply.into_reply(asked));
            // Behind the reply: what both hold may panic when it is dropped.
            self.future.set(None);
            Poll::Ready(answer)
        };
        let polled = catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| {
            // Not while it is on its way: a second panic would end the program, as would that of
            // what the first one has said, were it dropped by the second.
            attempt(|| self.future.set(None));
            resume_unwind(panic)
        });
        if polled.is_pending() {
            self.request = request.take();
        }
        polled
    }

    /// As [`begin`](Self::begin), for a future whose first poll is to come.
    pub(super) fn put(
        &mut self,
        future: F,
        request: &mut Option<Request>,
    ) -> Poll<Option<Message>> {
        self.future.set(Some(future));
        self.request = request.take();
        Poll::Pending
    }
}

impl<F: Future<Output: IntoReply> + Send + 'static> Slot for Answering<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let Self { future, request } = self;
        let poll = || poll_running(future.as_mut(), context);
        let reply = match attempt(poll) {
            Some(polled) => ready!(polled),
            None => {
                attempt(|| future.set(None));
                let asked = request.take();
                return Poll::Ready(asked.map(|asked| failed(asked.message.uri)));
            }
        };
        let Some((reply, mut asked)) = reply.zip(request.take()) else {
            return Poll::Ready(None);
        };
        // A reply may take it, and fail after that.
        let uri = asked.message.uri.clone();
        let answer = attempt(|| {
            let answer = reply.into_reply(&mut asked);
            future.set(None);
            answer
        });
        Poll::Ready(answer.unwrap_or_else(|| {
            attempt(|| future.set(None));
            Some(failed(uri))
        }))
    }
}

/// The answer of a handler that panicked.
fn failed(uri: Bytes) -> Message {
    Message::error(uri, PANICKED)
}

/// What a future is ready with, if there is one. What it has captured is to go then.
#[inline]
fn poll_running<F: Future>(
    future: Pin<&mut Option<F>>,
    context: &mut Context<'_>,
) -> Poll<Option<F::Output>> {
    match future.as_pin_mut() {
        Some(running) => running.poll(context).map(Some),
        None => Poll::Ready(None),
    }
}
