//! A request as a future that is no larger than it has to be: each is on the heap.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use netaio_core::{Message, RequestOptions, Response};

use super::Connection;
use crate::callers::SentRequest;
use crate::error::RequestError;
use crate::mailbox::Command;
use crate::shared_request::{Answer, Pending};
use crate::timeouts::TimedOut;

/// A request over a connection, which is sent when it is first polled. Cancel-safe: dropped
/// early, the answer is taken off the connection and dropped.
pub(crate) struct Asked {
    connection: Connection,
    /// `None` once it has ended.
    pending: Option<Pending>,
    /// When it was sent, a reading of the monotonic clock.
    begun: Option<Duration>,
    /// The client is not told that there was no answer in time.
    quiet: bool,
}

impl Connection {
    /// Sends a request, and waits for its answer.
    #[inline]
    pub(crate) fn send_request(self, message: Message, options: RequestOptions) -> Asked {
        Asked {
            connection: self,
            pending: Some(Pending::new(message, options)),
            begun: None,
            quiet: false,
        }
    }

    /// Waits for the answer of a request, and has it told that there was none in time.
    pub(crate) fn finish_request(self, sent: SentRequest) -> Asked {
        Asked {
            connection: self,
            pending: Some(sent.pending),
            begun: Some(sent.begun),
            quiet: false,
        }
    }

    /// As [`finish_request`](Self::finish_request), and nobody is told.
    pub(crate) fn finish_quietly(self, sent: SentRequest) -> Asked {
        let mut asked = self.finish_request(sent);
        asked.quiet = true;
        asked
    }

    /// Tells the client of a request that timed out.
    fn tell(&self, request: TimedOut<Self>) {
        let origin = self.shared.origin();
        if let Some(observer) = origin.and_then(|origin| origin.observer.upgrade()) {
            observer.timed_out(request);
        }
    }
}

impl Asked {
    /// Notes what became of a request, of which the task may have had nothing to say.
    fn end(&self, answer: Option<Answer>, pending: &Pending, begun: Duration) -> Answer {
        let connection = &self.connection;
        let closed = || Err(RequestError::Closed(connection.reason_or_local()));
        let answer = answer.unwrap_or_else(closed);
        match answer {
            Ok(_) => connection.shared.context.note_round_trip(begun),
            Err(RequestError::TimedOut(timeout)) if !self.quiet => connection.tell(TimedOut {
                to: connection.clone(),
                uri: pending.uri().clone(),
                message_type: pending.message_type(),
                timeout,
            }),
            Err(_) => {}
        }
        answer
    }
}

impl Future for Asked {
    type Output = Result<Response, RequestError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(pending) = &mut this.pending else {
            return Poll::Pending;
        };
        let begun = match this.begun {
            Some(begun) => begun,
            None => match this.connection.push_request(pending, None) {
                Ok(begun) => *this.begun.insert(begun),
                Err(error) => {
                    this.pending = None;
                    return Poll::Ready(Err(error.into()));
                }
            },
        };
        let answer = ready!(Pin::new(pending).poll(context));
        match this.pending.take() {
            Some(pending) => Poll::Ready(this.end(answer, &pending, begun)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let (Some(pending), Some(_)) = (self.pending.take(), self.begun) {
            let shared = &self.connection.shared;
            let wake = || self.connection.command(Command::Wake);
            shared.cancellations.note(pending, wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each request that is awaited allocates as much, beside what it shares with the task.
    #[test]
    fn it_is_a_few_words() {
        assert!(size_of::<Asked>() <= 48, "{}", size_of::<Asked>());
    }
}
