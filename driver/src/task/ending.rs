//! Who is told of a connection's events, and of its end whatever ends it.

use std::sync::Arc;

use netaio_core::{CloseReason, Dropped, Refusal};

use crate::connection::Connection;

/// Is notified of the events of connections.
pub(crate) trait ConnectionObserver: Send + Sync + 'static {
    /// A message was refused.
    fn refused(&self, _connection: &Connection, _why: Refusal) {}

    /// Notifications were dropped before they were written.
    fn dropped(&self, _connection: &Connection, _dropped: Dropped) {}

    /// So many bytes that were queued are not written, since the connection ends.
    fn unwritten(&self, _connection: &Connection, _bytes: usize) {}

    /// The remote says that it dropped so many notifications.
    fn gap(&self, _connection: &Connection, _lost: u64) {}

    /// Nothing more is received, while handlers run.
    fn half_closed(&self, _connection: &Connection, _reason: CloseReason) {}

    /// The connection is closed, and its stream dropped. Handlers may still run.
    fn closed(&self, connection: &Connection);

    /// Nothing of it is left, after all else.
    fn ended(&self, _connection: &Connection) {}
}

/// Marks a connection as ended on drop, even if its task was dropped unfinished.
pub(super) struct Ending {
    pub(super) connection: Connection,
    pub(super) observer: Arc<dyn ConnectionObserver>,
}

impl Ending {
    pub(super) fn close(&self) {
        if !self.connection.has_ended() {
            self.connection.end();
            self.observer.closed(&self.connection);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.close();
        self.observer.ended(&self.connection);
    }
}
