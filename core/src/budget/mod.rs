//! What the links of one node hold in memory, and how many handlers run for them,
//! all together.

mod account;
mod cut;
mod mailbox;
mod pool;

use alloc::sync::Arc;

pub(crate) use self::account::{Account, Cut, Held};
pub use self::mailbox::MailboxAccount;

use self::pool::{Change, Pool};
use crate::limits::Limits;
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
    /// Those of `outbound` that links share.
    shared: AtomicUsize,
    /// How often links were cut since less waited to be written than may.
    cuts: AtomicUsize,
    /// Numbers of frames that were begun and are not complete.
    unfinished: AtomicUsize,
    calls: AtomicUsize,
    max_calls: usize,
    /// Handlers that run for askers that are gone, which are not among `calls`.
    abandoned: AtomicUsize,
    max_abandoned: usize,
    /// Bytes that may wait for one link before publishers wait, and as many as its share of
    /// what may wait for all is.
    room: usize,
    share: AtomicUsize,
    /// Number of links.
    links: AtomicUsize,
    /// A call of one of the links was dropped without a reply.
    pub(crate) dropped_calls: Arc<AtomicBool>,
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
    /// Of more than an eighth of what may be held, most was let go: a time to give memory
    /// back to the system, for allocators that have to be told.
    pub released: bool,
}

impl Pressure {
    /// Whether it means nothing for others.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What both mean.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            inbound: self.inbound || other.inbound,
            outbound: self.outbound || other.outbound,
            room: self.room || other.room,
            handlers: self.handlers.saturating_add(other.handlers),
            released: self.released || other.released,
        }
    }
}

impl Budget {
    /// The most that is read at once where there is not plenty of room, in bytes.
    const SCARCE: usize = 2 * 1024;

    pub(crate) fn new(limits: &Limits) -> Self {
        let (inbound, outbound) = (limits.inbound_total(), limits.outbound_total());
        Self {
            inbound: Pool::new(inbound, inbound / 2),
            // What is cut has time to go, and allocators have their share.
            outbound: Pool::new(outbound, outbound.saturating_sub(outbound / 4)),
            shared: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            max_calls: limits.handlers(),
            abandoned: AtomicUsize::new(0),
            max_abandoned: limits.abandoned_handlers().unwrap_or(limits.handlers()),
            room: limits.backlog().min(limits.outbound_queue()),
            share: AtomicUsize::new(usize::MAX),
            links: AtomicUsize::new(0),
            dropped_calls: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Says how many links there are.
    pub(crate) fn set_links(&self, count: usize) {
        self.links.store(count, Ordering::Relaxed);
        let share = (self.outbound.max / 2).checked_div(count);
        let share = share.unwrap_or(usize::MAX).max(Limits::HIGH_WATER);
        self.share.store(share, Ordering::Relaxed);
    }

    /// What all links hold together.
    pub(crate) fn held(&self) -> Held {
        Held {
            inbound: self.inbound.bytes(),
            outbound: self.outbound.bytes(),
            queued: 0,
            calls: self.calls.load(Ordering::Acquire),
            abandoned: self.abandoned.load(Ordering::Acquire),
        }
    }

    /// Counts a frame that links share.
    pub(crate) fn share(&self, bytes: usize) -> Pressure {
        self.shared.fetch_add(bytes, Ordering::SeqCst);
        self.change_outbound(0, bytes)
    }

    /// Counts such a frame no more.
    pub(crate) fn unshare(&self, bytes: usize) {
        self.shared.fetch_sub(bytes, Ordering::SeqCst);
        self.change_outbound(bytes, 0);
    }

    /// Publishes what waits elsewhere for a link: the memory of it, and its bytes.
    pub(crate) fn hold_mailbox(&self, account: &Account, held: usize, queued: usize) -> Pressure {
        let before = account.set_mailbox(held, queued);
        self.change_outbound(before, held)
    }

    /// Says whether a link has a frame that is not complete: the same one as before, as long
    /// as it says so.
    pub(crate) fn set_unfinished(&self, account: &Account, unfinished: bool) {
        match (account.unfinished(), unfinished) {
            (None, true) => {
                let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
                account.set_unfinished(number.wrapping_add(1).max(1));
            }
            (Some(_), false) => account.set_unfinished(0),
            _ => {}
        }
    }

    fn change_outbound(&self, before: usize, after: usize) -> Pressure {
        let change = self.outbound.change(before, after);
        if change == Change::Freed {
            self.cuts.store(0, Ordering::Relaxed);
        }
        Pressure {
            outbound: change == Change::Exceeded,
            ..Pressure::default()
        }
    }

    /// Whether there is room for one more message for many behind so many bytes that wait
    /// for a link: fewer than may wait for long, and than its share of half of what may
    /// wait for all links.
    pub(crate) fn has_room(&self, waiting: usize) -> bool {
        waiting == 0 || waiting < self.room.min(self.share.load(Ordering::Relaxed))
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

    /// Counts handlers of a link among those whose askers are gone, `calls` of them if there is
    /// room; and says how many are counted there.
    pub(crate) fn abandon(&self, account: &Account, calls: usize) -> usize {
        let had = account.abandoned();
        let wanted = calls.saturating_sub(had);
        if wanted == 0 {
            return had;
        }
        let more = |all: usize| self.max_abandoned.saturating_sub(all).min(wanted);
        let all = self
            .abandoned
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |all| {
                Some(all.saturating_add(more(all)))
            });
        let now = had.saturating_add(more(all.unwrap_or(usize::MAX)));
        account.set_abandoned(now);
        now
    }

    /// Counts a link no more that is closed, but for handlers that run on.
    pub(crate) fn close(&self, account: &Account) -> Pressure {
        let Held {
            inbound, abandoned, ..
        } = account.held();
        let inbound = if abandoned > 0 { inbound } else { 0 };
        let held = Held {
            inbound,
            abandoned,
            ..Held::default()
        };
        self.hold(account, held)
    }

    /// Publishes what a link holds, which has no more abandoned handlers than it
    /// [had](Self::abandon).
    pub(crate) fn hold(&self, account: &Account, held: Held) -> Pressure {
        let before = account.held();
        if before == held {
            return Pressure::default();
        }
        // All before any of them is looked at, here or by another link: of two that
        // change at once, the later one sees both.
        account.set_held(held);
        let ended = before.abandoned.saturating_sub(held.abandoned);
        if ended > 0 {
            self.abandoned.fetch_sub(ended, Ordering::AcqRel);
        }
        let mut pressure = Pressure {
            handlers: self.change_calls(before.calls, held.calls),
            inbound: held.inbound > 0
                && held.queued >= Limits::HIGH_WATER
                && before.queued < Limits::HIGH_WATER
                && self.inbound.bytes() > self.inbound.alarm,
            ..Pressure::default()
        };
        pressure = pressure.with(self.change_inbound(before.inbound, held.inbound));
        let outbound = self.change_outbound(before.outbound, held.outbound);
        pressure.outbound = outbound.outbound;
        pressure.released |= self.outbound.take_released();
        pressure
    }

    /// Counts what was received and is held otherwise than before, by a link or by none.
    pub(crate) fn change_inbound(&self, before: usize, after: usize) -> Pressure {
        let change = self.inbound.change(before, after);
        Pressure {
            inbound: change == Change::Exceeded,
            room: change == Change::Freed,
            released: self.inbound.take_released(),
            ..Pressure::default()
        }
    }

    /// Whether so many bytes more may be received that can wait: three quarters are for those,
    /// and the rest for small messages.
    pub(crate) fn has_inbound_room(&self, more: usize) -> bool {
        self.inbound.bytes().saturating_add(more) <= self.inbound.high()
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

    /// How many bytes may be read at once from a link that holds so many;
    /// `usize::MAX` where there is plenty of room.
    pub(crate) fn room(&self, account: &Account, held: usize) -> usize {
        let all = self.inbound.bytes();
        // There is room for those who have shown themselves, whatever strangers hold.
        let plenty = match account.is_verified() {
            true => self.inbound.brim(),
            false => self.inbound.high(),
        };
        if all < plenty {
            return usize::MAX;
        }
        let count = self.links.load(Ordering::Relaxed).max(1);
        let share = self.inbound.alarm.checked_div(count).unwrap_or(0);
        let bytes = Self::SCARCE.min(share / 2);
        match all < self.inbound.max && held.saturating_add(bytes) <= share {
            true => bytes,
            false => 0,
        }
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
