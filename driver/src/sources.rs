//! What a server, a client or a node takes from outside besides messages.

use crate::clock::Time;
use crate::random::Seeds;

/// Where the time and the seeds come from: the system, unless a builder says
/// otherwise.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    pub(crate) time: Time,
    pub(crate) seeds: Seeds,
}
