use core::time::Duration;
use std::collections::HashSet;
use std::vec::Vec;

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::ReplayLog;
use crate::error::ReplayRefusal::{self, Full, Seen, TooNew, TooOld};
use crate::now::Now;
use crate::place::{LinkId, Place};

const NOON: u64 = 1_700_000_000;

fn at(unix: u64) -> Now {
    Now::new(Duration::ZERO, unix)
}

/// A log for clocks that differ by half a minute.
fn log(entries: usize) -> ReplayLog {
    ReplayLog::new(Duration::from_secs(30), entries)
}

fn mac(number: u64) -> [u8; 32] {
    let mut mac = [0; 32];
    mac[24..].copy_from_slice(&number.to_be_bytes());
    mac
}

/// Message `number`, sent at `sent`, comes at `now`.
fn admit(log: &mut ReplayLog, number: u64, sent: u64, now: u64) -> Result<(), ReplayRefusal> {
    log.admit(&mac(number), sent as u32, at(now), None)
}

#[test]
fn a_message_passes_once_and_near_its_time() {
    let mut log = log(100);
    assert!(log.is_empty());
    let cases = [
        (0, Ok(())),
        (30, Ok(())),
        (-30, Ok(())),
        (31, Err(TooNew)),
        (-31, Err(TooOld)),
        (i64::from(i32::MAX), Err(TooNew)),
        (i64::from(i32::MIN), Err(TooOld)),
    ];
    for (number, (ahead, expected)) in (0..).zip(cases) {
        let sent = NOON.saturating_add_signed(ahead);
        assert_eq!(admit(&mut log, number, sent, NOON), expected, "{ahead}");
        let again = expected.and(Err(Seen));
        assert_eq!(admit(&mut log, number, sent, NOON), again, "{ahead}");
    }
    // Another MAC is another message, whatever its time.
    assert_eq!(admit(&mut log, 100, NOON, NOON), Ok(()));
    assert_eq!(log.len(), 4);
    assert!(!log.is_empty());
}

#[test]
fn a_full_log_refuses_what_is_new_and_forgets_nothing_that_could_pass() {
    let mut log = log(3);
    for number in 0..3 {
        assert_eq!(admit(&mut log, number, NOON + number, NOON), Ok(()));
    }
    // As long as the first one could pass again.
    for now in [NOON, NOON + 30] {
        assert_eq!(admit(&mut log, 9, now, now), Err(Full));
        assert_eq!(admit(&mut log, 0, NOON, now), Err(Seen));
    }
    assert_eq!(admit(&mut log, 9, NOON + 31, NOON + 31), Ok(()));
    assert_eq!(admit(&mut log, 0, NOON, NOON + 31), Err(TooOld));
    assert_eq!(admit(&mut log, 1, NOON + 1, NOON + 31), Err(Seen));
    assert_eq!(admit(&mut log, 10, NOON + 31, NOON + 31), Err(Full));
}

/// The attack: as many messages as there is room for, dated as far ahead as they may be.
#[test]
fn messages_dated_ahead_leave_room_for_those_of_now() {
    const ENTRIES: u64 = 60_000;
    for senders in [1, 1000] {
        let mut log = log(ENTRIES as usize);
        let mut passed = 0;
        for number in 0..ENTRIES {
            let from = sender(number % senders);
            let outcome = log.admit(&mac(number), (NOON + 30) as u32, at(NOON), Some(from));
            passed += u64::from(outcome.is_ok());
        }
        assert_eq!(passed, ENTRIES / 2);
        // For as long as those could pass again, others do, and from anywhere.
        for (later, number) in (0..=60).zip(ENTRIES..) {
            let others = [None, Some(sender(5000)), Some(sender(5001 + later))];
            for (from, other) in others.into_iter().zip(0..) {
                let (now, mac) = (NOON + later, mac(number * 10 + other));
                let outcome = log.admit(&mac, now as u32, at(now), from);
                assert_eq!(outcome, Ok(()), "{later}");
            }
            // More that are ahead: still no more than their half.
            for more in 0..100 {
                let mac = mac(1_000_000_000 + number * 100 + more);
                let sent = NOON + later + 30;
                let _ = log.admit(&mac, sent as u32, at(NOON + later), Some(sender(0)));
            }
            assert!(log.len() <= ENTRIES as usize * 2 / 3);
        }
    }
}

/// Whoever has the secret may date messages as the clock says, and send many.
#[test]
fn no_sender_takes_the_room_of_the_others() {
    let mut log = log(9000);
    let mut fill = |from: Place, numbers: core::ops::Range<u64>| {
        let outcome = |number| log.admit(&mac(number), NOON as u32, at(NOON), Some(from));
        numbers.map(outcome).filter(Result::is_ok).count()
    };
    assert_eq!(fill(sender(1), 0..9000), 4500);
    assert_eq!(fill(sender(2), 10_000..20_000), 2250);
    assert_eq!(fill(sender(1), 20_000..21_000), 0);
    assert_eq!(fill(sender(3), 30_000..30_100), 100);
    assert_eq!(log.senders(), 3);
    // What is forgotten is nobody's any more.
    for number in 0..5000 {
        let later = NOON + 31;
        let outcome = log.admit(
            &mac(50_000 + number),
            later as u32,
            at(later),
            Some(sender(4)),
        );
        assert!(outcome.is_ok() || outcome == Err(Full));
    }
    assert_eq!((log.len(), log.senders()), (4500, 1));
}

fn sender(number: u64) -> Place {
    Place::Link {
        link: LinkId::from_number(number),
        address: None,
    }
}

#[test]
fn what_is_too_old_is_forgotten_in_time() {
    let mut log = log(1000);
    for number in 0..1000 {
        assert_eq!(admit(&mut log, number, NOON, NOON), Ok(()));
    }
    for number in 0..1000 {
        assert_eq!(admit(&mut log, number, NOON + 31, NOON + 31), Ok(()));
    }
    for number in 0..500 {
        assert_eq!(admit(&mut log, number, NOON + 62, NOON + 62), Ok(()));
    }
    assert_eq!(log.len(), 500);
}

#[test]
fn a_clock_that_goes_back_brings_nothing_back() {
    let mut log = log(100);
    assert_eq!(admit(&mut log, 1, NOON, NOON), Ok(()));
    // A jump of a year: the message is forgotten.
    let later = NOON + 31_536_000;
    assert_eq!(admit(&mut log, 2, later, later), Ok(()));
    assert_eq!(log.len(), 1);
    assert_eq!(admit(&mut log, 1, NOON, NOON), Err(TooOld));
    assert_eq!(admit(&mut log, 2, later, NOON), Err(TooNew));
    // What is newer than that passes, and what passed in the meantime is known.
    assert_eq!(admit(&mut log, 3, NOON + 1, NOON + 1), Ok(()));
    assert_eq!(admit(&mut log, 2, later, later), Err(Seen));
}

#[test]
fn what_was_sent_before_the_start_does_not_pass() {
    let mut log = log(100).not_before(NOON);
    assert_eq!(admit(&mut log, 1, NOON - 1, NOON), Err(TooOld));
    assert_eq!(admit(&mut log, 2, NOON, NOON), Ok(()));
}

#[test]
fn timestamps_may_overflow_32_bits() {
    let mut log = log(100);
    let turn = 1u64 << 32;
    assert_eq!(admit(&mut log, 1, turn - 1, turn - 20), Ok(()));
    assert_eq!(admit(&mut log, 2, turn + 5, turn - 20), Ok(()));
    assert_eq!(admit(&mut log, 1, turn - 1, turn + 29), Err(Seen));
    assert_eq!(admit(&mut log, 1, turn - 1, turn + 30), Err(TooOld));
    assert_eq!(admit(&mut log, 2, turn + 5, turn + 30), Err(Seen));
}

#[test]
fn any_skew_can_be_asked_for() {
    let mut none = ReplayLog::new(Duration::from_millis(999), 10);
    assert_eq!(admit(&mut none, 1, NOON, NOON), Ok(()));
    assert_eq!(admit(&mut none, 2, NOON + 1, NOON), Err(TooNew));
    assert_eq!(admit(&mut none, 1, NOON, NOON + 1), Err(TooOld));
    // More than timestamps of 32 bits can express.
    let mut all = ReplayLog::new(Duration::MAX, 10);
    assert_eq!(admit(&mut all, 1, NOON, NOON), Ok(()));
    assert_eq!(admit(&mut all, 1, NOON, NOON + (1 << 30)), Err(Seen));
    for later in [(1 << 30) + 1, (1 << 31) - 1, 1 << 31, (3 << 30) - 1] {
        let refused = admit(&mut all, 1, NOON, NOON + later);
        assert!(matches!(refused, Err(TooOld | TooNew)), "{refused:?}");
    }
    let mut first = ReplayLog::new(Duration::MAX, 10);
    assert_eq!(admit(&mut first, 1, 0, 0), Ok(()));
    let mut nothing = ReplayLog::new(Duration::from_secs(1), 0);
    assert_eq!(admit(&mut nothing, 1, NOON, NOON), Err(Full));
}

/// Compared with one that remembers everything, with a clock that goes back and
/// forth.
#[test]
fn nothing_ever_passes_twice() {
    let mut outcomes = [0; 5];
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: u64| u64::from(rng.next_u32()) % bound;
        let entries = 1 + below(60) as usize;
        let mut log = log(entries);
        let (mut now, mut ever, mut sent) = (NOON, HashSet::new(), Vec::new());
        for number in 0..2000 {
            now = match below(100) {
                0 => now + below(200),
                1 => now - below(200),
                2..40 => now + 1,
                _ => now,
            };
            let fresh = sent.is_empty() || below(3) > 0;
            if fresh {
                sent.push((number, now + below(80) - 40));
            }
            let count = sent.len() as u64;
            let (number, time) = match fresh {
                true => sent[sent.len() - 1],
                false => sent[below(count) as usize],
            };
            let (outcome, sound) = match admit(&mut log, number, time, now) {
                Ok(()) => (0, ever.insert(number)),
                Err(Seen) => (1, ever.contains(&number)),
                Err(Full) => (2, log.len() >= entries / 2),
                Err(TooNew) => (3, time > now + 30),
                // Too old by the clock, or older than what was forgotten.
                Err(TooOld) => (4, time < now - 30 || time < log.floor()),
            };
            assert!(sound, "seed {seed}: {outcome} for {number}");
            assert!(log.len() <= entries);
            outcomes[outcome] += 1;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 400), "{outcomes:?}");
}

#[cfg(feature = "std")]
#[test]
fn of_many_threads_with_one_message_one_passes() {
    use super::{ReplayGuard, ReplayWindow};

    let window = ReplayWindow::new(Duration::from_secs(30), 100);
    let passed = |number: u64| {
        std::thread::scope(|scope| {
            let attempt = || {
                window
                    .admit(&mac(number), NOON as u32, at(NOON), None)
                    .is_ok()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            let passed = threads.into_iter().map(|thread| thread.join().unwrap());
            passed.filter(|passed| *passed).count()
        })
    };
    assert_eq!([passed(1), passed(2), passed(1)], [1, 1, 0]);
}

#[cfg(feature = "std")]
#[test]
fn plugins_that_share_a_window_let_a_message_pass_once() {
    use super::{ReplayGuard, ReplayWindow};

    let window = alloc::sync::Arc::new(ReplayWindow::new(Duration::from_secs(30), 100));
    let other: alloc::boxed::Box<dyn ReplayGuard> = alloc::boxed::Box::new(window.clone());
    let sent = NOON as u32;
    assert_eq!(
        ReplayGuard::admit(&window, &mac(1), sent, at(NOON), None),
        Ok(())
    );
    assert_eq!(other.admit(&mac(1), sent, at(NOON), None), Err(Seen));
    assert_eq!(other.admit(&mac(2), sent, at(NOON), None), Ok(()));
    assert_eq!(
        ReplayGuard::admit(&window, &mac(2), sent, at(NOON), None),
        Err(Seen)
    );
}
