//! Rates of answers to strangers.

use core::net::Ipv4Addr;
use core::time::Duration;

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
    let [a, b, other] =
        ["2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1"].map(|ip| ip.parse().unwrap());
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
