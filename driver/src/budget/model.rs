//! No order of events leaves somebody waiting for room, or a bound unheeded.

use loom::future::block_on;
use loom::thread;

use super::*;
use crate::sync::model::{check, join};

const MAX: usize = 200_000;

#[test]
fn whoever_waits_for_room_finds_it() {
    check(|| {
        let limits = Limits::default().with_inbound_total(MAX).unwrap();
        let budget = Arc::new(Budget::new(&limits));
        budget.count.store(3, Ordering::Relaxed);
        let large = [(); 2].map(|()| Account::default());
        for account in &large {
            budget.hold(account, MAX, 0);
        }
        // Only both of them together make room.
        let threads = large.map(|account| {
            let budget = budget.clone();
            thread::spawn(move || budget.hold(&account, 1, 0))
        });
        assert_eq!(block_on(budget.room(&Account::default())), Room::Plenty);
        join(threads);
        assert_eq!(budget.held(), (2, 0));
    });
}

#[test]
fn somebody_sees_that_all_together_hold_too_much() {
    check(|| {
        let pool = Arc::new(Pool::new(100, 100));
        let threads = [60, 50].map(|bytes| {
            let pool = pool.clone();
            thread::spawn(move || pool.change(0, bytes))
        });
        let changes = join(threads);
        assert!(changes.contains(&Change::Alarm), "{changes:?}");
    });
}

#[test]
fn too_much_is_seen_again_after_it_was_less() {
    check(|| {
        let pool = Arc::new(Pool::new(100, 100));
        assert_eq!(pool.change(0, 90), Change::None);
        let more = {
            let pool = pool.clone();
            thread::spawn(move || pool.change(0, 20))
        };
        let less = pool.change(90, 10);
        let more = more.join().unwrap();
        // In either order it is 30 now, and there is no alarm until there are more
        // than a hundred again, give or take what one alarm puts off the next.
        assert_eq!((less == Change::Freed), (more == Change::Alarm));
        assert_eq!(pool.change(10, 110), Change::Alarm);
    });
}
