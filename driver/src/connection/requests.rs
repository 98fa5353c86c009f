//! Requests over a connection.

use std::time::Duration;

use netaio_core::{Message, RequestOptions, Response, SendError};

use super::Connection;
use crate::callers::{Confirmed, Pending, Request, SentRequest};
use crate::error::RequestError;
use crate::mailbox::Command;
use crate::timeouts::TimedOut;

impl Connection {
    /// Sends a request, and waits for its answer. Cancel-safe: dropped early, the
    /// answer is taken off the connection and dropped.
    pub(crate) async fn send_request(
        &self,
        message: Message,
        options: RequestOptions,
    ) -> Result<Response, RequestError> {
        let sent = self.begin_request(message, options)?;
        self.finish_request(sent).await
    }

    /// Queues a request, behind all that was queued before. It is to be
    /// [finished](Self::finish_request).
    ///
    /// # Errors
    /// The connection has ended, or takes requests too slowly.
    pub(crate) fn begin_request(
        &self,
        message: Message,
        options: RequestOptions,
    ) -> Result<SentRequest, SendError> {
        self.begin_noted(message, options, None)
    }

    /// As [`begin_request`](Self::begin_request), and sets a flag when the request is confirmed.
    pub(crate) fn begin_noted(
        &self,
        message: Message,
        options: RequestOptions,
        confirmed: Option<Confirmed>,
    ) -> Result<SentRequest, SendError> {
        let (uri, message_type) = (message.uri.clone(), message.message_type);
        let begun = self.time().now();
        let (request, pending) = Request::new(message, options, begun);
        let request = request.noting(confirmed);
        self.shared.mailbox.push(Command::Request(request))?;
        Ok(SentRequest {
            begun: begun.monotonic,
            pending,
            uri,
            message_type,
        })
    }

    /// Queues a request whose answer nobody waits for.
    pub(crate) fn request_unawaited(&self, message: Message, options: RequestOptions) {
        let request = Request::unawaited(message, options, self.time().now());
        self.command(Command::Request(request));
    }

    /// Waits for the answer of a request, and has it told that there was none in time.
    pub(crate) async fn finish_request(&self, sent: SentRequest) -> Result<Response, RequestError> {
        let SentRequest {
            begun,
            pending,
            uri,
            message_type,
        } = sent;
        let answer = self.answer_of(pending, begun).await;
        if let Err(RequestError::TimedOut(timeout)) = answer {
            let origin = self.shared.origin.as_ref();
            if let Some(observer) = origin.and_then(|origin| origin.observer.upgrade()) {
                observer.timed_out(TimedOut {
                    to: self.clone(),
                    uri,
                    message_type,
                    timeout,
                });
            }
        }
        answer
    }

    /// As [`finish_request`](Self::finish_request), and nobody is told.
    pub(crate) async fn finish_quietly(&self, sent: SentRequest) -> Result<Response, RequestError> {
        self.answer_of(sent.pending, sent.begun).await
    }

    async fn answer_of(&self, pending: Pending, begun: Duration) -> Result<Response, RequestError> {
        let wake = || self.command(Command::Wake);
        let answer = self.shared.cancellations.wait(pending, wake).await;
        let answer = answer.unwrap_or_else(|_| Err(RequestError::Closed(self.reason_or_local())));
        if answer.is_ok() {
            self.shared.context.note_round_trip(begun);
        }
        answer
    }
}
