//! The steps of a link's end.

use alloc::boxed::Box;
use core::time::Duration;

use crate::error::CloseReason;

/// How far the link's end has come. The reason is on the heap, as most links have none yet.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has not begun.
    Open {
        /// What comes is refused, and the link ends when nothing is under way, or then.
        drain_until: Option<Duration>,
    },
    /// Nothing more is received. What was received is answered.
    Answering {
        reason: Box<CloseReason>,
        until: Duration,
    },
    /// What is queued is written.
    Flushing {
        reason: Box<CloseReason>,
        until: Duration,
    },
    /// The sending side has ended; the remote's end is waited for. A socket that is
    /// closed with bytes in it that nobody read is reset, and with it goes what was
    /// written last and is still on its way.
    Lingering {
        reason: Box<CloseReason>,
        until: Duration,
    },
    /// It is over.
    Closed {
        reason: Box<CloseReason>,
        /// The node was told, and the event is on its way.
        announced: bool,
    },
}

impl Phase {
    pub(super) fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Open { .. } | Self::Answering { .. } => None,
            Self::Flushing { reason, .. }
            | Self::Lingering { reason, .. }
            | Self::Closed { reason, .. } => Some(reason),
        }
    }

    /// Whether nothing waits to be written any more.
    pub(super) fn has_written(&self) -> bool {
        matches!(self, Self::Lingering { .. } | Self::Closed { .. })
    }

    /// When the step is given up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Open { drain_until } => *drain_until,
            Self::Answering { until, .. }
            | Self::Flushing { until, .. }
            | Self::Lingering { until, .. } => Some(*until),
            Self::Closed { .. } => None,
        }
    }
}
