//! What is due on a datagram link, and when.

use super::{DatagramLink, Phase};
use crate::events::{Deadline, DeadlineReason};
use crate::shared::SharedNode;

impl DatagramLink {
    /// When [`poll`](Self::poll) is due, if nothing else happens before: for a request,
    /// or for the peers of the node.
    pub fn deadline<N: SharedNode>(&mut self, node: &mut N) -> Option<Deadline> {
        let now = self.exchange.now.monotonic;
        if self.wants_poll() {
            return Some(Deadline {
                at: now,
                reason: DeadlineReason::Turn,
            });
        }
        let request = self.exchange.pending.deadline();
        let request = request.map(|at| (at, DeadlineReason::Request));
        let peers = node.deadline().filter(|_| self.phase == Phase::Open);
        let peers = peers.into_iter().chain(self.delayed.deadline());
        let peers = peers.map(|at| (at, DeadlineReason::Peers));
        let end = match self.phase {
            Phase::Draining { until } | Phase::LastSends { until } => {
                Some((until, DeadlineReason::End))
            }
            _ => None,
        };
        let renewal = self.renewals.deadline();
        let renewal = renewal.map(|at| (at, DeadlineReason::Renewal));
        let call = self.calls.deadline();
        let call = call.map(|at| (at, DeadlineReason::Handler));
        let all = request.into_iter().chain(peers).chain(renewal);
        let all = all.chain(end).chain(call);
        let first = all.min_by_key(|(at, _)| *at);
        first.map(|(at, reason)| Deadline { at, reason })
    }

    /// Does what is due by now.
    pub(super) fn expire<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now.monotonic;
        while let Some((request, error)) = self.exchange.next_timed_out() {
            self.request_failed(request, error);
        }
        self.cancel_timed_out(node);
        if matches!(self.phase, Phase::Draining { until } if until <= now) {
            self.refuse_rest(node);
            self.calls.clear();
            self.inlet.clear();
            self.fan_outs.clear();
            self.phase = Phase::LastSends {
                until: self.exchange.now.deadline(Self::LAST_SENDS),
            };
        }
    }
}
