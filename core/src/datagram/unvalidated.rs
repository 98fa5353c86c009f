//! The budget of bytes for addresses that have not shown that they receive.

use alloc::collections::VecDeque;
use core::net::IpAddr;

use super::bucket::{Bucket, Rate};
use super::senders::{Known, Sender, Senders, nanoseconds};
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
    spent: Bucket,
    max_senders: usize,
    /// Every sender once, in the order in which they are looked at.
    checked: VecDeque<Sender>,
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

    pub(super) fn new(limits: &Limits) -> Self {
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
            spent: Bucket::default(),
            max_senders: limits.unverified_senders(),
            checked: VecDeque::new(),
        }
    }

    /// Keeps room for the answer of a handler that [may be called](Self::may_call) now, unless
    /// there are too many senders. Each one that is kept [is given back](Self::end_call).
    pub(super) fn begin_call(&mut self, senders: &mut Senders, now: Now, ip: IpAddr) -> bool {
        let account = self.account(senders, now, ip);
        let Some(account) = account else {
            return false;
        };
        account.calls = account.calls.saturating_add(1);
        true
    }

    /// Whether there is room for the answer of one handler more.
    pub(super) fn may_call(&mut self, senders: &mut Senders, now: Now, ip: IpAddr) -> bool {
        let (now, each) = (nanoseconds(now.monotonic), self.each);
        self.spent.settle(now, self.all);
        if self.spent.bytes().saturating_add(Self::ROOM) > self.all.brim() {
            return false;
        }
        match senders.get_spender(Sender::of(ip)) {
            Some(account) => {
                account.spent.settle(now, each);
                account.taken().saturating_add(Self::ROOM) <= each.brim()
            }
            None => Self::ROOM <= each.brim() && self.make_room(senders, now),
        }
    }

    /// Gives back what was kept for an answer.
    pub(super) fn end_call(senders: &mut Senders, ip: IpAddr) {
        if let Some(account) = senders.get_spender(Sender::of(ip)) {
            account.calls = account.calls.saturating_sub(1);
        }
    }

    /// Whether so many bytes may be sent to an address. If so they count.
    pub(super) fn spend(
        &mut self,
        senders: &mut Senders,
        now: Now,
        ip: IpAddr,
        bytes: usize,
    ) -> bool {
        self.spend_if(senders, (now, ip, bytes), |taken, bytes, rate| {
            taken.saturating_add(bytes) <= rate.burst
        })
    }

    /// Whether the answer of a handler may be sent, for which room was kept until now. If so it
    /// counts. One that is longer than that may not if others have taken the rest meanwhile.
    pub(super) fn spend_kept(
        &mut self,
        senders: &mut Senders,
        now: Now,
        ip: IpAddr,
        bytes: usize,
    ) -> bool {
        self.spend_if(senders, (now, ip, bytes), |taken, bytes, rate| {
            bytes <= Self::ROOM || taken <= rate.brim()
        })
    }

    fn spend_if(
        &mut self,
        senders: &mut Senders,
        (now, ip, bytes): (Now, IpAddr, usize),
        may: impl Fn(u64, u64, Rate) -> bool,
    ) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let (each, all) = (self.each, self.all);
        let time = nanoseconds(now.monotonic);
        self.spent.settle(time, all);
        if !may(self.spent.bytes(), bytes, all) {
            return false;
        }
        let Some(account) = self.account(senders, now, ip) else {
            return false;
        };
        account.spent.settle(time, each);
        if !may(account.taken(), bytes, each) {
            return false;
        }
        account.spent.add(bytes);
        self.spent.add(bytes);
        true
    }

    /// Whether a quarter of what may be sent to an address at once is spent.
    pub(super) fn is_quarter_spent(&self, senders: &mut Senders, now: Now, ip: IpAddr) -> bool {
        let each = self.each;
        let spent = senders.get_spender(Sender::of(ip)).map(|account| {
            account.spent.settle(nanoseconds(now.monotonic), each);
            account.taken()
        });
        spent.unwrap_or(0) >= each.burst / 4
    }

    /// The account of a sender; none where there are too many.
    fn account<'a>(
        &mut self,
        senders: &'a mut Senders,
        now: Now,
        ip: IpAddr,
    ) -> Option<&'a mut Known> {
        let sender = Sender::of(ip);
        if senders.get_spender(sender).is_some() {
            return senders.get_spender(sender);
        }
        if !self.make_room(senders, nanoseconds(now.monotonic)) {
            return None;
        }
        self.checked.push_back(sender);
        senders.insert_spender(sender)
    }

    /// Forgets some of those that have all of their budget, and says whether there is room for
    /// one more.
    fn make_room(&mut self, senders: &mut Senders, now: u64) -> bool {
        for _ in 0..Self::CHECKS {
            let Some(sender) = self.checked.pop_front() else {
                break;
            };
            let each = self.each;
            let account = senders.get_spender(sender);
            let in_use = account.is_some_and(|account| {
                account.spent.settle(now, each);
                account.calls > 0 || account.spent.bytes() > 0
            });
            if in_use {
                self.checked.push_back(sender);
            } else {
                senders.remove_spender(sender);
            }
        }
        senders.spenders() < self.max_senders
    }
}

impl Known {
    /// Bytes that are spent, and those that are kept for answers.
    fn taken(&self) -> u64 {
        let kept = u64::from(self.calls).saturating_mul(UnvalidatedBudget::ROOM);
        self.spent.bytes().saturating_add(kept)
    }
}

impl Rate {
    /// What may be taken before an answer of any length.
    fn brim(self) -> u64 {
        let longest = UnvalidatedBudget::LONGEST.min(self.burst / 4);
        self.burst.saturating_sub(longest)
    }
}
