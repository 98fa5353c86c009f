//! What is counted, and what must not happen.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A number that many add to.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($count:ident: $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $name {
            $(pub(crate) $count: Count,)*
        }

        impl $name {
            /// Each with what it says.
            pub(crate) fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$(($text, self.$count.get()),)*]
            }
        }
    };
}

counts! {
    /// What went as it should.
    Work {
        answered: "requests answered",
        connected: "connections made by clients",
        reconnected: "of these by `AutoReconnect`",
        acknowledged: "records and changes acknowledged",
        unanswered: "changes that were never answered, so either way is right",
        verified: "acknowledged records read back and found right",
        deleted: "records deleted, and gone",
        published: "notifications published",
        notified: "notifications received, in order",
    }
}

counts! {
    /// What was done to the server.
    Faults {
        cut: "connections cut by a proxy, at any byte",
        reset: "connections reset by a proxy, at any byte",
        half: "half a frame, then the end",
        half_reset: "half a frame, then a reset",
        stalled: "half a frame, then silence until the server closes",
        garbage: "random bytes",
        checksum: "frames with a wrong checksum",
        forged: "frames with a wrong MAC",
        dribbled: "frames in pieces of a few bytes",
        finished: "requests whose sender sends no more",
        unread: "50 requests, then a reset with no answer read",
        slow: "subscribers that never read",
        cancelled: "requests cancelled",
        dropped: "clients dropped with requests in flight",
        datagrams: "datagrams that are no messages, or forged",
    }
}

impl Faults {
    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.rows().iter().map(|(_, count)| count).sum()
    }
}

/// All of it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) work: Work,
    pub(crate) faults: Faults,
    broken: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    /// Takes note of something that must not happen.
    pub(crate) fn broken(&self, what: impl Display) {
        let broken = self.broken.lock();
        let mut broken = broken.unwrap_or_else(PoisonError::into_inner);
        let times = broken.entry(what.to_string()).or_default();
        *times += 1;
        if *times == 1 {
            eprintln!("BROKEN: {what}");
        }
    }

    /// What must not have happened, and how often it did.
    pub(crate) fn all_broken(&self) -> BTreeMap<String, u64> {
        let broken = self.broken.lock();
        broken.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
