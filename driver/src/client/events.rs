//! The events of a client.

use std::time::Duration;

use bytes::Bytes;
use netaio_core::{CloseReason, Dropped, MessageType, Refusal};

use crate::connection::Connection;
use crate::events::{EventBytes, Events};
use crate::timeouts::TimedOut;

/// An event of a client. Those of peers are in [`Peers::events`](crate::Peers::events).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A connection was made, by [`Client::connect`](crate::Client::connect), over a stream, or
    /// in the place of another.
    Connected(Connection),
    /// Nothing more comes by a connection, while handlers run for it: the server has left
    /// ([`CloseReason::Remote`]), or the connection ends for another reason. What the server
    /// has asked for is still answered, within
    /// [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace), where it takes that;
    /// it is asked nothing more, and reconnected at once where
    /// [`AutoReconnect`](crate::ClientBuilder::auto_reconnect) says so.
    HalfClosed {
        /// The connection.
        connection: Connection,
        /// Why.
        reason: CloseReason,
    },
    /// A connection has ended: its last bytes are written or discarded. Its handlers may
    /// still run.
    Closed {
        /// The connection.
        connection: Connection,
        /// Why it was closed; [`CloseReason::Local`] if the application did so, or it was
        /// replaced.
        reason: CloseReason,
    },
    /// A server is about to be reconnected, as
    /// [`AutoReconnect`](crate::ClientBuilder::auto_reconnect) says.
    Reconnecting {
        /// The connection that was lost, or on which a request timed out.
        connection: Connection,
        /// The number of the try, from 1.
        attempt: u32,
        /// The time until then.
        delay: Duration,
    },
    /// A try to connect has failed that was not made by hand: to reconnect, or for a
    /// [persistent](crate::Client::connect_persistent) connection.
    ConnectFailed {
        /// The address.
        address: String,
        /// The number of the try, from 1.
        attempt: u32,
        /// Why it failed.
        error: String,
    },
    /// A server was reconnected. [`Connected`](Self::Connected) has told of the new
    /// connection.
    Reconnected {
        /// The new connection.
        connection: Connection,
        /// The number of tries, this one included.
        attempt: u32,
    },
    /// A server that was connected to anew notifies of a uri again, as a
    /// [`Subscription`](crate::Subscription) wants. What it published between the connections is
    /// missing.
    Resubscribed {
        /// The new connection.
        connection: Connection,
        /// The uri.
        uri: Bytes,
    },
    /// A server that was connected to anew does not notify of a uri any more. It is asked again by
    /// the next connection.
    NotResubscribed {
        /// The new connection.
        connection: Connection,
        /// The uri.
        uri: Bytes,
        /// Why.
        error: String,
    },
    /// The last try to reconnect a server has failed.
    GaveUp {
        /// The connection that was lost.
        connection: Connection,
        /// The number of tries.
        attempts: u32,
        /// Why the last one failed.
        error: String,
    },
    /// A [lossy stream](crate::Client::messages_lossy) has begun to drop messages, since it is
    /// not read fast enough. The stream says how many, and so does
    /// [`Metrics::lagged_messages`](crate::Metrics::lagged_messages).
    Lagged {
        /// The connection whose message found no room.
        connection: Connection,
    },
    /// The server dropped notifications, since this client read too slowly for it: it says so
    /// in the notification that came next ([`Gap`](netaio_core::Gap)).
    Gap {
        /// The connection.
        connection: Connection,
        /// How many.
        lost: u64,
    },
    /// A message was dropped that has no handler: the application takes none of
    /// [those](crate::Client::messages).
    Unread {
        /// The connection that it came by.
        connection: Connection,
        /// The type of the message.
        message_type: MessageType,
    },
    /// A message was refused: its checksum is wrong, it did not pass a layer, or it
    /// answers no pending request.
    MessageRefused {
        /// The connection that it came by.
        connection: Connection,
        /// Why.
        reason: Refusal,
    },
    /// A request timed out.
    TimedOut(TimedOut<Connection>),
    /// Messages to a server that reads too slowly were dropped, as the policy says
    /// ([`Limits::slow_consumer`](netaio_core::Limits::slow_consumer)).
    Dropped {
        /// The connection.
        connection: Connection,
        /// What was dropped since the last such event.
        dropped: Dropped,
    },
    /// A connection has ended, and not all that was queued was written: the time to stop was
    /// over, or the other end was gone. What was cut off as a slow consumer is in the reason of
    /// its end.
    Unwritten {
        /// The connection.
        connection: Connection,
        /// In bytes.
        bytes: usize,
    },
    /// So many events that came before this one were lost, as they were not taken in time.
    EventsLost {
        /// How many.
        count: u64,
    },
}

impl EventBytes for ClientEvent {
    /// A connection that has ended is kept by the events of it.
    fn event_bytes(&self) -> usize {
        let more = match self {
            Self::GaveUp { error, .. } => error.len(),
            Self::ConnectFailed { address, error, .. } => address.len().saturating_add(error.len()),
            Self::TimedOut(request) => request.uri.len(),
            Self::Resubscribed { uri, .. } => uri.len(),
            Self::NotResubscribed { uri, error, .. } => uri.len().saturating_add(error.len()),
            _ => 0,
        };
        more.saturating_add(Connection::BYTES)
    }

    fn lost(count: u64) -> Option<Self> {
        Some(Self::EventsLost { count })
    }
}

/// The stream of events of a client. It ends once the client is dropped and its connections
/// have ended.
pub type ClientEvents = Events<ClientEvent>;
