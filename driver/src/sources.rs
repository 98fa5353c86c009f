//! The clock and the seeds of a server, a client or a node.

use crate::clock::Time;
use crate::random::Seeds;

/// The clock and the seeds: those of the system, unless a builder is given others.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    pub(crate) time: Time,
    pub(crate) seeds: Seeds,
}
