//! A request as a future that is no larger than it has to be: each is on the heap.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_channel::oneshot::Canceled;
use netaio_core::{Message, RequestOptions, Response};

use super::Connection;
use crate::callers::SentRequest;
use crate::error::RequestError;
use crate::mailbox::Command;
use crate::timeouts::TimedOut;

/// A request over a connection, which is sent when it is first polled. Cancel-safe: dropped
/// early, the answer is taken off the connection and dropped.
pub(crate) struct Asked {
    connection: Connection,
    state: State,
    /// The client is not told that there was no answer in time.
    quiet: bool,
}

enum State {
    New(Message, RequestOptions),
    Sent(SentRequest),
    Ended,
}

/// What the task has to say of a request; nothing where it has ended.
type Answer = Result<Result<Response, RequestError>, Canceled>;

impl Connection {
    /// Sends a request, and waits for its answer.
    #[inline]
    pub(crate) fn send_request(self, message: Message, options: RequestOptions) -> Asked {
        Asked {
            connection: self,
            state: State::New(message, options),
            quiet: false,
        }
    }

    /// Waits for the answer of a request, and has it told that there was none in time.
    pub(crate) fn finish_request(self, sent: SentRequest) -> Asked {
        Asked {
            connection: self,
            state: State::Sent(sent),
            quiet: false,
        }
    }

    /// As [`finish_request`](Self::finish_request), and nobody is told.
    pub(crate) fn finish_quietly(self, sent: SentRequest) -> Asked {
        let mut asked = self.finish_request(sent);
        asked.quiet = true;
        asked
    }
}

impl Asked {
    fn end(&self, answer: Answer, sent: SentRequest) -> Result<Response, RequestError> {
        let connection = &self.connection;
        let closed = |_| Err(RequestError::Closed(connection.reason_or_local()));
        let answer = answer.unwrap_or_else(closed);
        match answer {
            Ok(_) => connection.shared.context.note_round_trip(sent.begun),
            Err(RequestError::TimedOut(timeout)) if !self.quiet => connection.tell(TimedOut {
                to: connection.clone(),
                uri: sent.uri,
                message_type: sent.message_type,
                timeout,
            }),
            Err(_) => {}
        }
        answer
    }
}

impl Connection {
    /// Tells the client of a request that timed out.
    fn tell(&self, request: TimedOut<Self>) {
        let origin = self.shared.origin.as_ref();
        if let Some(observer) = origin.and_then(|origin| origin.observer.upgrade()) {
            observer.timed_out(request);
        }
    }
}

impl Future for Asked {
    type Output = Result<Response, RequestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let State::New(..) = this.state
            && let State::New(message, options) = mem::replace(&mut this.state, State::Ended)
        {
            this.state = State::Sent(this.connection.begin_request(message, options)?);
        }
        let answer = match &mut this.state {
            State::Sent(sent) => ready!(Pin::new(&mut sent.pending).poll(context)),
            _ => Err(Canceled),
        };
        match mem::replace(&mut this.state, State::Ended) {
            State::Sent(sent) => Poll::Ready(this.end(answer, sent)),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let State::Sent(sent) = mem::replace(&mut self.state, State::Ended) {
            let shared = &self.connection.shared;
            let wake = || self.connection.command(Command::Wake);
            shared.cancellations.note(sent.pending, wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each request that is awaited allocates as much.
    #[test]
    fn it_is_little_more_than_its_message() {
        let most = size_of::<Message>() + size_of::<RequestOptions>() + 64;
        assert!(size_of::<Asked>() <= most, "{}", size_of::<Asked>());
    }
}
