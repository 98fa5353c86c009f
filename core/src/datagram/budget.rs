//! The budget of answers to senders that proved nothing.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use hashbrown::HashMap;

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
/// A sender is an IP address, or the /64 network of an IPv6 address, of which
/// one host may use as many as it likes.
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
    senders: HashMap<Sender, Account>,
    /// Every sender once, with the time it was last checked for its age, in that
    /// order.
    checked: VecDeque<(Duration, Sender)>,
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

/// All addresses that count as one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sender {
    V4([u8; 4]),
    /// A /64 network.
    V6([u8; 8]),
}

#[derive(Debug)]
struct Account {
    heard: Duration,
    answered: Meter,
    /// Bytes that may be answered.
    credit: u64,
}

impl ReplyBudget {
    /// A sender is remembered for this long at least, which is as long as a request
    /// waits for its answer by default.
    const MEMORY: Duration = Duration::from_secs(10);
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
            senders: HashMap::new(),
            checked: VecDeque::new(),
            answered: Meter::default(),
            suppressed: SuppressedReplies::default(),
        }
    }

    /// Notes a datagram of so many bytes, whatever is in it, from an address.
    pub fn received(&mut self, now: Now, ip: IpAddr, bytes: usize) {
        let (now, sender) = (now.monotonic, Sender::from(ip));
        self.forget(now);
        if self.senders.len() >= self.max_senders && !self.senders.contains_key(&sender) {
            return;
        }
        let account = self.senders.entry(sender).or_insert_with(|| {
            self.checked.push_back((now, sender));
            Account {
                heard: now,
                answered: Meter::default(),
                credit: 0,
            }
        });
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let added = bytes.saturating_mul(self.amplification);
        let most = Self::MAX_CREDITED.saturating_mul(self.amplification);
        account.credit = account.credit.saturating_add(added).min(most);
        account.heard = now;
    }

    /// Whether an answer of so many bytes, as a whole datagram, may be sent to an
    /// address. If so it counts as sent.
    pub fn allow(&mut self, now: Now, ip: IpAddr, bytes: usize) -> bool {
        let now = now.monotonic;
        let Some(account) = self.senders.get_mut(&Sender::from(ip)) else {
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
        let now = now.monotonic;
        let Some(account) = self.senders.get_mut(&Sender::from(ip)) else {
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

    /// How many answers were not sent.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedReplies {
        self.suppressed
    }

    /// Number of senders that are remembered.
    #[must_use]
    pub fn senders(&self) -> usize {
        self.senders.len()
    }

    /// Forgets some of the senders that nothing came from for a while, and that were
    /// not just answered: nothing is lost but their credit.
    fn forget(&mut self, now: Duration) {
        if self.checked.front().is_some_and(|(at, _)| *at > now) {
            self.rebase(now);
        }
        for _ in 0..Self::CHECKS {
            let Some(&(at, sender)) = self.checked.front() else {
                return;
            };
            if now.saturating_sub(at) < Self::MEMORY {
                return;
            }
            self.checked.pop_front();
            let account = self.senders.get_mut(&sender);
            if account.is_some_and(|account| account.is_in_use(now)) {
                self.checked.push_back((now, sender));
            } else {
                self.senders.remove(&sender);
            }
        }
    }

    /// Lets all times that are in the future, since the clock went back, be now.
    /// Threads that read the clock out of order cause this only while all senders
    /// came within that moment, so while they are few.
    fn rebase(&mut self, now: Duration) {
        for (at, _) in &mut self.checked {
            *at = (*at).min(now);
        }
        for account in self.senders.values_mut() {
            account.heard = account.heard.min(now);
        }
    }
}

impl Account {
    /// Whether it is to be kept: something came from there lately, or its rate is not
    /// all free again, as after an answer that took long.
    fn is_in_use(&mut self, now: Duration) -> bool {
        self.answered.settle(now);
        now.saturating_sub(self.heard) < ReplyBudget::MEMORY || self.answered.full_at > now
    }
}

impl From<IpAddr> for Sender {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => Self::V6(network(ip)),
        }
    }
}

/// The first 64 bits of an address.
fn network(ip: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = ip.octets();
    [a, b, c, d, e, f, g, h]
}

/// A number of answers a second, and as many at once after a pause.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// The time that one answer takes; none if there are to be none.
    each: Option<Duration>,
}

impl Rate {
    const SECOND: Duration = Duration::from_secs(1);

    fn per_second(answers: usize) -> Self {
        let answers = u32::try_from(answers).unwrap_or(u32::MAX);
        Self {
            each: Self::SECOND.checked_div(answers),
        }
    }
}

/// A bucket of tokens, kept as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    full_at: Duration,
}

impl Meter {
    /// Notes the time. A bucket is full again within a second; one that is not was
    /// used before the clock went back.
    fn settle(&mut self, now: Duration) {
        self.full_at = self.full_at.min(now.saturating_add(Rate::SECOND));
    }

    /// The meter after one more answer, if the rate allows it.
    fn one_more(self, now: Duration, rate: Rate) -> Option<Self> {
        let full_at = self.full_at.max(now).saturating_add(rate.each?);
        (full_at.saturating_sub(now) <= Rate::SECOND).then_some(Self { full_at })
    }
}

fn add_one(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use alloc::vec::Vec;

    use super::*;

    fn at(milliseconds: u64) -> Now {
        Now::new(Duration::from_millis(milliseconds), 0)
    }

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn budget() -> ReplyBudget {
        ReplyBudget::new(&Limits::default())
    }

    /// How many of so many answers of one byte are allowed.
    fn allowed(budget: &mut ReplyBudget, now: Now, ip: IpAddr, answers: usize) -> usize {
        (0..answers).filter(|_| budget.allow(now, ip, 1)).count()
    }

    #[test]
    fn one_sender_has_ten_a_second() {
        let mut budget = budget();
        budget.received(at(0), ip(1), 10_000);
        assert_eq!(allowed(&mut budget, at(0), ip(1), 100), 10);
        assert_eq!(allowed(&mut budget, at(99), ip(1), 100), 0);
        assert_eq!(allowed(&mut budget, at(100), ip(1), 100), 1);
        assert_eq!(allowed(&mut budget, at(550), ip(1), 100), 4);
        // As many as ten after a pause, and no more.
        budget.received(at(9_000), ip(1), 1);
        assert_eq!(allowed(&mut budget, at(9_000), ip(1), 100), 10);
        assert_eq!(budget.suppressed().per_ip, 90 + 100 + 99 + 96 + 90);
        // Others have their own.
        budget.received(at(9_000), ip(2), 100);
        assert_eq!(allowed(&mut budget, at(9_000), ip(2), 100), 10);
    }

    #[test]
    fn all_senders_have_a_thousand_a_second() {
        let mut budget = budget();
        for number in 0..2000 {
            budget.received(at(0), ip(number), 100);
        }
        let all = |budget: &mut ReplyBudget, now| -> usize {
            (0..2000)
                .map(|number| allowed(budget, now, ip(number), 1))
                .sum()
        };
        assert_eq!(all(&mut budget, at(0)), 1000);
        assert_eq!(all(&mut budget, at(500)), 500);
        assert_eq!(budget.suppressed().all, 1000 + 1500);
        // Who was refused for the others' sake has lost nothing.
        assert_eq!(allowed(&mut budget, at(1500), ip(1999), 20), 10);
    }

    #[test]
    fn three_times_the_bytes_received_are_answered() {
        let mut budget = budget();
        assert!(!budget.allow(at(0), ip(1), 1));
        assert_eq!(budget.suppressed().unknown_sender, 1);
        budget.received(at(0), ip(1), 100);
        assert!(!budget.allow(at(0), ip(1), 301));
        assert!(budget.allow(at(0), ip(1), 200));
        assert!(!budget.allow(at(0), ip(1), 101));
        assert!(budget.allow(at(0), ip(1), 100));
        assert!(!budget.allow(at(0), ip(1), 1));
        assert_eq!(budget.suppressed().amplified, 3);
        // Another's bytes are no credit.
        budget.received(at(0), ip(2), 100);
        assert!(!budget.allow(at(0), ip(1), 1) && budget.allow(at(0), ip(2), 300));
        // Nor do many bytes give more credit than one large datagram.
        for _ in 0..1000 {
            budget.received(at(1), ip(3), 65_535);
        }
        assert!(!budget.allow(at(1), ip(3), 3 * 65_535 + 1));
        assert!(budget.allow(at(1), ip(3), 3 * 65_535));
        assert!(!budget.allow(at(1), ip(3), 1));
    }

    #[test]
    fn addresses_of_one_network_are_one_sender() {
        let mut budget = budget();
        let [a, b, other] = ["2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1"]
            .map(|ip| ip.parse().unwrap());
        budget.received(at(0), a, 10);
        assert!(budget.allow(at(0), b, 30) && !budget.allow(at(0), a, 1));
        assert!(!budget.allow(at(0), other, 1));
        assert_eq!(
            (budget.senders(), budget.suppressed().unknown_sender),
            (1, 1)
        );
        // A mapped IPv4 address is that address, and no network of all of them.
        budget.received(at(0), "::ffff:192.0.2.1".parse().unwrap(), 10);
        assert!(!budget.allow(at(0), "::ffff:192.0.2.2".parse().unwrap(), 1));
        assert!(budget.allow(at(0), "192.0.2.1".parse().unwrap(), 30));
    }

    #[test]
    fn the_idle_are_forgotten_and_the_live_are_not() {
        let limits = Limits::default().with_unverified_senders(2).unwrap();
        let mut budget = ReplyBudget::new(&limits);
        budget.received(at(0), ip(1), 100);
        budget.received(at(0), ip(2), 100);
        budget.received(at(9_000), ip(1), 100);
        assert!(budget.allow(at(9_000), ip(2), 1));
        // There is no room for a third.
        budget.received(at(9_999), ip(3), 100);
        assert!(!budget.allow(at(9_999), ip(3), 1));
        assert_eq!(budget.suppressed().unknown_sender, 1);
        // The second one has been silent long enough.
        budget.received(at(10_000), ip(3), 100);
        assert!(budget.allow(at(10_000), ip(3), 1));
        assert!(budget.allow(at(10_000), ip(1), 600));
        assert!(!budget.allow(at(10_000), ip(2), 1));
        assert_eq!((budget.senders(), budget.checked.len()), (2, 2));
    }

    #[test]
    fn a_million_spoofed_senders_take_little_room() {
        let mut budget = budget();
        let max = Limits::default().unverified_senders();
        let mut answers = 0;
        for number in 0..1_000_000 {
            // A hundred a millisecond, for ten seconds.
            let now = at(u64::from(number / 100));
            budget.received(now, ip(number), 30);
            answers += usize::from(budget.allow(now, ip(number), 90));
            assert!(budget.senders() <= max && budget.checked.len() == budget.senders());
        }
        assert_eq!(budget.senders(), max);
        assert!(answers < 11 * 1000, "{answers}");
        let suppressed = budget.suppressed();
        assert_eq!(
            suppressed.unknown_sender + suppressed.all,
            1_000_000 - answers as u64
        );
        // When the flood is over, there is room again.
        for number in 0..10_000 {
            budget.received(at(21_000), ip(number % 2), 30);
        }
        assert!(budget.allow(at(21_000), ip(0), 90));
        assert_eq!((budget.senders(), budget.checked.len()), (2, 2));
    }

    #[test]
    fn a_clock_that_goes_back_shuts_the_budget_for_a_second() {
        const FAR: u64 = 1_000_000_000;
        let mut budget = budget();
        // All of both rates is spent.
        for number in 0..100 {
            budget.received(at(FAR), ip(number), 10_000);
            assert_eq!(allowed(&mut budget, at(FAR), ip(number), 10), 10);
        }
        budget.received(at(500), ip(1), 10_000);
        assert_eq!(allowed(&mut budget, at(500), ip(1), 10), 0);
        assert_eq!(allowed(&mut budget, at(1000), ip(1), 10), 5);
        assert_eq!(allowed(&mut budget, at(1500), ip(1), 10), 5);
        budget.received(at(1500), ip(101), 10_000);
        assert_eq!(allowed(&mut budget, at(1500), ip(101), 20), 10);
    }

    #[test]
    fn a_late_answer_is_not_forgotten_with_its_sender() {
        let mut budget = budget();
        budget.received(at(0), ip(1), 10_000);
        assert_eq!(allowed(&mut budget, at(9_900), ip(1), 100), 10);
        budget.received(at(10_000), ip(1), 10_000);
        assert_eq!(allowed(&mut budget, at(10_000), ip(1), 100), 1);
    }

    #[test]
    fn a_clock_that_goes_back_keeps_no_answer_from_being_made_for_longer() {
        const FAR: u64 = 1_000_000_000;
        let mut budget = budget();
        budget.received(at(FAR), ip(1), 10_000);
        assert_eq!(allowed(&mut budget, at(FAR), ip(1), 10), 10);
        assert!(!budget.may_allow(at(500), ip(1)));
        assert!(!budget.may_allow(at(500), ip(1)) && budget.may_allow(at(1500), ip(1)));
    }

    #[test]
    fn a_clock_that_goes_back_keeps_no_room_from_others() {
        const FAR: u64 = 1_000_000_000;
        let limits = Limits::default().with_unverified_senders(3).unwrap();
        // The clock goes back while all were checked ahead of it, and while the
        // first was not.
        for early in [[].as_slice(), &[1, 2, 3]] {
            let mut budget = ReplyBudget::new(&limits);
            for number in early {
                budget.received(at(0), ip(*number), 100);
            }
            budget.received(at(FAR), ip(4), 100);
            assert_eq!(budget.senders(), early.len().saturating_sub(2) + 1);
            for number in 5..10 {
                budget.received(at(100), ip(number), 100);
            }
            assert_eq!(
                (budget.senders(), budget.allow(at(100), ip(9), 1)),
                (3, false)
            );
            for now in [10_100, 20_100, 30_100] {
                budget.received(at(now), ip(9), 100);
                budget.received(at(now), ip(9), 100);
                assert_eq!(budget.senders(), budget.checked.len());
            }
            assert!(budget.allow(at(30_100), ip(9), 1));
            assert_eq!(budget.senders(), 1);
        }
    }

    #[test]
    fn the_same_datagrams_have_the_same_answers() {
        let play = || {
            let mut budget = budget();
            let steps = (0..20_000_u32).map(|step| {
                let (now, number) = (
                    at(u64::from(step / 2)),
                    step.wrapping_mul(2_654_435_761) % 97,
                );
                budget.received(now, ip(number), (step % 200) as usize);
                budget.allow(now, ip(number), (step % 300) as usize)
            });
            (steps.collect::<Vec<_>>(), budget.suppressed())
        };
        assert_eq!(play(), play());
    }

    #[test]
    fn no_rate_is_no_answer() {
        for limits in [
            Limits::default().with_unverified_replies(0),
            Limits::default().with_unverified_replies_per_ip(0),
            Limits::default().with_amplification(0),
        ] {
            let mut budget = ReplyBudget::new(&limits.unwrap());
            budget.received(at(0), ip(1), 1000);
            assert!(!budget.allow(at(0), ip(1), 10));
        }
    }
}
