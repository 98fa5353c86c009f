//! The budget of answers to senders that proved nothing.

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use core::net::IpAddr;

use super::answers::{Answers, Meter, Rate};
use super::senders::{Sender, Senders, nanoseconds};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::now::Now;

/// The budget of the answers that a node over datagrams makes by itself, which
/// are errors, the default handler's, and `PEER_DISCOVERED`.
///
/// Anybody can write any sender into a datagram. A node that answers them all
/// helps to flood whoever was written there. So these answers are limited in
/// number to one sender and in all, and in bytes to one sender by what came from
/// there. Answers of handlers are the application's, and are not counted.
///
/// A sender is a [`Network`](crate::Network): a host may use as many of its addresses as
/// it likes.
///
/// If the monotonic clock goes back, all rates are as after a full burst: one
/// second later they are full again. Senders are forgotten within three times the
/// usual time.
///
/// ```
/// use netaio_core::{Limits, Now, ReplyBudget};
///
/// let (now, ip) = (Now::default(), [192, 0, 2, 1].into());
/// let mut budget = ReplyBudget::new(&Limits::default());
/// budget.received(now, ip, 30);
/// assert!(!budget.allow(now, ip, 1434));
/// assert!(budget.allow(now, ip, 90));
/// assert_eq!(budget.suppressed().amplified, 1);
/// ```
#[derive(Debug)]
pub struct ReplyBudget {
    per_ip: Rate,
    all: Rate,
    amplification: u64,
    max_senders: usize,
    /// Those that something came from, and in parts of their own those that something else is
    /// sent to.
    pub(super) senders: Senders,
    /// Every sender once, with the time it was last checked for its age, in that
    /// order.
    checked: VecDeque<(u64, Sender)>,
    /// The last sender that found no place among them, and the bytes that it may be sent.
    newcomer: Option<(Sender, u64)>,
    answered: Meter,
    suppressed: SuppressedReplies,
}

/// How many answers were not sent, and why. One that there are several reasons
/// for counts under the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuppressedReplies {
    /// The sender was not remembered: nothing came from there lately, or
    /// [`Limits::unverified_senders`] others did.
    pub unknown_sender: u64,
    /// They were longer than [`Limits::amplification`] allows.
    pub amplified: u64,
    /// [`Limits::unverified_replies_per_ip`] went to the sender.
    pub per_ip: u64,
    /// [`Limits::unverified_replies`] went out.
    pub all: u64,
}

impl ReplyBudget {
    /// The most bytes of one datagram that are credited, and the number of bytes
    /// after which more do not add to the credit.
    const MAX_CREDITED: u64 = 65_535;
    /// Senders that one call checks for their age. A call adds one at most, so two
    /// are enough to keep up.
    const CHECKS: usize = 2;

    /// A budget of which nothing is spent.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            per_ip: Rate::per_second(limits.unverified_replies_per_ip()),
            all: Rate::per_second(limits.unverified_replies()),
            amplification: limits.amplification().try_into().unwrap_or(u64::MAX),
            max_senders: limits.unverified_senders(),
            senders: Senders::new(Hashes::default()),
            checked: VecDeque::new(),
            newcomer: None,
            answered: Meter::default(),
            suppressed: SuppressedReplies::default(),
        }
    }

    /// The same, with a table whose places no remote knows. Nothing was received yet.
    pub(crate) fn with_hashes(mut self, hashes: Hashes) -> Self {
        self.senders = Senders::new(hashes);
        self
    }

    /// Datagrams came from this address, and are about to be handled.
    pub(super) fn expect(&mut self, ip: IpAddr) {
        self.senders.expect(Sender::of(ip));
    }

    /// Notes a datagram of so many bytes, whatever is in it, from an address.
    pub fn received(&mut self, now: Now, ip: IpAddr, bytes: usize) {
        let (now, sender) = (nanoseconds(now.monotonic), Sender::of(ip));
        self.forget(now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let added = bytes.saturating_mul(self.amplification);
        let most = Self::MAX_CREDITED.saturating_mul(self.amplification);
        if let Some(account) = self.senders.get_heard(sender) {
            account.credit = account.credit.saturating_add(added).min(most);
            account.heard = now;
        } else if self.senders.heard() >= self.max_senders {
            self.newcomer = Some((sender, added));
        } else {
            self.checked.push_back((now, sender));
            let answers = Answers {
                heard: now,
                answered: Meter::default(),
                credit: added.min(most),
            };
            self.senders.insert_heard(sender, answers);
        }
    }

    /// Whether an answer of so many bytes, as a whole datagram, may be sent to an
    /// address. If so it counts as sent.
    pub fn allow(&mut self, now: Now, ip: IpAddr, bytes: usize) -> bool {
        let now = nanoseconds(now.monotonic);
        let Some(account) = self.senders.get_heard(Sender::of(ip)) else {
            add_one(&mut self.suppressed.unknown_sender);
            return false;
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let Some(credit) = account.credit.checked_sub(bytes) else {
            add_one(&mut self.suppressed.amplified);
            return false;
        };
        account.answered.settle(now);
        self.answered.settle(now);
        let Some(answered) = account.answered.one_more(now, self.per_ip) else {
            add_one(&mut self.suppressed.per_ip);
            return false;
        };
        let Some(all_answered) = self.answered.one_more(now, self.all) else {
            add_one(&mut self.suppressed.all);
            return false;
        };
        account.credit = credit;
        account.answered = answered;
        self.answered = all_answered;
        true
    }

    /// Whether an answer of a few bytes may be sent to an address: asked before the
    /// answer is made, which then has to be [allowed](Self::allow). Where it may not,
    /// that counts as one that was not sent.
    pub fn may_allow(&mut self, now: Now, ip: IpAddr) -> bool {
        let now = nanoseconds(now.monotonic);
        let Some(account) = self.senders.get_heard(Sender::of(ip)) else {
            add_one(&mut self.suppressed.unknown_sender);
            return false;
        };
        account.answered.settle(now);
        self.answered.settle(now);
        if account.credit == 0 {
            add_one(&mut self.suppressed.amplified);
        } else if account.answered.one_more(now, self.per_ip).is_none() {
            add_one(&mut self.suppressed.per_ip);
        } else if self.answered.one_more(now, self.all).is_none() {
            add_one(&mut self.suppressed.all);
        } else {
            return true;
        }
        false
    }

    /// Whether a quarter of what may be answered to an address at once is spent.
    pub(super) fn is_quarter_spent(&mut self, now: Now, ip: IpAddr) -> bool {
        let account = self.senders.get_heard(Sender::of(ip));
        account.is_some_and(|account| {
            let full_at = account.answered.full_at;
            full_at.saturating_sub(nanoseconds(now.monotonic)) >= Rate::QUARTER
        })
    }

    /// Whether a few bytes may be sent in an answer's place, which asks for a proof that the
    /// sender is where it says: they count as bytes, and not as an answer. So a sender that
    /// came last may be sent them too where others have taken all places.
    pub(super) fn allow_bytes(&mut self, ip: IpAddr, bytes: usize) -> bool {
        let sender = Sender::of(ip);
        let credit = match self.senders.get_heard(sender) {
            Some(account) => Some(&mut account.credit),
            None => {
                let newcomer = self.newcomer.as_mut();
                newcomer.and_then(|(newcomer, credit)| (*newcomer == sender).then_some(credit))
            }
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = credit.and_then(|credit| {
            *credit = credit.checked_sub(bytes)?;
            Some(*credit)
        });
        left.is_some()
    }

    /// How many answers were not sent.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedReplies {
        self.suppressed
    }

    /// Number of senders that are remembered.
    #[must_use]
    pub fn senders(&self) -> usize {
        self.senders.heard()
    }

    /// Forgets some of the senders that nothing came from for a while, and that were
    /// not just answered: nothing is lost but their credit.
    fn forget(&mut self, now: u64) {
        if self.checked.front().is_some_and(|(at, _)| *at > now) {
            self.rebase(now);
        }
        for _ in 0..Self::CHECKS {
            let Some(&(at, sender)) = self.checked.front() else {
                return;
            };
            if now.saturating_sub(at) < Answers::MEMORY {
                return;
            }
            self.checked.pop_front();
            let account = self.senders.get_heard(sender);
            if account.is_some_and(|account| account.is_in_use(now)) {
                self.checked.push_back((now, sender));
            } else {
                self.senders.remove_heard(sender);
            }
        }
    }

    /// Lets all times that are in the future, since the clock went back, be now.
    /// Threads that read the clock out of order cause this only while all senders
    /// came within that moment, so while they are few.
    fn rebase(&mut self, now: u64) {
        for (at, _) in &mut self.checked {
            *at = (*at).min(now);
        }
        for account in self.senders.all_heard() {
            account.heard = account.heard.min(now);
        }
    }
}

fn add_one(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
