//! What the calls of few links have.

use alloc::collections::{BTreeSet, VecDeque};
use core::net::IpAddr;
use core::time::Duration;

use crate::frame::SealedMessage;
use crate::options::CallOptions;

/// A message that passed the outer layer and waits for its turn.
#[derive(Debug)]
pub(crate) struct Waiting<A> {
    pub(crate) sealed: SealedMessage,
    pub(crate) from: A,
    /// Bytes of its frame.
    pub(crate) bytes: usize,
    /// The address of this node that it came to, where the link has several.
    pub(crate) local: Option<IpAddr>,
    /// It came when the link was drained already.
    pub(crate) late: bool,
}

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
