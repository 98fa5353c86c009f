//! No order of events leaves a bound unnoticed.

use alloc::sync::Arc;

use loom::thread;

use super::*;

/// Runs a program in every order that takes a thread's turn away twice at most.
fn check(program: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound.get_or_insert(2);
    model.check(program);
}

#[test]
fn one_link_notices_that_all_together_hold_too_much() {
    check(|| {
        let pool = Arc::new(Pool::new(100, 100));
        let threads = [60, 50].map(|bytes| {
            let pool = pool.clone();
            thread::spawn(move || pool.change(0, bytes))
        });
        let changes = threads.map(|thread| thread.join().unwrap());
        assert!(changes.contains(&Change::Exceeded), "{changes:?}");
    });
}

#[test]
fn too_much_is_noticed_again_after_it_was_less() {
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
        assert!(more != Change::Exceeded || less == Change::Freed);
        assert_eq!(pool.change(10, 110), Change::Exceeded);
    });
}
