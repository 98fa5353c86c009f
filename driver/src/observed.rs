//! Handlers that are watched: how long they take, and what is logged meanwhile.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use netaio_core::{Message, MessageType};
use tracing::{Level, Span};

use crate::context::{Context, MeasuredTimes};
use crate::handler::{AnyHandler, HandlerFuture, Outcome, Request, Spares};
use crate::logging::{Shown, shielded};
use crate::panics::Panicked;

/// Calls a handler, within a span of its message, and measures it, where that is wanted.
///
/// # Errors
/// It panicked.
#[inline]
pub(crate) fn call(
    context: &Context,
    handler: &AnyHandler,
    request: &mut Option<Request>,
    spares: &mut Spares,
) -> Result<Outcome, Panicked> {
    if context.times.is_none() && !tracing::span_enabled!(Level::DEBUG) {
        return handler.call_with(request, spares);
    }
    watch(context, handler, request, spares)
}

#[cold]
fn watch(
    context: &Context,
    handler: &AnyHandler,
    request: &mut Option<Request>,
    spares: &mut Spares,
) -> Result<Outcome, Panicked> {
    let mut span = Span::none();
    if let Some(request) = request {
        shielded(|| span = span_of(request));
    }
    let watched = Watched {
        span,
        measured: context.times.clone().map(|times| {
            let begun = context.time().monotonic();
            (times, begun)
        }),
        time: context.time().clone(),
    };
    let outcome = {
        let _entered = watched.span.enter();
        handler.call_with(request, spares)
    };
    match &outcome {
        Ok(Outcome::Done(answer)) => watched.done(type_of(answer)),
        Err(Panicked) => watched.done(Some(MessageType::ERROR)),
        Ok(Outcome::Running(_)) => {}
    }
    outcome.map(|outcome| match outcome {
        Outcome::Running(future) => Outcome::Running(spares.place(Observed { future, watched })),
        done @ Outcome::Done(_) => done,
    })
}

fn type_of(answer: &Option<Message>) -> Option<MessageType> {
    answer.as_ref().map(|answer| answer.message_type)
}

fn span_of(request: &Request) -> Span {
    let message = &request.message;
    tracing::debug_span!(
        "message",
        message_type = %message.message_type,
        uri = %Shown(&message.uri),
        remote = request.remote.addr().map(tracing::field::display),
        answer = tracing::field::Empty,
    )
}

/// What is known of a handler that was called.
struct Watched {
    span: Span,
    /// With when it began.
    measured: Option<(Arc<MeasuredTimes>, Duration)>,
    time: crate::clock::Time,
}

impl Watched {
    fn done(&self, answer: Option<MessageType>) {
        if let Some((times, begun)) = &self.measured {
            let now = self.time.monotonic();
            times.handlers.add(now.saturating_sub(*begun));
        }
        if let Some(answer) = answer {
            shielded(|| {
                let answer = tracing::field::display(answer);
                self.span.record("answer", answer);
            });
        }
    }
}

/// A handler that goes on.
struct Observed {
    future: HandlerFuture,
    watched: Watched,
}

impl Future for Observed {
    type Output = Option<Message>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Message>> {
        let Self { future, watched } = &mut *self;
        let polled = {
            let _entered = watched.span.enter();
            future.poll_caught(context)
        };
        match ready!(polled) {
            Ok(answer) => {
                watched.done(type_of(&answer));
                Poll::Ready(answer)
            }
            Err(panicked) => {
                watched.done(Some(MessageType::ERROR));
                // What it said is dropped: nobody reads it, and the clock may panic too.
                resume_unwind(Box::new(panicked))
            }
        }
    }
}
