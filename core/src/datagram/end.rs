//! The end of a datagram link.

use core::time::Duration;

use super::DatagramLink;
use super::event::Notice;
use super::phase::Phase;
use super::transmits::Transmits;

impl DatagramLink {
    /// How long what is queued when the grace is over may take to be sent.
    pub(super) const LAST_SENDS: Duration = Duration::from_secs(1);

    pub(super) fn is_drained(&self) -> bool {
        let sent = self.outbox_bytes() == 0 && self.fan_outs.is_empty();
        let idle = self.calls.is_idle() && self.inlet.is_empty() && sent;
        matches!(self.phase, Phase::Draining { .. }) && idle
    }

    /// Whether the grace is over, and what was queued by then is sent, or the time for that is
    /// over too.
    pub(crate) fn has_sent_last(&self) -> bool {
        let now = self.exchange.now.monotonic;
        let sent = self.outbox_bytes() == 0;
        matches!(self.phase, Phase::LastSends { until } if sent || until <= now)
    }

    /// Whether a step towards the end can be taken.
    pub(super) fn may_end(&self) -> bool {
        self.has_sent_last() || self.is_drained()
    }

    pub(super) fn close(&mut self) {
        self.outbox = Transmits::new();
        self.in_flight = 0;
        self.fan_outs.clear();
        self.phase = Phase::Closed;
        self.notices.push_back(Notice::Closed);
    }
}
