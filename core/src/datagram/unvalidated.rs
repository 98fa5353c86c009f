//! The budget of bytes for addresses that have not shown that they receive.

use alloc::collections::VecDeque;
use core::net::IpAddr;
use core::time::Duration;

use super::senders::{Sender, Senders};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::now::Now;

/// The budget of what is sent to addresses that may be forged: what handlers answer, and
/// notifications.
///
/// A sender is an IP address, or the /64 network of an IPv6 address: a host may use as many
/// ports as it likes.
#[derive(Debug)]
pub(super) struct UnvalidatedBudget {
    each: Rate,
    all: Rate,
    spent: Meter,
    max_senders: usize,
    senders: Senders<Account>,
    /// Every sender once, in the order in which they are looked at.
    checked: VecDeque<Sender>,
}

/// What one sender has had.
#[derive(Debug, Default)]
struct Account {
    spent: Meter,
    /// Handlers that run for it, for whose answers room is kept.
    calls: u64,
}

impl UnvalidatedBudget {
    /// Room that is kept for the answer of each handler that runs. An answer that is no longer
    /// goes out in any case, so that no request that changed something is made again.
    const ROOM: u64 = 4096;
    /// Room that is left above that for one answer of any length, unless it would be more than
    /// a quarter of all.
    const LONGEST: u64 = 65_536;
    /// Senders that are looked at for each one that is added: two, of which one is free at
    /// least unless all are in use.
    const CHECKS: usize = 2;

    pub(super) fn new(limits: &Limits, hashes: Hashes) -> Self {
        let bytes = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
        let total = bytes(limits.unvalidated_total());
        Self {
            each: Rate {
                burst: bytes(limits.unvalidated_burst()),
                a_second: bytes(limits.unvalidated_rate()),
            },
            all: Rate {
                burst: total,
                a_second: total,
            },
            spent: Meter::default(),
            max_senders: limits.unverified_senders(),
            senders: Senders::new(hashes),
            checked: VecDeque::new(),
        }
    }

    /// Keeps room for the answer of a handler that [may be called](Self::may_call) now, unless
    /// there are too many senders. Each one that is kept [is given back](Self::end_call).
    pub(super) fn begin_call(&mut self, now: Now, ip: IpAddr) -> bool {
        let account = self.account(now, ip);
        let Some(account) = account else {
            return false;
        };
        account.calls = account.calls.saturating_add(1);
        true
    }

    /// Whether there is room for the answer of one handler more.
    pub(super) fn may_call(&mut self, now: Now, ip: IpAddr) -> bool {
        let (now, each) = (now.monotonic, self.each);
        self.spent.settle(now, self.all);
        if self.spent.bytes().saturating_add(Self::ROOM) > self.all.brim() {
            return false;
        }
        match self.senders.get_mut(Sender::of(ip)) {
            Some(account) => {
                account.spent.settle(now, each);
                account.taken().saturating_add(Self::ROOM) <= each.brim()
            }
            None => Self::ROOM <= each.brim() && self.make_room(now),
        }
    }

    /// Gives back what was kept for an answer.
    pub(super) fn end_call(&mut self, ip: IpAddr) {
        if let Some(account) = self.senders.get_mut(Sender::of(ip)) {
            account.calls = account.calls.saturating_sub(1);
        }
    }

    /// Whether so many bytes may be sent to an address. If so they count.
    pub(super) fn spend(&mut self, now: Now, ip: IpAddr, bytes: usize) -> bool {
        self.spend_if(now, ip, bytes, |taken, bytes, rate| {
            taken.saturating_add(bytes) <= rate.burst
        })
    }

    /// Whether the answer of a handler may be sent, for which room was kept until now. If so it
    /// counts. One that is longer than that may not if others have taken the rest meanwhile.
    pub(super) fn spend_kept(&mut self, now: Now, ip: IpAddr, bytes: usize) -> bool {
        self.spend_if(now, ip, bytes, |taken, bytes, rate| {
            bytes <= Self::ROOM || taken <= rate.brim()
        })
    }

    fn spend_if(
        &mut self,
        now: Now,
        ip: IpAddr,
        bytes: usize,
        may: impl Fn(u64, u64, Rate) -> bool,
    ) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let (each, all) = (self.each, self.all);
        self.spent.settle(now.monotonic, all);
        if !may(self.spent.bytes(), bytes, all) {
            return false;
        }
        let Some(account) = self.account(now, ip) else {
            return false;
        };
        account.spent.settle(now.monotonic, each);
        if !may(account.taken(), bytes, each) {
            return false;
        }
        account.spent.add(bytes);
        self.spent.add(bytes);
        true
    }

    /// Whether a quarter of what may be sent to an address at once is spent.
    pub(super) fn is_quarter_spent(&mut self, now: Now, ip: IpAddr) -> bool {
        let each = self.each;
        let spent = self.senders.get_mut(Sender::of(ip)).map(|account| {
            account.spent.settle(now.monotonic, each);
            account.taken()
        });
        spent.unwrap_or(0) >= each.burst / 4
    }

    /// The account of a sender; none where there are too many.
    fn account(&mut self, now: Now, ip: IpAddr) -> Option<&mut Account> {
        let sender = Sender::of(ip);
        if self.senders.get_mut(sender).is_none() {
            if !self.make_room(now.monotonic) {
                return None;
            }
            self.checked.push_back(sender);
            self.senders.insert(sender, Account::default());
        }
        self.senders.get_mut(sender)
    }

    /// Forgets some of those that have all of their budget, and says whether there is room for
    /// one more.
    fn make_room(&mut self, now: Duration) -> bool {
        for _ in 0..Self::CHECKS {
            let Some(sender) = self.checked.pop_front() else {
                break;
            };
            let each = self.each;
            let account = self.senders.get_mut(sender);
            let in_use = account.is_some_and(|account| {
                account.spent.settle(now, each);
                account.calls > 0 || account.spent.bytes() > 0
            });
            if in_use {
                self.checked.push_back(sender);
            } else {
                self.senders.remove(sender);
            }
        }
        self.senders.len() < self.max_senders
    }

    #[cfg(test)]
    pub(super) fn senders(&self) -> usize {
        self.senders.len()
    }
}

impl Account {
    /// Bytes that are spent, and those that are kept for answers.
    fn taken(&self) -> u64 {
        let kept = self.calls.saturating_mul(UnvalidatedBudget::ROOM);
        self.spent.bytes().saturating_add(kept)
    }
}

/// So many bytes at once, and so many a second from then on.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u64,
    a_second: u64,
}

impl Rate {
    /// What may be taken before an answer of any length.
    fn brim(self) -> u64 {
        let longest = UnvalidatedBudget::LONGEST.min(self.burst / 4);
        self.burst.saturating_sub(longest)
    }
}

/// A bucket that leaks.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    /// What is in it, in bytes times nanoseconds a second: exact at any rate.
    level: u128,
    settled: Duration,
}

impl Meter {
    const SECOND: u64 = 1_000_000_000;
    const NANOSECONDS: u128 = Self::SECOND as u128;

    /// Lets out what leaks by now. When the clock goes back, nothing does.
    #[inline]
    fn settle(&mut self, now: Duration, rate: Rate) {
        // Within the turn that it was filled in it need not be computed.
        if self.level == 0 || now == self.settled {
            self.settled = now;
            return;
        }
        let elapsed = now.saturating_sub(self.settled).as_nanos();
        let leaked = elapsed.saturating_mul(u128::from(rate.a_second));
        self.level = self.level.saturating_sub(leaked);
        self.settled = now;
    }

    #[inline]
    fn bytes(self) -> u64 {
        // Up to 18 GB, without a division of 128 bits.
        if let Ok(level) = u64::try_from(self.level) {
            return level.div_ceil(Self::SECOND);
        }
        let bytes = self.level.div_ceil(Self::NANOSECONDS);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn add(&mut self, bytes: u64) {
        let more = u128::from(bytes).saturating_mul(Self::NANOSECONDS);
        self.level = self.level.saturating_add(more);
    }
}
