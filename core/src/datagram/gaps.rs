//! Notifications that were not sent to one of their receivers, until it is told.

use core::net::SocketAddr;

use super::remembered::Remembered;
use crate::hashes::Hashes;

/// How many were not sent to whom since the last one that was: a number for each of so many
/// receivers at most.
#[derive(Debug)]
pub(super) struct Gaps(Remembered<u64>);

impl Gaps {
    /// Counts for so many at most, and at least for half of them.
    pub(super) fn new(max: usize, hashes: Hashes) -> Self {
        Self(Remembered::new(max, hashes))
    }

    /// So many more were not sent.
    pub(super) fn lose(&mut self, receiver: SocketAddr, count: u64) {
        let all = self.of(receiver).saturating_add(count);
        self.0.set(receiver, all);
    }

    /// How many were not.
    pub(super) fn of(&self, receiver: SocketAddr) -> u64 {
        self.0.get(receiver).unwrap_or(0)
    }

    /// One that says so is sent.
    pub(super) fn told(&mut self, receiver: SocketAddr) {
        self.0.remove(receiver);
    }
}
