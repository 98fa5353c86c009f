//! The counters of a client.

use crate::count::Count;
use crate::service::Service;

/// The bytes that a client holds, and the events that it has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCounters {
    /// Bytes received and not yet handled, of all connections; see
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total).
    pub inbound_bytes: usize,
    /// Bytes waiting to be written, to all connections; see
    /// [`Limits::outbound_total`](netaio_core::Limits::outbound_total).
    pub outbound_bytes: usize,
    /// Bytes of messages that wait to be read from [`Client::messages`](crate::Client::messages).
    pub message_bytes: usize,
    /// Connections made, reconnected ones included.
    pub connections: u64,
    /// Connections that have ended.
    pub closed_connections: u64,
    /// Servers that were reconnected by themselves.
    pub reconnected: u64,
    /// Servers that were given up after the last try to reconnect them.
    pub given_up: u64,
    /// Messages that lossy streams dropped.
    pub lagged_messages: u64,
    /// Notifications that servers say they dropped; see [`Gap`](netaio_core::Gap).
    pub lost_notifications: u64,
    /// Messages without a handler that nobody read.
    pub unread_messages: u64,
    /// Messages refused: their checksums are wrong, they did not pass a layer, or they
    /// answer no pending request.
    pub refused_messages: u64,
    /// Requests that timed out, unless their futures were dropped.
    pub timed_out_requests: u64,
    /// Messages to slow servers that were dropped, where the policy says so.
    pub dropped_messages: u64,
    /// Bytes that were queued when their connections ended, and were not written, but for those
    /// of slow consumers.
    pub unwritten_bytes: u64,
    /// Log lines that were suppressed; see
    /// [`ClientBuilder::log_interval`](crate::ClientBuilder::log_interval).
    pub suppressed_log_lines: u64,
}

/// The counters that only grow. Handling a message changes none of them.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: Count,
    pub(super) closed_connections: Count,
    pub(super) reconnected: Count,
    pub(super) given_up: Count,
    pub(super) lagged_messages: Count,
    pub(super) lost_notifications: Count,
    pub(super) unread_messages: Count,
    pub(super) refused_messages: Count,
    pub(super) timed_out_requests: Count,
    pub(super) dropped_messages: Count,
    pub(super) unwritten_bytes: Count,
}

impl Counts {
    /// The counters, what the connections hold at the moment, and the bytes of messages that
    /// wait.
    pub(super) fn snapshot(&self, service: &Service, message_bytes: usize) -> ClientCounters {
        let node = service.node();
        ClientCounters {
            inbound_bytes: node.inbound_bytes(),
            outbound_bytes: node.outbound_bytes(),
            message_bytes,
            connections: self.connections.get(),
            closed_connections: self.closed_connections.get(),
            reconnected: self.reconnected.get(),
            given_up: self.given_up.get(),
            lagged_messages: self.lagged_messages.get(),
            lost_notifications: self.lost_notifications.get(),
            unread_messages: self.unread_messages.get(),
            refused_messages: self.refused_messages.get(),
            timed_out_requests: self.timed_out_requests.get(),
            dropped_messages: self.dropped_messages.get(),
            unwritten_bytes: self.unwritten_bytes.get(),
            suppressed_log_lines: service.context.logs.suppressed(),
        }
    }
}
