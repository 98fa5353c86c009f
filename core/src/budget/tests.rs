use alloc::vec::Vec;

use super::*;
use crate::place::LinkId;

const MAX: usize = 200_000;

fn budget(links: usize) -> Budget {
    let limits = Limits::default()
        .with_inbound_total(MAX)
        .and_then(|limits| limits.with_handlers(2))
        .unwrap();
    let budget = Budget::new(&limits);
    budget.set_links(links);
    budget
}

fn hold(budget: &Budget, account: &Account, inbound: usize) -> Pressure {
    let held = Held {
        inbound,
        ..Held::default()
    };
    budget.hold(account, held)
}

#[test]
fn past_three_quarters_of_it_small_messages_still_find_room() {
    let budget = budget(10);
    let [large, small, third] = [(); 3].map(|()| Account::default());
    hold(&budget, &large, 149_999);
    assert_eq!(budget.room(&large, large.held().inbound), usize::MAX);
    hold(&budget, &small, 1);
    // Each has a tenth of half of it.
    assert_eq!(budget.room(&large, large.held().inbound), 0);
    assert_eq!(budget.room(&small, small.held().inbound), Budget::SCARCE);
    hold(&budget, &small, 10_000 - Budget::SCARCE);
    assert_eq!(budget.room(&small, small.held().inbound), Budget::SCARCE);
    hold(&budget, &small, 10_001 - Budget::SCARCE);
    assert_eq!(budget.room(&small, small.held().inbound), 0);
    assert_eq!(budget.room(&third, third.held().inbound), Budget::SCARCE);
    // Past all of it there is none for anybody.
    hold(&budget, &large, MAX);
    assert_eq!(budget.room(&third, third.held().inbound), 0);
    assert!(hold(&budget, &large, MAX - 10_000).room);
    assert_eq!(budget.room(&third, third.held().inbound), Budget::SCARCE);
    assert!(hold(&budget, &large, 0).room);
    assert_eq!(budget.room(&small, small.held().inbound), usize::MAX);
    assert_eq!(budget.held().inbound, 10_001 - Budget::SCARCE);
}

#[test]
fn shares_of_very_many_are_small_and_not_nothing() {
    let budget = budget(10_000);
    let [large, small] = [(); 2].map(|()| Account::default());
    hold(&budget, &large, MAX / 4 * 3);
    assert_eq!(budget.room(&small, small.held().inbound), 5);
}

#[test]
fn handlers_are_counted_and_how_many_have_ended_is_said() {
    let budget = budget(1);
    let account = Account::default();
    let calls = |calls| {
        let held = Held {
            calls,
            ..Held::default()
        };
        budget.hold(&account, held).handlers
    };
    assert!(calls(1) == 0 && budget.may_call());
    assert!(calls(3) == 0 && !budget.may_call());
    assert!(calls(2) == 1 && !budget.may_call());
    assert!(calls(0) == 2 && budget.may_call());
    assert_eq!(budget.held(), Held::default());
}

#[test]
fn the_largest_are_cut_and_no_more_than_need_be() {
    let limits = Limits::default().with_outbound_total(MAX / 2 * 3).unwrap();
    let budget = Budget::new(&limits);
    let accounts: Vec<_> = (0..5).map(|_| Arc::new(Account::default())).collect();
    let links = || accounts.iter().enumerate();
    let mut pressure = Pressure::default();
    for (number, account) in links() {
        let held = Held {
            outbound: (number + 1) * 20_000,
            queued: (number + 1) * 20_000,
            ..Held::default()
        };
        pressure = budget.hold(account, held);
    }
    assert!(pressure.outbound);
    let named = links().map(|(number, account)| (LinkId(number as u64), account));
    assert_eq!(budget.cut(pressure, named.clone()), [LinkId(4)]);
    assert!(accounts[4].cut().is_some() && accounts[3].cut().is_none());
    // One that is to be closed counts no more.
    assert_eq!(budget.cut(pressure, named), []);
}

#[test]
fn remotes_that_read_no_answers_are_cut_where_too_much_is_received() {
    let budget = budget(3);
    let accounts: Vec<_> = (0..3).map(|_| Arc::new(Account::default())).collect();
    let named = accounts.iter().enumerate();
    let named = named.map(|(number, account)| (LinkId(number as u64), account));
    for account in &accounts {
        hold(&budget, account, 40_000);
    }
    let reads_nothing = Held {
        inbound: 40_000,
        outbound: Limits::HIGH_WATER,
        queued: Limits::HIGH_WATER,
        ..Held::default()
    };
    let pressure = budget.hold(&accounts[1], reads_nothing);
    assert!(pressure.inbound);
    assert_eq!(budget.cut(pressure, named), [LinkId(1)]);
}

#[test]
fn too_much_is_said_now_and_then() {
    let pool = Pool::new(6400, 6400);
    let mut held = 0;
    let mut alarms = 0;
    for _ in 0..1000 {
        let alarm = pool.change(held, held + 10) == Change::Exceeded;
        held += 10;
        assert!(!alarm || held > 6400);
        alarms += usize::from(alarm);
    }
    // Every 1% of the limit or so.
    assert!((30..=36).contains(&alarms), "{alarms}");
    assert_eq!(pool.change(held, 6399), Change::Freed);
    assert_eq!(pool.change(6399, 6401), Change::Exceeded);
    assert_eq!(pool.change(6401, 6400), Change::None);
}

#[test]
fn that_much_was_let_go_is_said_once() {
    let budget = budget(1);
    let account = Account::default();
    let mut released = Vec::new();
    for inbound in [
        MAX / 16,
        0,
        MAX / 16 + 1,
        MAX / 32,
        MAX / 32 - 1,
        0,
        10,
        MAX,
        0,
    ] {
        released.push(hold(&budget, &account, inbound).released);
    }
    let expected = [false, false, false, false, true, false, false, false, true];
    assert_eq!(released, expected);
}

#[test]
fn what_comes_and_goes_puts_no_alarm_off() {
    let pool = Pool::new(6400, 6400);
    let (mut held, mut alarms) = (0, 0);
    for _ in 0..1000 {
        // As what is moved from one queue to another.
        for next in [held + 20, held + 10] {
            alarms += usize::from(pool.change(held, next) == Change::Exceeded);
            held = next;
        }
    }
    assert!((30..=72).contains(&alarms), "{alarms}");
}

#[test]
fn handlers_of_those_who_left_have_places_of_their_own() {
    let budget = budget(2);
    let [first, second] = [(); 2].map(|()| Account::default());
    let hold = |account: &Account, calls, abandoned| {
        let held = Held {
            inbound: 10,
            calls,
            abandoned,
            ..Held::default()
        };
        budget.hold(account, held).handlers
    };
    hold(&first, 2, 0);
    assert!(!budget.may_call());
    // There are as many as of the others, unless it is said.
    assert_eq!(budget.abandon(&first, 2), 2);
    assert!(hold(&first, 0, 2) == 2 && budget.may_call());
    assert_eq!(budget.abandon(&second, 1), 0);
    hold(&first, 0, 1);
    assert_eq!(budget.abandon(&second, 5), 1);
    assert_eq!(budget.abandon(&second, 5), 1);
    // They are held beyond the end of their link, and their messages.
    budget.close(&first);
    assert_eq!((budget.held().abandoned, budget.held().inbound), (2, 10));
    hold(&first, 0, 0);
    assert_eq!(budget.abandon(&second, 5), 2);
}
