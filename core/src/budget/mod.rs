//! What the links of one node hold in memory, and how many handlers run for them,
//! all together.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::limits::Limits;
use crate::place::LinkId;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// The bounds on all links of a node together.
///
/// Each link publishes what it holds when it has nothing more to do, and only
/// where that has changed: an addition for what has to wait, and nothing for what
/// did not.
#[derive(Debug)]
pub(crate) struct Budget {
    inbound: Pool,
    outbound: Pool,
    calls: AtomicUsize,
    max_calls: usize,
    /// Number of links.
    links: AtomicUsize,
    /// A call of one of the links was dropped without a reply.
    pub(crate) dropped_calls: Arc<AtomicBool>,
}

/// Bytes of all links, of one direction.
#[derive(Debug)]
struct Pool {
    bytes: AtomicUsize,
    max: usize,
    /// Past this many bytes links are cut.
    alarm: usize,
    /// Past this many bytes the links are compared: more than `alarm` when that was
    /// just done.
    look_at: AtomicUsize,
}

/// What it means for all that one link holds more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Exceeded,
    Freed,
}

/// What one link holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Bytes received, until their handlers have answered.
    pub(crate) inbound: usize,
    /// Bytes waiting to be written.
    pub(crate) outbound: usize,
    /// Handlers that run.
    pub(crate) calls: usize,
}

/// What one link holds, as it published last.
#[derive(Debug, Default)]
pub(crate) struct Account {
    inbound: AtomicUsize,
    outbound: AtomicUsize,
    calls: AtomicUsize,
    cut: AtomicBool,
    /// A message has passed the link's outer layer.
    verified: AtomicBool,
    /// The link is to close for another.
    displaced: AtomicBool,
}

/// What a link's holdings mean for the other links of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// More is received and not handled than may be, and a remote that reads no
    /// answers holds a part of it.
    pub inbound: bool,
    /// More waits to be written than may.
    pub outbound: bool,
    /// There is room to read that was not there before.
    pub room: bool,
    /// So many handlers have ended, whose places others may take.
    pub handlers: usize,
}

impl Pressure {
    /// Whether it means nothing for others.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl Budget {
    /// The most that is read at once past half of what all may hold, in bytes.
    const SCARCE: usize = 2 * 1024;

    pub(crate) fn new(limits: &Limits) -> Self {
        let (inbound, outbound) = (limits.inbound_total(), limits.outbound_total());
        Self {
            inbound: Pool::new(inbound, inbound / 2),
            outbound: Pool::new(outbound, outbound),
            calls: AtomicUsize::new(0),
            max_calls: limits.handlers(),
            links: AtomicUsize::new(0),
            dropped_calls: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Says how many links there are.
    pub(crate) fn set_links(&self, count: usize) {
        self.links.store(count, Ordering::Relaxed);
    }

    /// What all links hold together.
    pub(crate) fn held(&self) -> Held {
        Held {
            inbound: self.inbound.bytes(),
            outbound: self.outbound.bytes(),
            calls: self.calls.load(Ordering::Acquire),
        }
    }

    /// Whether one more handler may run. Links on several threads that look at the
    /// same moment may pass the bound by their number.
    pub(crate) fn may_call(&self) -> bool {
        self.calls.load(Ordering::Acquire) < self.max_calls
    }

    /// Whether one more handler may run for a link that has so many running, whatever
    /// it has published.
    pub(crate) fn may_call_beside(&self, account: &Account, calls: usize) -> bool {
        let others = self.calls.load(Ordering::Acquire);
        let others = others.saturating_sub(account.calls());
        others.saturating_add(calls) < self.max_calls
    }

    /// Publishes what a link holds.
    pub(crate) fn hold(&self, account: &Account, held: Held) -> Pressure {
        let before = account.held();
        if before == held {
            return Pressure::default();
        }
        // All before any of them is looked at, here or by another link: of two that
        // change at once, the later one sees both.
        account.inbound.store(held.inbound, Ordering::SeqCst);
        account.outbound.store(held.outbound, Ordering::SeqCst);
        account.calls.store(held.calls, Ordering::SeqCst);
        let mut pressure = Pressure {
            handlers: self.change_calls(before.calls, held.calls),
            inbound: held.inbound > 0
                && held.outbound >= Limits::HIGH_WATER
                && before.outbound < Limits::HIGH_WATER
                && self.inbound.bytes() > self.inbound.alarm,
            ..Pressure::default()
        };
        match self.inbound.change(before.inbound, held.inbound) {
            Change::None => {}
            Change::Exceeded => pressure.inbound = true,
            Change::Freed => pressure.room = true,
        }
        pressure.outbound =
            self.outbound.change(before.outbound, held.outbound) == Change::Exceeded;
        pressure
    }

    /// Counts handlers, and says how many have ended.
    fn change_calls(&self, before: usize, after: usize) -> usize {
        let less = before.saturating_sub(after);
        match after.saturating_sub(before) {
            0 => self.calls.fetch_sub(less, Ordering::AcqRel),
            more => self.calls.fetch_add(more, Ordering::AcqRel),
        };
        less
    }

    /// How many bytes may be read from a link at once; `usize::MAX` where there is
    /// plenty of room.
    pub(crate) fn room(&self, account: &Account) -> usize {
        let all = self.inbound.bytes();
        if all < self.inbound.alarm {
            return usize::MAX;
        }
        let count = self.links.load(Ordering::Relaxed).max(1);
        let share = self.inbound.alarm.checked_div(count).unwrap_or(0);
        let bytes = Self::SCARCE.min(share / 2);
        let held = account.held().inbound;
        match all < self.inbound.max && held.saturating_add(bytes) <= share {
            true => bytes,
            false => 0,
        }
    }

    /// Marks the links that are to be closed, so that no more is held than may be:
    /// where too much is received, those whose remotes read no answers and so keep
    /// their own requests waiting, for nothing else makes them let go; where too
    /// much waits to be written, those with the most of it.
    pub(crate) fn cut<'a>(
        &self,
        pressure: Pressure,
        links: impl Iterator<Item = (LinkId, &'a Arc<Account>)> + Clone,
    ) -> Vec<LinkId> {
        let mut cut = Vec::new();
        if pressure.inbound {
            let held = links.clone().map(|(link, account)| {
                let held = account.held();
                let may_go = held.inbound > 0 && held.outbound >= Limits::HIGH_WATER;
                (held.inbound, may_go, link, account)
            });
            cut_down(held, self.inbound.alarm, &mut cut);
        }
        if pressure.outbound {
            let held = links.map(|(link, account)| (account.held().outbound, true, link, account));
            cut_down(held, self.outbound.max, &mut cut);
        }
        cut
    }
}

/// Marks links, the largest first, until no more than `max` bytes are held by all
/// that are not marked.
fn cut_down<'a>(
    held: impl Iterator<Item = (usize, bool, LinkId, &'a Arc<Account>)>,
    max: usize,
    cut: &mut Vec<LinkId>,
) {
    let mut all = 0_usize;
    let mut candidates: Vec<_> = held
        .filter(|(.., account)| !account.is_cut())
        .filter_map(|(bytes, may_go, link, account)| {
            all = all.saturating_add(bytes);
            may_go.then_some((bytes, link, account))
        })
        .collect();
    candidates.sort_unstable_by_key(|(bytes, link, _)| (*bytes, *link));
    while all > max
        && let Some((bytes, link, account)) = candidates.pop()
    {
        all = all.saturating_sub(bytes);
        account.cut.store(true, Ordering::SeqCst);
        cut.push(link);
    }
}

impl Account {
    /// Whether the link is to be closed, since all links hold too much.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Notes that a message has passed the link's outer layer.
    pub(crate) fn verify(&self) {
        // The plain load comes first, as it is all that there is to do as a rule.
        if !self.is_verified() {
            self.verified.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    /// Lets the link close for another.
    pub(crate) fn displace(&self) {
        self.displaced.store(true, Ordering::Release);
    }

    pub(crate) fn is_displaced(&self) -> bool {
        self.displaced.load(Ordering::Acquire)
    }

    /// Handlers that run, as was published last.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn held(&self) -> Held {
        Held {
            inbound: self.inbound.load(Ordering::SeqCst),
            outbound: self.outbound.load(Ordering::SeqCst),
            calls: self.calls.load(Ordering::SeqCst),
        }
    }
}

impl Pool {
    fn new(max: usize, alarm: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max,
            alarm,
            look_at: AtomicUsize::new(alarm),
        }
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Counts what one link holds otherwise than before. That all hold too much is
    /// not said each time, since all of them are compared then, but whenever they
    /// hold some more.
    fn change(&self, before: usize, after: usize) -> Change {
        let less = before.saturating_sub(after);
        if less > 0 {
            let before = self.bytes.fetch_sub(less, Ordering::SeqCst);
            let after = before.saturating_sub(less);
            let freed = |level| after < level && before >= level;
            if freed(self.alarm) {
                self.look_at.store(self.alarm, Ordering::Relaxed);
            }
            return match freed(self.alarm) || freed(self.max) {
                true => Change::Freed,
                false => Change::None,
            };
        }
        let more = after.saturating_sub(before);
        let all = self.bytes.fetch_add(more, Ordering::SeqCst);
        let all = all.saturating_add(more);
        if all <= self.look_at.load(Ordering::Relaxed) {
            return Change::None;
        }
        let next = all.saturating_add(self.max / 64);
        self.look_at.store(next, Ordering::Relaxed);
        Change::Exceeded
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
