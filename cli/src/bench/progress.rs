//! How far the measuring is, for whoever watches.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState};

use super::totals::Totals;
use super::window::Window;
use crate::progress::{Beside, bar, style};
use crate::units::{grouped, seconds, time};

const CONNECTING: &str = "[{wide_bar}]  connecting: {human_pos} of {human_len}";
const MEASURING: &str = "[{wide_bar}]  {status}";

/// A bar for the preparations: a step for each connection.
pub(super) fn connecting(connections: u32) -> ProgressBar {
    let style = style(CONNECTING);
    bar(Some(connections.into()), style, Beside::Nothing)
}

/// A bar for the time that is measured.
pub(super) struct Measuring {
    bar: ProgressBar,
    window: Arc<Window>,
}

impl Measuring {
    pub(super) fn new(window: &Arc<Window>, totals: &Arc<Totals>) -> Self {
        let totals = totals.clone();
        let of = window.clone();
        let status = move |_: &ProgressState, out: &mut dyn Write| {
            // It is written to a buffer.
            let _ = out.write_str(&status(&of, &totals));
        };
        let style = style(MEASURING).with_key("status", status);
        let steps = milliseconds(window.measured());
        Self {
            bar: bar(Some(steps), style, Beside::Nothing),
            window: window.clone(),
        }
    }

    /// Shows how far it is.
    pub(super) fn show(&self) {
        self.bar.set_position(milliseconds(measured(&self.window)));
    }

    /// Takes it away, before other output comes.
    pub(super) fn clear(&self) {
        crate::progress::clear(&self.bar);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What has been measured yet.
fn measured(window: &Window) -> Duration {
    let now = Instant::now();
    let since = now.saturating_duration_since(window.start());
    since.min(window.measured())
}

fn status(window: &Window, totals: &Totals) -> String {
    let now = Instant::now();
    if now < window.start() {
        return "warming up".to_owned();
    }
    if now >= window.end() {
        return "waiting for the last answers".to_owned();
    }
    let measured = measured(window).as_secs_f64();
    let sums = totals.lock();
    let errors: u64 = sums.errors.values().sum();
    let (rate, p99) = (
        sums.within as f64 / measured.max(f64::MIN_POSITIVE),
        sums.latency.value_at_quantile(0.99),
    );
    drop(sums);
    let errors = match errors {
        0 => String::new(),
        number => format!("  {} errors", grouped(number)),
    };
    format!(
        "{measured:.1} of {}  {}/s  p99 {}{errors}",
        seconds(window.measured()),
        grouped(rate as u64),
        time(p99),
    )
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressStyle;

    use super::*;

    #[test]
    fn templates_are_indicatifs() {
        for template in [CONNECTING, MEASURING] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
