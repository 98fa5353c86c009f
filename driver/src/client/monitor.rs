//! What happens to a client: told to those who listen, and counted.

use std::time::Duration;

use bytes::Bytes;
use netaio_core::{CloseReason, Dropped, MessageType, Refusal};

use super::events::{ClientEvent, ClientEvents};
use crate::bounded_queue::Bounds;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::events::Listeners;
use crate::metrics::Counts;
use crate::remote::Remote;
use crate::subscriptions::Watch;
use crate::timeouts::TimedOut;

/// The listeners and the counters of a client.
pub(super) struct Monitor {
    events: Listeners<ClientEvent>,
    pub(super) counts: Counts,
}

impl Monitor {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            events: Listeners::new(bounds),
            counts: Counts::default(),
        }
    }

    pub(super) fn listen(&self) -> ClientEvents {
        self.events.listen()
    }

    /// Events that listeners lost.
    pub(super) fn lost_events(&self) -> u64 {
        self.events.lost()
    }

    pub(super) fn connected(&self, connection: &Connection) {
        self.counts.connections.add(1);
        self.events
            .emit(|| ClientEvent::Connected(connection.clone()));
    }

    pub(super) fn half_closed(&self, connection: &Connection, reason: CloseReason) {
        self.events.emit(|| ClientEvent::HalfClosed {
            connection: connection.clone(),
            reason,
        });
    }

    pub(super) fn closed(&self, connection: &Connection) {
        let reason = connection.close_reason().unwrap_or(CloseReason::Local);
        self.counts.closed(&reason);
        self.events.emit(|| ClientEvent::Closed {
            connection: connection.clone(),
            reason,
        });
    }

    pub(super) fn reconnecting(&self, connection: &Connection, attempt: u32, delay: Duration) {
        self.events.emit(|| ClientEvent::Reconnecting {
            connection: connection.clone(),
            attempt,
            delay,
        });
    }

    pub(super) fn reconnected(&self, connection: &Connection, attempt: u32) {
        self.counts.reconnected.add(1);
        self.events.emit(|| ClientEvent::Reconnected {
            connection: connection.clone(),
            attempt,
        });
    }

    /// A server was asked again for the notifications of a uri, and refuses for this reason.
    pub(super) fn resubscribed(&self, connection: &Connection, uri: Bytes, why: Option<String>) {
        self.events.emit(|| match why {
            None => ClientEvent::Resubscribed {
                connection: connection.clone(),
                uri,
            },
            Some(error) => ClientEvent::NotResubscribed {
                connection: connection.clone(),
                uri,
                error,
            },
        });
    }

    /// A try has failed that may not be the last.
    pub(super) fn connect_failed(&self, attempt: u32, error: &ConnectError) {
        self.events.emit(|| ClientEvent::ConnectFailed {
            address: error.address.clone(),
            attempt,
            error: error.source.to_string(),
        });
    }

    pub(super) fn gave_up(&self, connection: &Connection, attempts: u32, error: &ConnectError) {
        self.counts.given_up.add(1);
        self.events.emit(|| ClientEvent::GaveUp {
            connection: connection.clone(),
            attempts,
            error: error.to_string(),
        });
    }

    /// Messages were lost by lossy streams, the first ones since those said so.
    pub(super) fn lagged(&self, connection: &Connection, lost: usize, first: bool) {
        let lost = u64::try_from(lost).unwrap_or(u64::MAX);
        self.counts.lagged_messages.add(lost);
        if first {
            self.events.emit(|| ClientEvent::Lagged {
                connection: connection.clone(),
            });
        }
    }

    pub(super) fn gap(&self, connection: &Connection, lost: u64) {
        self.counts.lost_notifications.add(lost);
        self.events.emit(|| ClientEvent::Gap {
            connection: connection.clone(),
            lost,
        });
    }

    pub(super) fn unread(&self, connection: &Connection, message_type: MessageType) {
        self.counts.unread_messages.add(1);
        self.events.emit(|| ClientEvent::Unread {
            connection: connection.clone(),
            message_type,
        });
    }

    pub(super) fn refused(&self, connection: &Connection, reason: Refusal) {
        self.counts.refused(&reason);
        self.events.emit(|| ClientEvent::MessageRefused {
            connection: connection.clone(),
            reason,
        });
    }

    pub(super) fn timed_out(&self, request: &TimedOut<Connection>) {
        self.counts.timed_out_requests.add(1);
        self.events.emit(|| ClientEvent::TimedOut(request.clone()));
    }

    pub(super) fn unwritten(&self, connection: &Connection, bytes: usize) {
        self.counts.unwritten_bytes.add(bytes as u64);
        self.events.emit(|| ClientEvent::Unwritten {
            connection: connection.clone(),
            bytes,
        });
    }

    pub(super) fn dropped(&self, connection: &Connection, dropped: Dropped) {
        self.counts.dropped_messages.add(dropped.messages);
        self.events.emit(|| ClientEvent::Dropped {
            connection: connection.clone(),
            dropped,
        });
    }
}

impl Watch for Monitor {
    fn lagged(&self, from: &Remote, lost: usize, first: bool) {
        // A client has nothing else.
        if let Some(connection) = from.connection() {
            self.lagged(connection, lost, first);
        }
    }
}
