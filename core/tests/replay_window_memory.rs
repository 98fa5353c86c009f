//! A replay window that somebody fills takes as much memory as its documentation says, and
//! gives it back.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod allocations;

use std::time::Duration;

use netaio_core::plugin::ReplayLog;
use netaio_core::{LinkId, Now, Place};

const NOON: u64 = 1_700_000_000;
const ENTRIES: usize = 60_000;

/// How many messages pass of twice as many as there is room for, from so many links and so
/// far ahead; what they take of memory each; and what is left when all are too old.
fn fill(senders: u64, ahead: u64) -> (usize, usize, usize) {
    let before = allocations::now();
    let mut log = ReplayLog::new(Duration::from_secs(30), ENTRIES);
    let at = |unix| Now::new(Duration::ZERO, unix);
    let mut mac = [0; 32];
    let mut admit = |log: &mut ReplayLog, number: u64, sent: u64, now: u64| {
        mac[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        mac[8..16].copy_from_slice(&number.to_be_bytes());
        let link = LinkId::from_number(number % senders);
        let address = Some(([192, 0, 2, 1], 1000).into());
        let place = Place::Link { link, address };
        log.admit(&mac, sent as u32, at(now), Some(place)).is_ok()
    };
    let numbers = 0..2 * ENTRIES as u64;
    let passed = numbers.filter(|number| admit(&mut log, *number, NOON + ahead, NOON));
    let passed = passed.count();
    let each = (allocations::now() - before) / passed;
    let later = NOON + 100;
    for number in 0..ENTRIES as u64 {
        admit(&mut log, 1_000_000 + number, later - 50, later);
    }
    (passed, each, allocations::now() - before)
}

#[test]
fn a_window_that_is_filled_takes_what_it_says() {
    for (senders, ahead, passed, most) in [
        (1, 0, ENTRIES / 2, 100),
        (1, 30, ENTRIES / 2, 100),
        (1000, 0, ENTRIES - 60, 100),
        (u64::MAX, 0, ENTRIES, 260),
        (u64::MAX, 30, ENTRIES / 2, 260),
    ] {
        let (count, each, left) = fill(senders, ahead);
        println!(
            "{senders} senders, {ahead} s ahead: {count} passed, {each} bytes each, {left} left"
        );
        assert!(count.abs_diff(passed) <= passed / 50, "{count} of {passed}");
        assert!(each <= most, "{each} bytes");
        assert!(left <= 16 * 1024 * 1024, "{left} bytes");
    }
}
