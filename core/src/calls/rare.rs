//! What the calls of few links have.

use alloc::collections::{BTreeSet, VecDeque};
use core::time::Duration;

use super::Waiting;
use crate::options::CallOptions;

/// On the heap, and only where there is some of it.
#[derive(Debug)]
pub(super) struct Rare<A> {
    /// What is set for each call that is not told otherwise.
    pub(super) options: CallOptions,
    /// When calls time out, with their slots.
    pub(super) deadlines: BTreeSet<(Duration, usize)>,
    pub(super) waiting: VecDeque<Waiting<A>>,
    pub(super) waiting_bytes: usize,
}

impl<A> Rare<A> {
    pub(super) const fn new(options: CallOptions) -> Self {
        Self {
            options,
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }
}
