//! The numbers of a snapshot by their names.

use super::Metrics;
use crate::histogram::Histogram;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    Gauge,
}

/// A number, or several by one label.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// With the label `kind`, if there are several.
    pub(super) values: Vec<(Option<&'static str>, u64)>,
}

/// A histogram by its name.
pub(super) struct Timed<'a> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) times: &'a Histogram,
}

impl Metrics {
    /// All numbers but the times, always in the same order.
    pub(super) fn samples(&self) -> Vec<Sample> {
        use Kind::{Counter, Gauge};
        let one = |kind, name, help, value| Sample {
            name,
            help,
            kind,
            values: vec![(None, value)],
        };
        let (refusals, datagrams) = (&self.refusals, &self.datagrams);
        let suppressed = &datagrams.suppressed;
        let refused = [
            ("frame", refusals.frame),
            ("layer", refusals.layer),
            ("answer", refusals.answer),
            ("unawaited", refusals.unawaited),
        ];
        let dropped = [
            ("malformed", datagrams.malformed),
            ("refused", datagrams.refused),
            ("lost", datagrams.lost),
            ("not_sent", datagrams.not_sent),
            ("undelivered", datagrams.undelivered),
            ("unvalidated", datagrams.unvalidated),
            ("suppressed_per_ip", suppressed.per_ip),
            ("suppressed_all", suppressed.all),
            ("suppressed_amplified", suppressed.amplified),
        ];
        let by_kind = |name, help, values: &[(&'static str, u64)]| Sample {
            name,
            help,
            kind: Counter,
            values: values
                .iter()
                .map(|(kind, value)| (Some(*kind), *value))
                .collect(),
        };
        let lost = self
            .lost_notifications
            .saturating_add(datagrams.lost_notifications);
        vec![
            one(
                Gauge,
                "netaio_open_connections",
                "Connections that are open now.",
                self.open_connections as u64,
            ),
            one(
                Gauge,
                "netaio_inbound_bytes",
                "Bytes received and not yet handled.",
                self.inbound_bytes as u64,
            ),
            one(
                Gauge,
                "netaio_outbound_bytes",
                "Bytes waiting to be written.",
                self.outbound_bytes as u64,
            ),
            one(
                Gauge,
                "netaio_message_bytes",
                "Bytes of messages that wait to be read.",
                self.message_bytes as u64,
            ),
            one(
                Gauge,
                "netaio_subscribed_keys",
                "Keys that somebody is subscribed to now, patterns among them.",
                self.subscribed_keys as u64,
            ),
            one(
                Gauge,
                "netaio_peers",
                "Peers that are known now.",
                self.peers as u64,
            ),
            one(
                Gauge,
                "netaio_pending_requests",
                "Requests that wait for an answer now.",
                self.pending_requests,
            ),
            one(
                Gauge,
                "netaio_running_handlers",
                "Handlers that run now.",
                self.running_handlers,
            ),
            one(
                Counter,
                "netaio_received_messages_total",
                "Messages received.",
                self.received_messages,
            ),
            one(
                Counter,
                "netaio_received_bytes_total",
                "Bytes received.",
                self.received_bytes,
            ),
            one(
                Counter,
                "netaio_sent_messages_total",
                "Messages sent.",
                self.sent_messages,
            ),
            one(
                Counter,
                "netaio_sent_bytes_total",
                "Bytes sent.",
                self.sent_bytes,
            ),
            one(
                Counter,
                "netaio_connections_total",
                "Connections accepted or made.",
                self.connections,
            ),
            one(
                Counter,
                "netaio_closed_connections_total",
                "Connections that have ended.",
                self.closed_connections,
            ),
            one(
                Counter,
                "netaio_refused_connections_total",
                "Connections refused.",
                self.refused_connections,
            ),
            one(
                Counter,
                "netaio_malformed_connections_total",
                "Connections closed for what they sent.",
                self.malformed,
            ),
            one(
                Counter,
                "netaio_displaced_connections_total",
                "Connections closed for others.",
                self.displaced,
            ),
            one(
                Counter,
                "netaio_slow_consumers_total",
                "Connections cut off as slow consumers.",
                self.slow_consumers,
            ),
            one(
                Counter,
                "netaio_reconnected_total",
                "Servers that were reconnected.",
                self.reconnected,
            ),
            one(
                Counter,
                "netaio_given_up_total",
                "Servers that were given up.",
                self.given_up,
            ),
            by_kind(
                "netaio_refused_messages_total",
                "Messages refused, by why.",
                &refused,
            ),
            one(
                Counter,
                "netaio_timed_out_requests_total",
                "Requests that timed out.",
                self.timed_out_requests,
            ),
            one(
                Counter,
                "netaio_lagged_messages_total",
                "Messages that lossy streams dropped.",
                self.lagged_messages,
            ),
            one(
                Counter,
                "netaio_lost_notifications_total",
                "Notifications that servers say they dropped.",
                lost,
            ),
            one(
                Counter,
                "netaio_unread_messages_total",
                "Messages without a handler that nobody read.",
                self.unread_messages,
            ),
            one(
                Counter,
                "netaio_dropped_messages_total",
                "Messages to slow consumers that were dropped.",
                self.dropped_messages,
            ),
            one(
                Counter,
                "netaio_unwritten_bytes_total",
                "Bytes that were queued when their connections ended.",
                self.unwritten_bytes,
            ),
            one(
                Counter,
                "netaio_lost_events_total",
                "Events that slow listeners lost.",
                self.lost_events,
            ),
            one(
                Counter,
                "netaio_suppressed_log_lines_total",
                "Log lines that were suppressed.",
                self.suppressed_log_lines,
            ),
            by_kind(
                "netaio_datagram_failures_total",
                "Datagrams that came to nothing, by why.",
                &dropped,
            ),
        ]
    }

    /// The times, in seconds.
    pub(super) fn timed(&self) -> [Timed<'_>; 2] {
        [
            Timed {
                name: "netaio_handler_seconds",
                help: "How long handlers take.",
                times: &self.handler_times,
            },
            Timed {
                name: "netaio_round_trip_seconds",
                help: "How long requests take until they are answered.",
                times: &self.round_trips,
            },
        ]
    }
}
