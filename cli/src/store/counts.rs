//! What a store has done, and what it holds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Counters, and what is in the file.
#[derive(Default)]
pub(crate) struct Counts {
    resources: AtomicU64,
    bytes: AtomicU64,
    reads: AtomicU64,
    changes: AtomicU64,
    commits: AtomicU64,
    commit_nanos: AtomicU64,
    failures: AtomicU64,
    is_broken: AtomicBool,
}

/// A snapshot of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Resources, and the bytes that they count.
    pub(crate) resources: u64,
    pub(crate) bytes: u64,
    /// What was read, also where nothing was found.
    pub(crate) reads: u64,
    /// Changes that were kept.
    pub(crate) changes: u64,
    /// Transactions that kept them, and the time that they took.
    pub(crate) commits: u64,
    pub(crate) commit_time: Duration,
    /// What could not be read or changed since the file does not work.
    pub(crate) failures: u64,
    /// The last change or read has failed.
    pub(crate) is_broken: bool,
    /// What waits.
    pub(crate) waiting_changes: usize,
    pub(crate) waiting_reads: usize,
}

impl Counts {
    pub(super) fn holds(&self, (resources, bytes): (u64, u64)) {
        self.resources.store(resources, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, changes: usize, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.is_broken.store(false, Ordering::Relaxed);
        self.changes.fetch_add(changes as u64, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn read(&self, reads: usize) {
        self.reads.fetch_add(reads as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, number: usize) {
        self.is_broken.store(true, Ordering::Relaxed);
        self.failures.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self, waiting_changes: usize, waiting_reads: usize) -> Counted {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            resources: of(&self.resources),
            bytes: of(&self.bytes),
            reads: of(&self.reads),
            changes: of(&self.changes),
            commits: of(&self.commits),
            commit_time: Duration::from_nanos(of(&self.commit_nanos)),
            failures: of(&self.failures),
            is_broken: self.is_broken.load(Ordering::Relaxed),
            waiting_changes,
            waiting_reads,
        }
    }
}
