//! The counters that only grow.

use netaio_core::{CloseReason, Refusal};

use super::{Metrics, Refusals};
use crate::count::Count;
use crate::service::Service;

/// The counters that only grow, of a server or a client. Handling a message changes none of them.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: Count,
    pub(crate) closed_connections: Count,
    pub(crate) refused_connections: Count,
    pub(crate) malformed: Count,
    pub(crate) displaced: Count,
    pub(crate) slow_consumers: Count,
    pub(crate) reconnected: Count,
    pub(crate) given_up: Count,
    pub(crate) timed_out_requests: Count,
    pub(crate) lagged_messages: Count,
    pub(crate) lost_notifications: Count,
    pub(crate) unread_messages: Count,
    pub(crate) dropped_messages: Count,
    pub(crate) unwritten_bytes: Count,
    refused_frames: Count,
    refused_by_layers: Count,
    refused_answers: Count,
    unawaited_answers: Count,
}

impl Counts {
    /// Counts a connection that has ended.
    pub(crate) fn closed(&self, reason: &CloseReason) {
        self.closed_connections.add(1);
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

    /// Counts a message that was refused.
    pub(crate) fn refused(&self, reason: &Refusal) {
        let count = match reason {
            Refusal::Frame(_) => &self.refused_frames,
            Refusal::Answer { .. } => &self.refused_answers,
            Refusal::Unawaited { .. } => &self.unawaited_answers,
            _ => &self.refused_by_layers,
        };
        count.add(1);
    }

    /// The counters, and what the connections hold at the moment.
    pub(crate) fn snapshot(&self, service: &Service) -> Metrics {
        let refusals = Refusals {
            frame: self.refused_frames.get(),
            layer: self.refused_by_layers.get(),
            answer: self.refused_answers.get(),
            unawaited: self.unawaited_answers.get(),
        };
        let Refusals {
            frame,
            layer,
            answer,
            unawaited,
        } = refusals;
        let refused = [frame, layer, answer, unawaited];
        Metrics {
            connections: self.connections.get(),
            closed_connections: self.closed_connections.get(),
            refused_connections: self.refused_connections.get(),
            malformed: self.malformed.get(),
            displaced: self.displaced.get(),
            slow_consumers: self.slow_consumers.get(),
            reconnected: self.reconnected.get(),
            given_up: self.given_up.get(),
            refused_messages: refused.into_iter().fold(0, u64::saturating_add),
            refusals,
            timed_out_requests: self.timed_out_requests.get(),
            lagged_messages: self.lagged_messages.get(),
            lost_notifications: self.lost_notifications.get(),
            unread_messages: self.unread_messages.get(),
            dropped_messages: self.dropped_messages.get(),
            unwritten_bytes: self.unwritten_bytes.get(),
            ..Metrics::of(service)
        }
    }
}

impl Metrics {
    /// What a service of any kind counts and holds.
    pub(crate) fn of(service: &Service) -> Self {
        let context = &service.context;
        let carried = context.traffic.carried();
        let node = service.node();
        let (inbound_bytes, outbound_bytes) = (node.inbound_bytes(), node.outbound_bytes());
        let (subscribed_keys, peers) = (node.subscribed_keys(), node.peers().len());
        drop(node);
        let times = context.times.as_ref();
        Self {
            inbound_bytes,
            outbound_bytes,
            subscribed_keys,
            peers,
            pending_requests: carried.pending_requests,
            running_handlers: carried.running_handlers,
            received_messages: carried.received_messages,
            received_bytes: carried.received_bytes,
            sent_messages: carried.sent_messages,
            sent_bytes: carried.sent_bytes,
            lost_events: service.lost_peer_events(),
            suppressed_log_lines: context.logs.suppressed(),
            handler_times: times
                .map(|times| times.handlers.snapshot())
                .unwrap_or_default(),
            round_trips: times
                .map(|times| times.requests.snapshot())
                .unwrap_or_default(),
            ..Self::default()
        }
    }
}
