//! What the connections of one server or client hold in memory, all together.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use event_listener::Event;
use netaio_core::Limits;

use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering};

/// Queued answers past which a server reads no further requests of a connection,
/// in bytes: its remote does not read them.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

/// The bounds on all connections together.
///
/// Each task says what its connection holds before it waits, and only where that
/// has changed: an addition for what did not go at once, and nothing for what
/// did. The lock is for connections that come, go, or are to be cut.
pub(crate) struct Budget {
    inbound: Pool,
    outbound: Pool,
    /// Number of members.
    count: AtomicUsize,
    members: Mutex<BTreeMap<u64, Arc<dyn Holder>>>,
    /// Notified when there may be room to read.
    freed: Event,
}

/// Bytes of all connections, of one direction.
struct Pool {
    bytes: AtomicUsize,
    max: usize,
    /// Past this many bytes something has to be done.
    alarm: usize,
    /// Past this many somebody looks for what to do: more than `alarm` when that
    /// was just done.
    next_alarm: AtomicUsize,
}

/// What it means for all that one connection holds more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    /// Something has to be done.
    Alarm,
    /// Somebody may have waited for this.
    Freed,
}

/// What one connection holds, as its task said last.
#[derive(Default)]
pub(crate) struct Account {
    inbound: AtomicUsize,
    outbound: AtomicUsize,
    /// It was cut off.
    cut: AtomicBool,
}

/// How much may be read from one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// As much as there is.
    Plenty,
    /// So many bytes at once.
    Bytes(usize),
}

/// What holds bytes: a connection.
pub(crate) trait Holder: Send + Sync {
    fn account(&self) -> &Account;

    /// Closes it as a slow consumer, and discards what is queued.
    fn cut_off(&self);
}

/// The place of one connection among the others, given back on drop with what it
/// holds.
pub(crate) struct Member {
    budget: Arc<Budget>,
    number: u64,
    holder: Arc<dyn Holder>,
}

impl Budget {
    /// The most that is read at once past half of what all may hold, in bytes.
    const SCARCE: usize = 2 * 1024;

    pub(crate) fn new(limits: &Limits) -> Self {
        let (inbound, outbound) = (limits.inbound_total(), limits.outbound_total());
        Self {
            inbound: Pool::new(inbound, inbound / 2),
            outbound: Pool::new(outbound, outbound),
            count: AtomicUsize::new(0),
            members: Mutex::default(),
            freed: Event::new(),
        }
    }

    /// Bytes received and not handled, and bytes waiting to be written.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.inbound.bytes(), self.outbound.bytes())
    }

    /// Says what a connection holds now.
    pub(crate) fn hold(&self, account: &Account, inbound: usize, outbound: usize) {
        let (inbound_before, outbound_before) = account.held();
        if (inbound_before, outbound_before) == (inbound, outbound) {
            return;
        }
        // Both before any of them is looked at, here or by the task of another
        // connection: of two that change at once, the later one sees both.
        account.inbound.store(inbound, Ordering::SeqCst);
        account.outbound.store(outbound, Ordering::SeqCst);
        let mut alarm = inbound > 0
            && outbound >= HIGH_WATER
            && outbound_before < HIGH_WATER
            && self.inbound.bytes() > self.inbound.alarm;
        match self.inbound.change(inbound_before, inbound) {
            Change::None => {}
            Change::Alarm => alarm = true,
            Change::Freed => {
                self.freed.notify(usize::MAX);
            }
        }
        if alarm {
            self.cut_unread();
        }
        if self.outbound.change(outbound_before, outbound) == Change::Alarm {
            self.cut_largest();
        }
    }

    /// Is ready when a connection may be read from.
    pub(crate) async fn room(&self, account: &Account) -> Room {
        if let Some(room) = self.room_now(account) {
            return room;
        }
        loop {
            let freed = self.freed.listen();
            if let Some(room) = self.room_now(account) {
                return room;
            }
            freed.await;
        }
    }

    fn room_now(&self, account: &Account) -> Option<Room> {
        let all = self.inbound.bytes();
        if all < self.inbound.alarm {
            return Some(Room::Plenty);
        }
        let count = self.count.load(Ordering::Relaxed).max(1);
        let share = self.inbound.alarm.checked_div(count).unwrap_or(0);
        let bytes = Self::SCARCE.min(share / 2);
        let (held, _) = account.held();
        let fits = bytes > 0 && all < self.inbound.max && held.saturating_add(bytes) <= share;
        fits.then_some(Room::Bytes(bytes))
    }

    /// Cuts connections whose remotes read no answers, and so keep their own
    /// requests waiting: nothing else would ever make them let go of these.
    fn cut_unread(&self) {
        let members = self.members();
        let kept = members.values().filter(|member| !member.account().is_cut());
        let held = kept.map(|member| (member.account().held(), member));
        let held = held.map(|((inbound, outbound), member)| {
            let may_go = inbound > 0 && outbound >= HIGH_WATER;
            (inbound, may_go.then_some(member))
        });
        cut_down(held, self.inbound.alarm);
    }

    /// Cuts the connections for which the most bytes wait.
    fn cut_largest(&self) {
        let members = self.members();
        let kept = members.values().filter(|member| !member.account().is_cut());
        let held = kept.map(|member| (member.account().held().1, Some(member)));
        cut_down(held, self.outbound.max);
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<dyn Holder>>> {
        // The map is whole between two calls: poison says nothing about it.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts off the holders that are given, the largest first, until no more than
/// `max` is held by all.
fn cut_down<'a>(held: impl Iterator<Item = (usize, Option<&'a Arc<dyn Holder>>)>, max: usize) {
    let mut all = 0_usize;
    let mut candidates: Vec<_> = held
        .filter_map(|(bytes, holder)| {
            all = all.saturating_add(bytes);
            Some((bytes, holder?))
        })
        .collect();
    candidates.sort_unstable_by_key(|(bytes, _)| *bytes);
    while all > max
        && let Some((bytes, holder)) = candidates.pop()
    {
        all = all.saturating_sub(bytes);
        holder.account().cut.store(true, Ordering::SeqCst);
        holder.cut_off();
    }
}

impl Account {
    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Bytes received and not handled, and bytes waiting to be written.
    fn held(&self) -> (usize, usize) {
        let inbound = self.inbound.load(Ordering::SeqCst);
        (inbound, self.outbound.load(Ordering::SeqCst))
    }
}

impl Pool {
    fn new(max: usize, alarm: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max,
            alarm,
            next_alarm: AtomicUsize::new(alarm),
        }
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Counts what one connection holds otherwise than before. What it does to all
    /// is not told each time, since all of them are looked at then, but whenever
    /// they hold some more.
    fn change(&self, before: usize, after: usize) -> Change {
        let less = before.saturating_sub(after);
        if less > 0 {
            let before = self.bytes.fetch_sub(less, Ordering::SeqCst);
            let after = before.saturating_sub(less);
            let freed = |level| after < level && before >= level;
            if freed(self.alarm) {
                self.next_alarm.store(self.alarm, Ordering::Relaxed);
            }
            return match freed(self.alarm) || freed(self.max) {
                true => Change::Freed,
                false => Change::None,
            };
        }
        let more = after.saturating_sub(before);
        let all = self.bytes.fetch_add(more, Ordering::SeqCst);
        let all = all.saturating_add(more);
        if all <= self.next_alarm.load(Ordering::Relaxed) {
            return Change::None;
        }
        let next = all.saturating_add(self.max / 64);
        self.next_alarm.store(next, Ordering::Relaxed);
        Change::Alarm
    }
}

impl Member {
    /// A member with a number that no other of this budget has.
    pub(crate) fn new(budget: Arc<Budget>, number: u64, holder: Arc<dyn Holder>) -> Self {
        let mut members = budget.members();
        let _none = members.insert(number, holder.clone());
        budget.count.store(members.len(), Ordering::Relaxed);
        drop(members);
        Self {
            budget,
            number,
            holder,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.budget.members();
        let _gone = members.remove(&self.number);
        self.budget.count.store(members.len(), Ordering::Relaxed);
        drop(members);
        self.budget.hold(self.holder.account(), 0, 0);
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
