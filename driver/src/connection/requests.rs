//! Requests over a connection.

use netaio_core::{Message, RequestOptions, SendError};

use super::Connection;
use crate::callers::{Confirmed, Request, SentRequest};
use crate::mailbox::Command;

impl Connection {
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
        let begun = self.time().monotonic();
        let (request, pending) = Request::new(message, options, begun);
        let request = request.noting(confirmed);
        self.shared.mailbox.push(Command::Request(request))?;
        Ok(SentRequest {
            begun,
            pending,
            uri,
            message_type,
        })
    }

    /// Queues a request whose answer nobody waits for.
    pub(crate) fn request_unawaited(&self, message: Message, options: RequestOptions) {
        let request = Request::unawaited(message, options, self.time().monotonic());
        self.command(Command::Request(request));
    }
}
