//! A connection, as its users see it.

use std::fmt;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use event_listener::Event;
use futures_channel::oneshot;
use netaio_core::{
    Answer, CloseReason, Layer, Message, MessageType, PeerMessage, RequestOptions, SendError,
    SendOptions,
};

use crate::budget::Account;
use crate::callers::GivenUp;
use crate::clock::Time;
use crate::error::{ErrorAnswer, RequestError};
use crate::futures::BoxFuture;
use crate::handler::States;
use crate::logging::{Logs, limited};
use crate::mailbox::{Command, Mailbox};
use crate::options::{ConnectionOptions, LeftOut};
use crate::peers::Table;
use crate::remote::{Kind, Place, Remote};
use crate::service::Service;
use crate::timeouts::{Observer, TimedOut};

/// A handle to a connection, on either end. Cloning it copies a pointer; the
/// connection lives until it is closed, not until its handles are gone.
#[derive(Clone)]
pub struct Connection {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    pub(crate) closed: Event,
    pub(crate) given_up: GivenUp,
    pub(crate) account: Account,
    pub(crate) states: Arc<States>,
    table: Arc<Table>,
    /// Tells the connections of one server apart.
    pub(crate) number: u64,
    pub(crate) left_out: LeftOut,
    pub(crate) origin: Option<Origin>,
    name: Option<Arc<str>>,
    remote: Option<SocketAddr>,
}

/// What a client knows of a connection that it made.
pub(crate) struct Origin {
    /// What it connected to; none for a stream that it was handed.
    pub(crate) address: Option<Arc<str>>,
    /// The connection's place among the client's. One that is made anew takes
    /// the place of the last.
    pub(crate) place: u64,
    /// The client.
    pub(crate) observer: Weak<dyn Observer<Connection>>,
}

impl Connection {
    pub(crate) fn new(
        remote: Option<SocketAddr>,
        service: &Service,
        number: u64,
        options: ConnectionOptions,
        origin: Option<Origin>,
    ) -> Self {
        let shared = Shared {
            mailbox: Mailbox::new(&service.config.wire.limits),
            closed: Event::new(),
            given_up: GivenUp::default(),
            account: Account::default(),
            states: service.states.clone(),
            table: service.table.clone(),
            number,
            left_out: options.left_out,
            origin,
            name: options.name,
            remote,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The address of the other end; none where the stream has no addresses.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.shared.remote
    }

    /// The name that it was made by. A client's connections have one: the
    /// address that was given to [`Client::connect`](crate::Client::connect),
    /// unless its options say otherwise; a server's have none unless they do.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    /// Sends a message. It is ready once the message is sealed and queued, not
    /// once it is written.
    ///
    /// Cancel-safe: a message is sent whole or not at all. Dropped early, it
    /// may still be sent.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`send`](Self::send), with an inner layer, or without an outer plugin.
    /// Cancel-safe in the same way.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        let (done, result) = oneshot::channel();
        let send = Command::Send {
            message,
            options,
            done,
        };
        self.shared.mailbox.push_send(send).await?;
        // The task answers every command, or is gone with the connection.
        result
            .await
            .unwrap_or_else(|_| Err(SendError::Closed(self.close_reason())))
    }

    crate::methods::request_methods!();

    /// Sends any message as a request: whatever answers its uri ends it.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        RequestBuilder::new(self.into(), message)
    }

    /// Closes the connection: what is queued is written, and waiting requests
    /// fail. It is ready when the connection is closed.
    ///
    /// Cancel-safe: once called, the connection closes whether or not it is
    /// waited for.
    pub async fn close(&self) {
        self.take_leave();
        // An error means that it is closed already.
        let _ = self.shared.mailbox.push(Command::Close);
        self.closed().await;
    }

    /// Is ready when the connection is closed and its last bytes are written or
    /// given up, and says why. Cancel-safe.
    pub async fn closed(&self) -> CloseReason {
        loop {
            let closed = self.shared.closed.listen();
            if let Some(reason) = self.shared.mailbox.ended() {
                return reason;
            }
            closed.await;
        }
    }

    /// Why the connection is closed, if it is: nothing more can be sent or
    /// received, though its last bytes may still be on their way.
    #[must_use]
    pub fn is_closed(&self) -> Option<CloseReason> {
        self.shared.mailbox.closed()
    }

    /// Queues a message about peers.
    pub(crate) fn tell(&self, PeerMessage { message, inner }: &PeerMessage) {
        let told = self.shared.mailbox.push(Command::Send {
            message: message.clone(),
            options: SendOptions::new().with_inner(inner.clone()),
            done: oneshot::channel().0,
        });
        if let Err(error) = told {
            let (logs, remote) = (self.logs(), self.remote());
            limited!(logs, DEBUG, "the remote was not told of this node", ?remote, %error);
        }
    }

    /// Tells the remote that this node leaves, where it manages peers.
    pub(crate) fn take_leave(&self) {
        let farewells: Vec<_> = self.shared.table.discovery().farewells().collect();
        for farewell in &farewells {
            self.tell(farewell);
        }
    }

    /// Where a peer is that this connection leads to.
    pub(crate) fn place(&self) -> Place {
        Place::Connection {
            number: self.shared.number,
            remote: self.shared.remote,
        }
    }

    /// Whether both are handles to the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Its place among a client's.
    pub(crate) fn client_place(&self) -> Option<u64> {
        self.shared.origin.as_ref().map(|origin| origin.place)
    }

    /// What a client connected to.
    pub(crate) fn address(&self) -> Option<&str> {
        self.shared.origin.as_ref()?.address.as_deref()
    }

    /// Its options, to make it anew.
    pub(crate) fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            name: self.shared.name.clone(),
            left_out: self.shared.left_out,
        }
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.shared.table.logs
    }

    pub(crate) fn time(&self) -> &Time {
        self.shared.table.time()
    }

    /// Whether its task is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.mailbox.ended().is_some()
    }

    fn close_reason(&self) -> CloseReason {
        self.is_closed().unwrap_or(CloseReason::Local)
    }
}

/// Says that a connection has ended when it is dropped, be it with a task that
/// was never finished.
pub(crate) struct Ending(pub(crate) Connection);

impl Drop for Ending {
    fn drop(&mut self) {
        let Shared {
            mailbox, closed, ..
        } = &*self.0.shared;
        // Whoever gave these learns of the end as they are dropped.
        drop(mailbox.close(CloseReason::Local));
        mailbox.end();
        closed.notify(usize::MAX);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name())
            .field("remote", &self.remote())
            .field("closed", &self.is_closed())
            .finish()
    }
}

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

impl RequestBuilder {
    pub(crate) fn new(remote: Remote, message: Message) -> Self {
        Self {
            remote: Ok(remote),
            message,
            options: RequestOptions::new(),
        }
    }

    /// A request of a client that is connected to nobody.
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

    /// The time from now to the answer, the sending included; 10 s unless set. An
    /// answer that comes later is taken for that of the next request for the uri,
    /// as by netaio, unless both [carry ids](Self::correlate).
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

    /// Says whether the request carries an id, which lets its answer come in any
    /// order and end nothing when it is late; else the builder of the client, the
    /// server or the node does. See [`Correlation`](netaio_core::Correlation).
    pub fn correlate(mut self, carry: bool) -> Self {
        self.options = self.options.with_correlation(carry);
        self
    }

    /// Takes a message of this type as an answer too.
    pub fn accept(mut self, answer: MessageType) -> Self {
        self.options = self.options.also_accepting(answer);
        self
    }

    async fn send(self) -> Result<Response, RequestError> {
        let connection = match self.remote?.0 {
            Kind::Connection(connection) => connection,
            Kind::Datagram(node, to) => {
                let answer = node.request(to, self.message, self.options).await;
                return answer.map(Response);
            }
        };
        let (uri, message_type) = (self.message.uri.clone(), self.message.message_type);
        let (done, result) = oneshot::channel();
        connection.shared.mailbox.push(Command::Request {
            message: self.message,
            options: self.options,
            called: connection.time().now().monotonic,
            done,
        })?;
        let answer = connection
            .shared
            .given_up
            .wait(result)
            .await
            .unwrap_or_else(|_| Err(RequestError::Closed(connection.close_reason())));
        if let Err(RequestError::TimedOut(timeout)) = answer {
            let origin = connection.shared.origin.as_ref();
            if let Some(observer) = origin.and_then(|origin| origin.observer.upgrade()) {
                observer.timed_out(TimedOut {
                    to: connection,
                    uri,
                    message_type,
                    timeout,
                });
            }
        }
        answer.map(Response)
    }
}

impl IntoFuture for RequestBuilder {
    type Output = Result<Response, RequestError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The message that answered a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(Answer);

impl Response {
    /// Whether it passed the outer layer. An error that did not may come from
    /// anybody on the way; see [`Answer::verified`].
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.0.verified
    }

    /// The message, whatever it says.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.0.message
    }

    /// The message, unless it is one of the four error types.
    ///
    /// # Errors
    /// It is one.
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
