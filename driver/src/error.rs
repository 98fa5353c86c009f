//! The errors of servers, clients and nodes.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{
    CloseReason, LayerError, LimitsError, Message, MessageType, PeerManagementError, Printable,
    RouteError, SendError, TooManyLinks,
};

/// A task of a server or a node called what the application plugged in, a plugin, a codec
/// or a clock say, and that panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task of this side panicked: {what}")]
pub struct TaskPanicked {
    /// The message of the panic.
    pub what: String,
}

/// Why a server could not be started, or a client not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A handler's inner layer writes the same auth field as the outer layer.
    #[error("the inner layer of the handler for {key}: {source}")]
    Layer {
        /// The handler's key.
        key: String,
        /// Which field.
        source: LayerError,
    },
    /// A handler's key is a pattern that conflicts with another or is not written as one.
    #[error(transparent)]
    Key(RouteError),
    /// `wrap_route` before any handler.
    #[error("middleware was given before any handler; call `wrap_route` after `on` or `once`")]
    MiddlewareBeforeHandler,
    /// `inner_auth`, `inner_cipher` or `inner` before any handler.
    #[error("an inner layer was given before any handler; call it after `on` or `once`")]
    InnerBeforeHandler,
    /// `route_options` before any handler.
    #[error(
        "options of a handler were given before any; call `route_options` after `on` or `once`"
    )]
    OptionsBeforeHandler,
    /// A handler of a message type alone was nested under a prefix that does not end with `/`:
    /// what goes on behind such a text is no part of a uri by itself.
    #[error(
        "nest({prefix:?}, ..): the handler of all {message_type} messages needs a prefix that ends with `/`"
    )]
    NestedType {
        /// The prefix.
        prefix: String,
        /// What the handler is for.
        message_type: MessageType,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The socket cannot be bound, or cannot join its group.
    #[error("cannot bind {address}: {source}")]
    Bind {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The outer layer cannot be used: a plugin of it has an empty secret.
    #[error("the outer layer: {0}")]
    Outer(LayerError),
    /// A plugin writes the auth field that carries ids.
    #[error("requests cannot carry ids: {0}")]
    Correlation(LayerError),
    /// A limit that could not work: for one, no handler at all on a connection.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Peers cannot be managed as asked.
    #[error("cannot manage peers: {0}")]
    Peers(#[from] PeerManagementError),
    /// The operating system has no randomness to give.
    #[error("cannot seed the generator of nonces: {0}")]
    Randomness(io::Error),
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {address}: {source}")]
pub struct ConnectError {
    /// The address, as it was given.
    pub address: String,
    /// What the system says.
    pub source: io::Error,
}

/// How a request ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not sent: it cannot be, the connection ended first, or too many wait
    /// for answers.
    #[error(transparent)]
    Send(#[from] SendError),
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended first.
    #[error("the connection ended before the answer: {0}")]
    Closed(CloseReason),
    /// The datagram could not be sent: there is no route to the address, say. What the system
    /// says.
    #[error("the datagram could not be sent: {0}")]
    NotSent(String),
    /// The network could not deliver the datagram: nobody receives at the address, say. What
    /// the system says.
    #[error("the datagram was not delivered: {0}")]
    Undelivered(String),
    /// The remote has received it and says that no handler had it, nor will: it stops, for one.
    /// What else it says.
    #[error("the remote did not handle it: {}", Printable::bytes(.0).with_max(1024))]
    Refused(Bytes),
    /// The message was handled, and nothing answers it: of `Server::call` alone, which sees both
    /// ends.
    #[error("handled without an answer: the handler gave none")]
    Unanswered,
    /// The client is connected to no server now.
    #[error("not connected: no `connect` has succeeded, or the server is being reconnected")]
    NotConnected,
}

impl RequestError {
    /// Whether the request was surely not handled: it was never sent, the network says that
    /// it was not delivered, for which its word is taken, or the remote
    /// [says so](netaio_core::NotHandled), as a server of this implementation does that stops
    /// and does not begin what it has received. It may then be made again, here or elsewhere,
    /// without being done twice. Otherwise it may have been handled, or may still be: only what
    /// does no harm twice is to be made again, such as reading.
    ///
    /// ```
    /// use netaio_driver::{Client, RequestError, Response, Runtime};
    ///
    /// /// Places an order once, with whichever server takes it.
    /// async fn order<R: Runtime>(client: &Client<R>) -> Result<Response, RequestError> {
    ///     let mut result = client.create("order", "one cake").await;
    ///     for (_, connection) in client.connections() {
    ///         match &result {
    ///             Err(error) if error.was_surely_not_handled() => {}
    ///             _ => break,
    ///         }
    ///         result = connection.create("order", "one cake").await;
    ///     }
    ///     result
    /// }
    /// ```
    #[must_use]
    pub fn was_surely_not_handled(&self) -> bool {
        matches!(
            self,
            Self::Send(_)
                | Self::NotSent(_)
                | Self::Undelivered(_)
                | Self::Refused(_)
                | Self::NotConnected
        )
    }
}

impl RequestError {
    /// Whether another connection may do better.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Send(SendError::Closed(_) | SendError::NotConnected)
                | Self::Closed(_)
                | Self::Refused(_)
                | Self::NotConnected
        )
    }
}

/// An answer that is an error message: what the remote said went wrong.
///
/// It is shown as [`Printable`] text of 1,024 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", .0.message_type, match .0.content.is_empty() {
    true => Printable::bytes(b"the remote does not say why"),
    false => Printable::bytes(&.0.content).with_max(1024),
})]
pub struct ErrorResponse(pub Message);

/// A content that is no value of a type in a format, or a value that the format has no form
/// for.
#[cfg(feature = "serde")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The format says so.
    #[error("the content as {format}: {text}")]
    Format {
        /// The format.
        format: &'static str,
        /// What is wrong; at most 200 bytes.
        text: String,
    },
    /// There is no content, as the answer is an error.
    #[error(transparent)]
    Response(#[from] ErrorResponse),
}

#[cfg(feature = "serde")]
impl FormatError {
    pub(crate) fn new(format: &'static str, error: &impl std::fmt::Display) -> Self {
        // It may quote the content.
        const MAX: usize = 200;
        let mut text = error.to_string();
        while text.len() > MAX {
            text.pop();
        }
        Self::Format { format, text }
    }
}

/// How a [`LongRequest`](crate::LongRequest) ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LongRequestError {
    /// The remote refused it, or does not know such requests.
    #[error(transparent)]
    Parts(#[from] netaio_core::parts::PartsError),
    /// A part was not answered. The same request goes on with the next
    /// [`send`](crate::LongRequest::send).
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The system has no randomness to give. What it says.
    #[error("no randomness: {0}")]
    Randomness(String),
}

/// The rest of a content that comes in parts will not come: its sender is gone, or was silent for
/// [`Limits::long_silence`](netaio_core::Limits::long_silence), or this end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rest of the content does not come: its sender is gone")]
pub struct BodyLost;

/// Why a server refused a connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedConnection {
    /// The server has [`Limits::connections`](netaio_core::Limits::connections), and none of
    /// them makes room.
    #[error("the server has {max} connections, as many as it may")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// It has
    /// [`Limits::connections_per_address`](netaio_core::Limits::connections_per_address) from
    /// this address.
    #[error("the server has {max} connections from this address, as many as it may")]
    TooManyOfAddress {
        /// The limit.
        max: usize,
    },
    /// The server is being stopped.
    #[error("the server is stopping")]
    Stopping,
}

impl From<TooManyLinks> for RefusedConnection {
    fn from(error: TooManyLinks) -> Self {
        match error {
            TooManyLinks::OfAddress { max } => Self::TooManyOfAddress { max },
            TooManyLinks::InAll { max } => Self::TooMany { max },
            // The core has no others.
            _ => Self::TooMany { max: usize::MAX },
        }
    }
}

/// A [`Subscription`](crate::Subscription) or another
/// [lossy stream](crate::Client::messages_lossy) was not read fast enough: this many messages were
/// dropped before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{messages} messages were dropped: the stream was not read fast enough")]
#[non_exhaustive]
pub struct Lagged {
    /// The number of messages.
    pub messages: u64,
}
