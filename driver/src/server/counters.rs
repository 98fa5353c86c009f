//! The counters of a server.

use netaio_core::CloseReason;

use crate::count::Count;
use crate::service::Service;

/// The bytes that a server holds, and the events that it has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounters {
    /// Bytes received and not yet handled, of all connections; see
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total).
    pub inbound_bytes: usize,
    /// Bytes waiting to be written, to all connections; see
    /// [`Limits::outbound_total`](netaio_core::Limits::outbound_total).
    pub outbound_bytes: usize,
    /// Connections accepted.
    pub connections: u64,
    /// Connections and streams refused.
    pub refused_connections: u64,
    /// Connections closed for what they sent: bytes that are no frame, frames that
    /// did not end, or too many that failed.
    pub malformed: u64,
    /// Connections closed for others, before a valid message came; see
    /// [`Limits::connections`](netaio_core::Limits::connections).
    pub displaced: u64,
    /// Messages refused: their checksums are wrong, they did not pass a layer, or they
    /// answer no pending request.
    pub refused_messages: u64,
    /// Connections cut off as slow consumers.
    pub slow_consumers: u64,
    /// Messages to slow consumers that were dropped, where the policy says so.
    pub dropped_messages: u64,
    /// Bytes that were queued when their connections ended, and were not written, but for those
    /// of slow consumers.
    pub unwritten_bytes: u64,
    /// Log lines that were suppressed; see
    /// [`ServerBuilder::log_interval`](crate::ServerBuilder::log_interval).
    pub suppressed_log_lines: u64,
}

/// The counters that only grow. Handling a message changes none of them.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: Count,
    pub(super) refused_connections: Count,
    pub(super) malformed: Count,
    pub(super) displaced: Count,
    pub(super) refused_messages: Count,
    pub(super) slow_consumers: Count,
    pub(super) dropped_messages: Count,
    pub(super) unwritten_bytes: Count,
}

impl Counts {
    /// Counts a connection that has ended.
    pub(super) fn closed(&self, reason: &CloseReason) {
        match reason {
            CloseReason::Malformed(_)
            | CloseReason::Truncated(_)
            | CloseReason::FrameTimeout(_)
            | CloseReason::NoRoom
            | CloseReason::TooManyFailures => self.malformed.add(1),
            CloseReason::SlowConsumer { .. } | CloseReason::WriteTimeout(_) => {
                self.slow_consumers.add(1)
            }
            CloseReason::Displaced => self.displaced.add(1),
            _ => {}
        }
    }

    /// The counters, and what the connections hold at the moment.
    pub(super) fn snapshot(&self, service: &Service) -> ServerCounters {
        let node = service.node();
        ServerCounters {
            inbound_bytes: node.inbound_bytes(),
            outbound_bytes: node.outbound_bytes(),
            connections: self.connections.get(),
            refused_connections: self.refused_connections.get(),
            malformed: self.malformed.get(),
            displaced: self.displaced.get(),
            refused_messages: self.refused_messages.get(),
            slow_consumers: self.slow_consumers.get(),
            dropped_messages: self.dropped_messages.get(),
            unwritten_bytes: self.unwritten_bytes.get(),
            suppressed_log_lines: service.context.logs.suppressed(),
        }
    }
}
