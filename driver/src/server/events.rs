//! What happens at a server.

use std::net::SocketAddr;

use netaio_core::{CloseReason, Dropped, Refusal};

use super::{Server, Shared};
use crate::connection::Connection;
use crate::error::RefusedConnection;
use crate::events::Events;
use crate::runtime::Runtime;
use crate::task::LinkObserver;

/// What happened at a server.
///
/// What happens to peers is told by [`Peers::events`](crate::Peers::events).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A connection was taken in.
    Connected(Connection),
    /// A connection has ended: its last bytes are written, or given up.
    Closed {
        /// The connection.
        connection: Connection,
        /// Why it was closed. One that was cut off since its remote reads too
        /// slowly says [`CloseReason::SlowConsumer`].
        reason: CloseReason,
    },
    /// A connection was closed as soon as it was accepted, or a stream not taken.
    Refused {
        /// Where it came from, if that has an address.
        remote: Option<SocketAddr>,
        /// Why.
        why: RefusedConnection,
    },
    /// No connection could be accepted for a while: the process has no more file
    /// descriptors, for one.
    AcceptFailed {
        /// What the system says.
        error: String,
    },
    /// A message was refused: its checksum is wrong, it did not pass a layer, or it
    /// answers nothing that waits.
    MessageRefused {
        /// The connection that it came by.
        connection: Connection,
        /// Why.
        why: Refusal,
    },
    /// A remote reads too slowly, and was not told everything: the policy says
    /// so ([`Limits::slow_consumer`](netaio_core::Limits::slow_consumer)).
    Dropped {
        /// The connection.
        connection: Connection,
        /// What it was not told, since the last such event.
        dropped: Dropped,
    },
}

/// A stream of what happens at a server. It ends when the server has stopped.
pub type ServerEvents = Events<ServerEvent>;

impl<R: Runtime> Server<R> {
    /// What happens from now on: who comes, who goes and why, and what is refused
    /// or dropped by a limit. Who does not take the events loses the oldest when
    /// some thousand wait; [`counters`](Self::counters) tells the numbers at any
    /// time.
    #[must_use]
    pub fn events(&self) -> ServerEvents {
        self.shared.events.listen()
    }
}

impl LinkObserver for Shared {
    fn refused(&self, connection: &Connection, why: Refusal) {
        self.counts.refused_messages.add(1);
        self.events.emit(|| {
            Some(ServerEvent::MessageRefused {
                connection: connection.clone(),
                why,
            })
        });
    }

    fn dropped(&self, connection: &Connection, dropped: Dropped) {
        self.counts.dropped_messages.add(dropped.messages);
        self.events.emit(|| {
            Some(ServerEvent::Dropped {
                connection: connection.clone(),
                dropped,
            })
        });
    }
}
