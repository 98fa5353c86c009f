//! The steps of a link's end.

use alloc::boxed::Box;
use core::time::Duration;

use crate::error::CloseReason;
use crate::now::Moment;

/// How far the link's end has come. What a step is about is on the heap, as most links have come to
/// none yet.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has not begun.
    Open {
        /// What comes is refused, and the link ends when nothing is under way, or then.
        drain_until: Option<Moment>,
    },
    /// Nothing more is received. What was received is answered.
    Answering(Box<Step>),
    /// What is queued is written.
    Flushing(Box<Step>),
    /// The sending side has ended; the remote's end is waited for. A socket that is
    /// closed with bytes in it that nobody read is reset, and with it goes what was
    /// written last and is still on its way.
    Lingering(Box<Step>),
    /// It is over.
    Closed {
        reason: Box<CloseReason>,
        /// The node was told, and the event is on its way.
        announced: bool,
    },
}

/// Why a link ends, and when the step that it has come to is given up.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) reason: CloseReason,
    pub(super) until: Duration,
}

impl Phase {
    pub(super) fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Open { .. } | Self::Answering(_) => None,
            Self::Flushing(step) | Self::Lingering(step) => Some(&step.reason),
            Self::Closed { reason, .. } => Some(reason),
        }
    }

    /// Whether nothing waits to be written any more.
    pub(super) fn has_written(&self) -> bool {
        matches!(self, Self::Lingering(_) | Self::Closed { .. })
    }

    /// When the step is given up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Open { drain_until } => drain_until.map(Duration::from),
            Self::Answering(step) | Self::Flushing(step) | Self::Lingering(step) => {
                Some(step.until)
            }
            Self::Closed { .. } => None,
        }
    }
}
