//! What a client hears of its connections.

use std::sync::{Arc, Weak};

use netaio_core::{CloseReason, Dropped, Refusal};

use super::monitor::Monitor;
use super::shared::Shared;
use crate::connection::Connection;
use crate::task::ConnectionObserver;

/// Connections do not keep their client alive, but tell of their end.
pub(super) struct OfClient {
    pub(super) client: Weak<Shared>,
    pub(super) monitor: Arc<Monitor>,
}

impl ConnectionObserver for OfClient {
    fn refused(&self, connection: &Connection, why: Refusal) {
        self.monitor.refused(connection, why);
    }

    fn dropped(&self, connection: &Connection, dropped: Dropped) {
        self.monitor.dropped(connection, dropped);
    }

    fn unwritten(&self, connection: &Connection, bytes: usize) {
        self.monitor.unwritten(connection, bytes);
    }

    fn gap(&self, connection: &Connection, lost: u64) {
        self.monitor.gap(connection, lost);
    }

    fn half_closed(&self, connection: &Connection, reason: CloseReason) {
        let tell = || self.monitor.half_closed(connection, reason);
        match self.client.upgrade() {
            Some(client) => client.left(connection, tell),
            None => tell(),
        }
    }

    fn closed(&self, connection: &Connection) {
        self.monitor.closed(connection);
        if let Some(client) = self.client.upgrade() {
            client.ended(connection);
        }
    }
}
