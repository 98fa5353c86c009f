//! Requests and responses.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{Layer, Message, MessageType, RequestOptions};

use crate::connection::{Asked, Connection, Reach};
use crate::error::{ErrorResponse, RequestError};
use crate::futures::{BoxFuture, race};
use crate::remote::{Kind, Remote};

/// A request that is sent when it is awaited.
///
/// Awaiting it gives the [`Response`], which may be an error message. Cancel-safe:
/// when the future is dropped, the request is not sent if it has not been, and
/// otherwise its answer is taken off the connection and dropped: no other request
/// gets it.
#[must_use = "a request is sent when it is awaited"]
#[derive(Debug)]
pub struct RequestBuilder {
    to: To,
    pub(crate) message: Message,
    options: RequestOptions,
    idempotent: bool,
}

/// Where a request goes to.
enum To {
    Remote(Remote),
    /// Where the client's own requests go to: by now this connection.
    Client(Connection),
    /// As above; there was none.
    Absent(Arc<dyn Reach>),
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(remote) => remote.fmt(f),
            Self::Client(connection) => connection.fmt(f),
            Self::Absent(_) => f.write_str("not connected"),
        }
    }
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

    /// Sends any message as a request: whatever answers its uri ends it.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        RequestBuilder::new(self.clone(), message)
    }
}

impl RequestBuilder {
    pub(crate) fn new(remote: Remote, message: Message) -> Self {
        Self::to(To::Remote(remote), message)
    }

    fn to(to: To, message: Message) -> Self {
        Self {
            to,
            message,
            options: RequestOptions::new(),
            idempotent: false,
        }
    }

    /// A request of a client, by the connection that is its default now.
    pub(crate) fn of_client(connection: Connection, message: Message) -> Self {
        Self::to(To::Client(connection), message)
    }

    /// A request of a client that has no connection now.
    pub(crate) fn not_connected(client: Arc<dyn Reach>, message: Message) -> Self {
        Self::to(To::Absent(client), message)
    }

    crate::methods::request_options! {
        /// The time from now to the answer, the sending included; 10 s unless set. An answer
        /// that comes later ends no other request.
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

    /// Says that the request does no harm if it is handled twice, as one that reads. Where its
    /// connection ends before the answer, or the server says that it did not handle it, it is made
    /// again, within its timeout: for the client's own requests at the next of several servers, as
    /// [`Balance`](crate::Balance) says, and while a server is being reconnected by the connection
    /// that replaces the one that has ended. Where there is neither it fails. A server that repeats no
    /// ids cannot say that it did not handle one: its `ERROR` is the answer.
    ///
    /// Over datagrams and from servers it changes nothing.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    async fn send_patiently(self) -> Result<netaio_core::Response, RequestError> {
        let Self {
            to,
            message,
            options,
            idempotent,
        } = self;
        let (client, server, mut first) = match to {
            To::Absent(client) => (client, None, None),
            To::Client(connection) => match connection.reach() {
                Some(client) => (client, None, Some(connection)),
                None => return connection.send_request(message, options).await,
            },
            To::Remote(remote) => match remote.connection().and_then(Connection::reach) {
                Some(client) => {
                    let server = remote.connection().and_then(Connection::server_id);
                    (client, server, None)
                }
                None => return remote.send_request(message, options).await,
            },
        };
        let timeout = options.timeout();
        let time = client.context().time();
        let until = time.monotonic().saturating_add(timeout);
        let mut error = RequestError::NotConnected;
        let holds = idempotent || client.holds_requests();
        // The open connections that it was sent by in vain.
        let mut tried: Vec<Connection> = Vec::new();
        loop {
            // Before the look, so that no connection made after it is missed.
            let changed = client.changed();
            tried.retain(|connection| connection.close_reason().is_none());
            let first = first.take().filter(|it| it.close_reason().is_none());
            if let Some(connection) = first.or_else(|| client.route(server, &tried)) {
                let left = until.saturating_sub(time.monotonic());
                let options = options.clone().with_timeout(left);
                let asked = connection.clone().send_request(message.clone(), options);
                match asked.await {
                    Err(RequestError::TimedOut(_)) => return Err(RequestError::TimedOut(timeout)),
                    Err(failed) if idempotent && failed.is_of_the_connection() => {
                        error = failed;
                        tried.push(connection);
                        continue;
                    }
                    result => return result,
                }
            }
            if !(holds && client.may_come(server)) {
                return Err(error);
            }
            let late = async {
                (client.context().sleep_until)(time.instant(until)).await;
                true
            };
            let come = async {
                changed.await;
                false
            };
            if race(come, late).await {
                return Err(RequestError::TimedOut(timeout));
            }
        }
    }
}

impl IntoFuture for RequestBuilder {
    type Output = Result<Response, RequestError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        match self.to {
            To::Remote(Remote(Kind::Connection(connection))) | To::Client(connection)
                if !self.idempotent =>
            {
                let asked = connection.send_request(self.message, self.options);
                Box::pin(Awaited(asked))
            }
            // A larger one, which most requests do not need.
            _ => Box::pin(async { self.send_patiently().await.map(Response) }),
        }
    }
}

/// A request that is sent once.
struct Awaited(Asked);

impl Future for Awaited {
    type Output = Result<Response, RequestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_ok(Response)
    }
}

impl From<netaio_core::Response> for Response {
    fn from(response: netaio_core::Response) -> Self {
        Self(response)
    }
}

/// The message that answered a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(netaio_core::Response);

impl Response {
    /// Whether it passed the layers that it had to. An error that did not may have been forged;
    /// see [`netaio_core::Response::verified`].
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
    pub fn into_result(self) -> Result<Message, ErrorResponse> {
        match self.0.message.is_error() {
            false => Ok(self.0.message),
            true => Err(ErrorResponse(self.0.message)),
        }
    }
}

impl Deref for Response {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0.message
    }
}
