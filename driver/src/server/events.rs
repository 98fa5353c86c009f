//! The events of a server.

use std::net::SocketAddr;

use netaio_core::{CloseReason, Dropped, Refusal};

use crate::connection::Connection;
use crate::error::RefusedConnection;
use crate::events::{EventBytes, Events};

/// An event of a server. Those of peers are in
/// [`Peers::events`](crate::Peers::events).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A connection was accepted.
    Connected(Connection),
    /// Nothing more comes by a connection, while handlers run for it: its remote has ended
    /// its sending side, or is gone ([`CloseReason::Remote`]), or the connection ends for
    /// another reason. It is subscribed to nothing and counted no more. What was asked for is
    /// still answered, within
    /// [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace).
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
        /// Why it was closed; [`CloseReason::SlowConsumer`] if it was cut off.
        reason: CloseReason,
    },
    /// A connection was refused: it was closed after it was accepted, or it is a stream
    /// that was not served.
    Refused {
        /// Where it came from, if that has an address.
        remote: Option<SocketAddr>,
        /// Why.
        reason: RefusedConnection,
    },
    /// A connection could not be accepted: for one, the process has no more file
    /// descriptors.
    AcceptFailed {
        /// What the system says.
        error: String,
    },
    /// The handshake of a stream has failed or took too long, TLS's say: it is not served.
    HandshakeFailed {
        /// Where it came from, if that has an address.
        remote: Option<SocketAddr>,
        /// Why.
        error: String,
    },
    /// A message was refused: its checksum is wrong, it did not pass a layer, or it
    /// answers no pending request.
    MessageRefused {
        /// The connection that it came by.
        connection: Connection,
        /// Why.
        reason: Refusal,
    },
    /// Messages to a slow consumer were dropped, as the policy says
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

impl EventBytes for ServerEvent {
    /// A connection that has ended is kept by the events of it.
    fn event_bytes(&self) -> usize {
        match self {
            Self::Connected(_)
            | Self::HalfClosed { .. }
            | Self::Closed { .. }
            | Self::MessageRefused { .. }
            | Self::Dropped { .. }
            | Self::Unwritten { .. } => Connection::BYTES,
            Self::Refused { .. } => 0,
            Self::AcceptFailed { error } | Self::HandshakeFailed { error, .. } => error.len(),
            Self::EventsLost { .. } => 0,
        }
    }

    fn lost(count: u64) -> Option<Self> {
        Some(Self::EventsLost { count })
    }
}

/// The stream of events of a server. It ends when the server has stopped.
pub type ServerEvents = Events<ServerEvent>;
