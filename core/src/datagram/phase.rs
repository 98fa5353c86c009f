//! The steps of a datagram link's end.

use core::time::Duration;

/// How far the link's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not begun.
    Open,
    /// Nothing more is received, and the link ends when nothing is under way, or then.
    Draining { until: Duration },
    /// The grace is over, and nothing more is queued. What is queued is sent until then.
    LastSends { until: Duration },
    /// Nothing comes out any more.
    Closed,
}
