//! Requests over a connection.

use std::time::Duration;

use netaio_core::{Message, RequestOptions, SendError};

use super::Connection;
use crate::callers::SentRequest;
use crate::mailbox::Command;
use crate::shared_request::{Confirmed, Pending, Request};

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
        let pending = Pending::new(message, options);
        let begun = self.push_request(&pending, confirmed)?;
        Ok(SentRequest { begun, pending })
    }

    /// Queues the task's end of a request, and returns when, a reading of the monotonic clock.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    #[inline]
    pub(super) fn push_request(
        &self,
        pending: &Pending,
        confirmed: Option<Confirmed>,
    ) -> Result<Duration, SendError> {
        let begun = self.time().monotonic();
        let request = pending.request(begun, confirmed);
        self.shared.mailbox.push(Command::Request(request))?;
        Ok(begun)
    }

    /// Queues a request whose answer nobody waits for.
    pub(crate) fn request_unawaited(&self, message: Message, options: RequestOptions) {
        let request = Request::unawaited(message, options, self.time().monotonic());
        self.command(Command::Request(request));
    }
}
