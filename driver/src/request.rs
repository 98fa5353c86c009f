//! Requests and responses.

use std::future::IntoFuture;
use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{Answer, Layer, Message, MessageType, RequestOptions};

use crate::connection::Connection;
use crate::error::{ErrorAnswer, RequestError};
use crate::futures::BoxFuture;
use crate::remote::Remote;

/// A request that is sent when it is awaited.
///
/// Awaiting it gives the [`Response`], which may be an error message. Cancel-safe:
/// when the future is dropped, the request is not sent if it has not been, and
/// otherwise its answer is taken off the connection and dropped: no other request
/// gets it.
#[must_use = "a request is sent when it is awaited"]
#[derive(Debug)]
pub struct RequestBuilder {
    pub(crate) remote: Result<Remote, RequestError>,
    pub(crate) message: Message,
    options: RequestOptions,
}

impl Connection {
    crate::methods::request_methods!();

    /// Sends any message as a request: whatever answers its uri ends it.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        RequestBuilder::new(self.into(), message)
    }
}

impl Remote {
    crate::methods::request_methods!();
    crate::methods::subscribe_methods!();

    /// Sends any message as a request: whatever answers its uri ends it.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        RequestBuilder::new(self.clone(), message)
    }
}

impl RequestBuilder {
    pub(crate) fn new(remote: Remote, message: Message) -> Self {
        Self {
            remote: Ok(remote),
            message,
            options: RequestOptions::new(),
        }
    }

    /// A request of a client that has no connection.
    pub(crate) fn not_connected(message: Message) -> Self {
        Self {
            remote: Err(RequestError::NotConnected),
            message,
            options: RequestOptions::new(),
        }
    }

    /// Sets the content.
    pub fn content(mut self, content: impl Into<Bytes>) -> Self {
        self.message.content = content.into();
        self
    }

    /// The time from now to the answer, the sending included; 10 s unless set. An answer
    /// that comes later ends no other request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.with_timeout(timeout);
        self
    }

    /// Seals the request with an inner layer, and expects it of the answer.
    pub fn inner(mut self, inner: Layer) -> Self {
        self.options = self.options.with_inner(inner);
        self
    }

    /// Replaces how the request is sent.
    pub fn options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets whether the request carries a correlation id. Its answer may then come in
    /// any order, late or twice, and ends no other request. Unless set, the builder of
    /// the client, the server or the node decides; unless that says otherwise, it does
    /// where there is room for it. See [`Correlation`](netaio_core::Correlation).
    pub fn correlate(mut self, carry: bool) -> Self {
        self.options = self.options.with_correlation(carry);
        self
    }

    /// Makes it an error at once where as many requests wait for answers as
    /// [may](netaio_core::Limits::pending_requests). Unless set the request waits for a place,
    /// within its timeout, behind those that do.
    pub fn fail_fast(mut self) -> Self {
        self.options = self.options.fail_fast();
        self
    }

    /// Takes a message of this type as an answer too.
    pub fn accept(mut self, answer: MessageType) -> Self {
        self.options = self.options.also_accepting(answer);
        self
    }

    async fn send(self) -> Result<Response, RequestError> {
        let answer = self.remote?.send_request(self.message, self.options);
        answer.await.map(Response)
    }
}

impl IntoFuture for RequestBuilder {
    type Output = Result<Response, RequestError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        Self(answer)
    }
}

/// The message that answered a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(Answer);

impl Response {
    /// Whether it passed the outer layer. An error that did not may have been forged;
    /// see [`Answer::verified`].
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.0.verified
    }

    /// The message, be it an error or not.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.0.message
    }

    /// The message, unless it is one of the four error types.
    ///
    /// # Errors
    /// It is one.
    pub fn into_result(self) -> Result<Message, ErrorAnswer> {
        self.ok()
    }

    /// The same, for short: [`into_result`](Self::into_result).
    ///
    /// # Errors
    /// It is one of the four error types.
    pub fn ok(self) -> Result<Message, ErrorAnswer> {
        match self.0.message.is_error() {
            false => Ok(self.0.message),
            true => Err(ErrorAnswer(self.0.message)),
        }
    }
}

impl Deref for Response {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0.message
    }
}
