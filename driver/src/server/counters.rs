//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering};

use netaio_core::CloseReason;

use super::Shared;

/// What a server holds now, and what it has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounters {
    /// Bytes received and not yet handled, of all connections; see
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total).
    pub inbound_bytes: usize,
    /// Bytes waiting to be written, to all connections; see
    /// [`Limits::outbound_total`](netaio_core::Limits::outbound_total).
    pub outbound_bytes: usize,
    /// Connections taken in.
    pub connections: u64,
    /// Connections and streams refused.
    pub refused_connections: u64,
    /// Connections closed for what they sent: bytes that are no frame, frames that
    /// did not end, or too many that failed.
    pub malformed: u64,
    /// Messages refused: for their checksum, since they did not pass a layer, or
    /// for they answer nothing that waits.
    pub refused_messages: u64,
    /// Connections cut off since their remotes read too slowly.
    pub slow_consumers: u64,
    /// Messages that such remotes were not told, where the policy says so.
    pub dropped_messages: u64,
    /// Log lines that were not written, for there was one like it just before; see
    /// [`Limits::log_interval`](netaio_core::Limits::log_interval).
    pub suppressed_log_lines: u64,
}

/// The numbers as they grow. None of them does for a message that is handled.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: Count,
    pub(super) refused_connections: Count,
    pub(super) malformed: Count,
    pub(super) refused_messages: Count,
    pub(super) slow_consumers: Count,
    pub(super) dropped_messages: Count,
}

/// One of them.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// Counts a connection that has ended.
    pub(super) fn closed(&self, reason: &CloseReason) {
        match reason {
            CloseReason::Malformed(_)
            | CloseReason::Truncated(_)
            | CloseReason::FrameTimeout(_)
            | CloseReason::TooManyFailures => self.malformed.add(1),
            CloseReason::SlowConsumer { .. } => self.slow_consumers.add(1),
            _ => {}
        }
    }
}

impl ServerCounters {
    pub(super) fn of(shared: &Shared) -> Self {
        let (inbound_bytes, outbound_bytes) = {
            let node = shared.service.node();
            (node.inbound_bytes(), node.outbound_bytes())
        };
        let counts = &shared.counts;
        Self {
            inbound_bytes,
            outbound_bytes,
            connections: counts.connections.get(),
            refused_connections: counts.refused_connections.get(),
            malformed: counts.malformed.get(),
            refused_messages: counts.refused_messages.get(),
            slow_consumers: counts.slow_consumers.get(),
            dropped_messages: counts.dropped_messages.get(),
            suppressed_log_lines: shared.service.context.logs.suppressed(),
        }
    }
}
