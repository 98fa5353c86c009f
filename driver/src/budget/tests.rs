use super::*;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const MAX: usize = 200_000;

fn budget(connections: usize) -> Budget {
    let limits = Limits::default().with_inbound_total(MAX).unwrap();
    let budget = Budget::new(&limits);
    budget.count.store(connections, Ordering::Relaxed);
    budget
}

#[test]
fn past_half_of_it_small_messages_still_find_room() {
    let budget = budget(10);
    let [large, small, third] = [(); 3].map(|()| Account::default());
    budget.hold(&large, 99_999, 0);
    assert_eq!(budget.room_now(&large), Some(Room::Plenty));
    budget.hold(&small, 1, 0);
    // Each has a tenth of the other half.
    assert_eq!(budget.room_now(&large), None);
    assert_eq!(budget.room_now(&small), Some(Room::Bytes(Budget::SCARCE)));
    budget.hold(&small, 10_000 - Budget::SCARCE, 0);
    assert_eq!(budget.room_now(&small), Some(Room::Bytes(Budget::SCARCE)));
    budget.hold(&small, 10_001 - Budget::SCARCE, 0);
    assert_eq!(budget.room_now(&small), None);
    assert_eq!(budget.room_now(&third), Some(Room::Bytes(Budget::SCARCE)));
    // Past all of it there is none for anybody.
    budget.hold(&large, MAX, 0);
    assert_eq!(budget.room_now(&third), None);
    budget.hold(&large, 0, 0);
    assert_eq!(budget.room_now(&small), Some(Room::Plenty));
    assert_eq!(budget.held(), (10_001 - Budget::SCARCE, 0));
}

#[test]
fn shares_of_very_many_are_small_and_not_nothing() {
    let budget = budget(10_000);
    let [large, small] = [(); 2].map(|()| Account::default());
    budget.hold(&large, MAX / 2, 0);
    assert_eq!(budget.room_now(&small), Some(Room::Bytes(5)));
}

#[test]
fn whoever_waits_for_room_is_told() {
    let budget = budget(2);
    let [large, other] = [(); 2].map(|()| Account::default());
    budget.hold(&large, MAX, 0);
    let mut waiting = pin!(budget.room(&other));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
    budget.hold(&large, MAX - 1, 0);
    let room = Poll::Ready(Room::Bytes(Budget::SCARCE));
    assert_eq!(waiting.as_mut().poll(&mut context), room);
}

#[test]
fn an_alarm_is_given_now_and_then() {
    let pool = Pool::new(6400, 6400);
    let mut held = 0;
    let mut alarms = 0;
    for _ in 0..1000 {
        let alarm = pool.change(held, held + 10) == Change::Alarm;
        held += 10;
        assert!(!alarm || held > 6400);
        alarms += usize::from(alarm);
    }
    // Every 1% of the limit or so.
    assert!((30..=36).contains(&alarms), "{alarms}");
    assert_eq!(pool.change(held, 6399), Change::Freed);
    assert_eq!(pool.change(6399, 6401), Change::Alarm);
    assert_eq!(pool.change(6401, 6400), Change::None);
}
