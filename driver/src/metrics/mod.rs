//! What servers, clients and nodes have counted, and what they hold.

mod counts;
#[cfg(feature = "metrics")]
mod facade;
mod prometheus;
mod samples;

use netaio_core::DatagramCounters;

pub(crate) use self::counts::Counts;
pub use self::prometheus::prometheus;
use crate::histogram::Histogram;

/// What a server, a client or a UDP node has counted, and what it holds at the moment. What it
/// has not is 0: a server reconnects nothing, and a node has no connections.
///
/// Numbers that only grow are counted since it was made. Counting them needs no lock and no clock,
/// and is always on, but for the times: see
/// [`measure_times`](crate::ServerBuilder::measure_times).
///
/// [`prometheus`] renders it, and with the cargo feature `metrics` `record` hands it to the
/// recorder of the `metrics` crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Connections that are open now.
    pub open_connections: usize,
    /// Bytes received and not yet handled, of all connections; see
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total).
    pub inbound_bytes: usize,
    /// Bytes waiting to be written, to all connections; see
    /// [`Limits::outbound_total`](netaio_core::Limits::outbound_total).
    pub outbound_bytes: usize,
    /// Bytes of messages that wait to be read from
    /// [`Client::messages`](crate::Client::messages).
    pub message_bytes: usize,
    /// Keys that somebody is subscribed to now, patterns among them.
    pub subscribed_keys: usize,
    /// Peers that are known now.
    pub peers: usize,
    /// Requests that wait for an answer now.
    pub pending_requests: u64,
    /// Handlers that run now, of those that did not complete at once.
    pub running_handlers: u64,
    /// Messages received that have passed the layers, whatever became of them; of a node
    /// datagrams, whatever they are.
    pub received_messages: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Messages sent, with the answers, errors and farewells that netaio makes by itself; of a
    /// node datagrams, whatever they are.
    pub sent_messages: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Connections accepted or made, reconnected ones included.
    pub connections: u64,
    /// Connections that have ended.
    pub closed_connections: u64,
    /// Connections and streams refused.
    pub refused_connections: u64,
    /// Connections closed for what they sent: bytes that are no frame, frames that
    /// did not end, or too many that failed.
    pub malformed: u64,
    /// Connections closed for others, before a valid message came; see
    /// [`Limits::connections`](netaio_core::Limits::connections).
    pub displaced: u64,
    /// Connections cut off as slow consumers.
    pub slow_consumers: u64,
    /// Servers that were reconnected by themselves.
    pub reconnected: u64,
    /// Servers that were given up after the last try to reconnect them.
    pub given_up: u64,
    /// Messages refused, by any of [`refusals`](Self::refusals).
    pub refused_messages: u64,
    /// Messages refused, by why. Of a node [`datagrams`](Self::datagrams) has them.
    pub refusals: Refusals,
    /// Requests that timed out, unless their futures were dropped.
    pub timed_out_requests: u64,
    /// Messages that lossy streams dropped.
    pub lagged_messages: u64,
    /// Notifications that servers say they dropped; see [`Gap`](netaio_core::Gap).
    pub lost_notifications: u64,
    /// Messages without a handler that nobody read.
    pub unread_messages: u64,
    /// Messages to slow consumers that were dropped, where the policy says so.
    pub dropped_messages: u64,
    /// Bytes that were queued when their connections ended, and were not written, but for those
    /// of slow consumers.
    pub unwritten_bytes: u64,
    /// Events that listeners lost that do not take them.
    pub lost_events: u64,
    /// Log lines that were suppressed; see
    /// [`log_interval`](crate::ServerBuilder::log_interval).
    pub suppressed_log_lines: u64,
    /// How long messages take from the call of their handler to the answer, the time included
    /// that handlers and middleware wait for something; none unless
    /// [measured](crate::ServerBuilder::measure_times). A message that an extractor or middleware
    /// rejects was handled by that, and so was one whose handler panics. Those that are cancelled
    /// are left out.
    pub handler_times: Histogram,
    /// How long requests take until they are answered; none unless
    /// [measured](crate::ServerBuilder::measure_times).
    pub round_trips: Histogram,
    /// What became of a node's datagrams.
    pub datagrams: DatagramCounters,
}

/// Messages refused, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Their checksums are wrong.
    pub frame: u64,
    /// They did not pass a layer.
    pub layer: u64,
    /// They did not pass the inner layer of the request that they would have answered.
    pub answer: u64,
    /// They answer no pending request.
    pub unawaited: u64,
}
