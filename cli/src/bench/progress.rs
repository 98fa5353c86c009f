//! How far the measuring is, for whoever watches.

use std::time::Instant;

use super::totals::Totals;
use super::window::Window;
use crate::progress::bar;
use crate::stdio::error::{can_show, flush, show};
use crate::units::{grouped, seconds, time};

/// A line on the terminal, if standard error is one.
pub(super) struct Progress {
    is_shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            is_shown: can_show(),
        }
    }

    /// Shows a step of the preparations.
    pub(super) fn connecting(&self, number: usize, of: usize) {
        if self.is_shown && number.is_multiple_of(64) {
            let bar = bar(number as f64 / of.max(1) as f64);
            show(&format!("{bar}  connecting: {number} of {of}"));
        }
    }

    /// Shows how far it is.
    pub(super) fn measuring(&self, window: &Window, totals: &Totals) {
        if self.is_shown {
            show(&status(window, totals));
        }
    }

    /// Takes it away, before other output comes.
    pub(super) fn clear(&self) {
        if self.is_shown {
            show("");
            flush();
        }
    }
}

fn status(window: &Window, totals: &Totals) -> String {
    let (now, whole) = (Instant::now(), window.measured());
    let measured = now.saturating_duration_since(window.start()).min(whole);
    let share = measured.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
    let bar = bar(share);
    if now < window.start() {
        return format!("{bar}  warming up");
    }
    if now >= window.end() {
        return format!("{bar}  waiting for the last answers");
    }
    let sums = totals.lock();
    let errors: u64 = sums.errors.values().sum();
    let (rate, p99) = (
        sums.within as f64 / measured.as_secs_f64().max(f64::MIN_POSITIVE),
        sums.latency.value_at_quantile(0.99),
    );
    drop(sums);
    let errors = match errors {
        0 => String::new(),
        number => format!("  {} errors", grouped(number)),
    };
    format!(
        "{bar}  {:.1} of {}  {}/s  p99 {}{errors}",
        measured.as_secs_f64(),
        seconds(whole),
        grouped(rate as u64),
        time(p99),
    )
}
