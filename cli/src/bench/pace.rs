//! When requests are due, where that does not depend on answers (open loop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender, TrySendError};

use super::window::Window;
use crate::error::CliError;

/// The most tickets that wait for a caller; further ones wait as a number.
const WAITING: usize = 65_536;

/// How long the thread sleeps: shorter is no use with the systems' timers, and it notices
/// that the end has come earlier.
const SLEEP: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(10));

/// Leave to ask once.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    /// When the request is due.
    pub(super) due: Instant,
    /// When the ticket could be had, which is as late as timers are.
    pub(super) released: Instant,
}

impl Ticket {
    /// The time that a request's latency counts from, which is asked with this ticket by a caller that
    /// has been free since some time: the time of asking, `now`, where a caller was free, for it is
    /// not the server that was late then; and else, the time when it was due.
    pub(super) fn counts_from(self, free_since: Instant, now: Instant) -> Instant {
        match free_since <= self.released {
            true => now,
            false => self.due,
        }
    }
}

/// Requests that are due at equal distances.
pub(super) struct Pace {
    rate: u32,
    window: Arc<Window>,
    pub(super) tickets: Receiver<Ticket>,
    /// Tickets that were released.
    released: Arc<AtomicU64>,
}

impl Pace {
    /// Gives tickets to whichever callers are free, on a thread of its own: timers of runtimes
    /// are coarser, and late when there is much to do.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(rate: u32, callers: u64, window: Arc<Window>) -> Result<Self, CliError> {
        let (sender, tickets) = async_channel::bounded(WAITING);
        let pace = Self {
            rate,
            window: window.clone(),
            tickets,
            released: Arc::default(),
        };
        let released = pace.released.clone();
        let thread = thread::Builder::new().name("pace".to_owned());
        let work = move || release(rate, callers, &window, &sender, &released);
        thread.spawn(work).map_err(CliError::Start)?;
        Ok(pace)
    }

    /// After the end of all callers: the requests that were due and were not begun, since no caller
    /// was free.
    pub(super) fn not_begun(&self) -> u64 {
        let window = &self.window;
        let due = |time: Instant| until(time.duration_since(window.begun()), self.rate);
        let due_in_all = due(window.end());
        let released = self.released.load(Ordering::Relaxed);
        let waiting = self.tickets.len() as u64;
        let not_begun = due_in_all.saturating_sub(released).saturating_add(waiting);
        not_begun.min(due_in_all.saturating_sub(due(window.start())))
    }
}

/// Releases tickets until the end; then the channel closes.
fn release(
    rate: u32,
    callers: u64,
    window: &Window,
    sender: &Sender<Ticket>,
    released: &AtomicU64,
) {
    let due = |number| window.begun() + after(number, rate);
    let mut next = 0;
    // As many wait for a moment where a thread is woken late.
    let few = callers.saturating_mul(2).next_power_of_two().max(64);
    let mut told = few;
    loop {
        let (now, end) = (Instant::now(), window.end());
        while due(next) <= now && due(next) < end {
            let ticket = Ticket {
                due: due(next),
                released: now,
            };
            match sender.try_send(ticket) {
                Ok(()) => next += 1,
                Err(TrySendError::Full(_)) => break,
                Err(TrySendError::Closed(_)) => return,
            }
        }
        released.store(next, Ordering::Relaxed);
        // Not before the end, which callers whom nobody gives a ticket would take for that of
        // their connections.
        if now >= end {
            return;
        }
        let begun = now.min(end).saturating_duration_since(window.begun());
        let waiting = until(begun, rate).saturating_sub(next) + sender.len() as u64;
        if waiting >= told {
            tracing::info!(waiting, "requests are due, and no caller is free");
            told = (waiting + 1).next_power_of_two();
        } else if waiting <= callers && told > few {
            tracing::info!(waiting, "callers are free again");
            told = few;
        }
        let sleep = due(next).min(end).saturating_duration_since(now);
        thread::sleep(sleep.clamp(SLEEP.0, SLEEP.1));
    }
}

/// The time after which the request of a number is due, counted from 0.
fn after(number: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    let nanoseconds = (number % rate).saturating_mul(1_000_000_000) / rate;
    Duration::from_secs(number / rate) + Duration::from_nanos(nanoseconds)
}

/// How many are due earlier than after this time.
fn until(time: Duration, rate: u32) -> u64 {
    let part = u64::from(time.subsec_nanos()).saturating_mul(rate.into());
    let whole = time.as_secs().saturating_mul(rate.into());
    let number = whole.saturating_add(part / 1_000_000_000);
    // The time of one is rounded down, and this number may be one too few.
    match after(number, rate) < time {
        true => number.saturating_add(1),
        false => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_equal_distances() {
        for rate in [1, 3, 7, 1000, 999_983, 10_000_000] {
            for number in [0, 1, 2, 3, 999, 1_000_000, 864_000_000_000] {
                let time = after(number, rate);
                assert_eq!(until(time, rate), number, "{number} at {rate}");
                let later = time + Duration::from_nanos(1);
                assert_eq!(until(later, rate), number + 1, "{number} at {rate}");
                let exact = number as f64 / f64::from(rate);
                assert!((time.as_secs_f64() - exact).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn only_those_count_from_when_they_were_due_for_which_nobody_was_free() {
        let due = Instant::now();
        let at = |milliseconds| due + Duration::from_millis(milliseconds);
        let ticket = Ticket {
            due,
            released: at(1),
        };
        // A free caller was woken late.
        assert_eq!(ticket.counts_from(due, at(5)), at(5));
        assert_eq!(ticket.counts_from(at(1), at(5)), at(5));
        // The server has kept all of them busy.
        assert_eq!(ticket.counts_from(at(2), at(5)), due);
    }
}
