//! What a run has shown.

use crate::figures::{line, median, medians, range, robust_slope};
use crate::server::Counters;
use crate::tally::Tally;
use crate::watch::Sample;

/// Shorter runs say nothing on the slope of memory: it needs time to level out.
const JUDGED_FROM: f64 = 1800.0;

/// All that was seen of a run.
pub(crate) struct Run<'a> {
    /// How long it was, in seconds.
    pub(crate) length: f64,
    pub(crate) samples: &'a [Sample],
    /// Before the first client came.
    pub(crate) before: Sample,
    /// After the last one was gone.
    pub(crate) after: Sample,
    pub(crate) counters: Counters,
    pub(crate) tally: &'a Tally,
}

impl Run<'_> {
    /// The time from which on memory is judged, in seconds: a tenth of the run,
    /// and at most 5 minutes.
    pub(crate) fn warm_up(&self) -> f64 {
        (self.length * 0.1).min(300.0)
    }

    /// One of the figures by the time, after the warm-up.
    fn warm(&self, of: impl Fn(&Sample) -> f64) -> Vec<(f64, f64)> {
        let warm = self.samples.iter();
        let warm = warm.filter(|sample| sample.at >= self.warm_up());
        warm.map(|sample| (sample.at, of(sample))).collect()
    }

    /// The line through the server's memory after the warm-up: MiB a second, and
    /// MiB at the start.
    pub(crate) fn memory(&self) -> (f64, f64) {
        line(&self.warm(|sample| sample.server))
    }

    /// Prints it, and says what did not hold.
    pub(crate) fn judge(&self) -> Vec<String> {
        let server = self.warm(|sample| sample.server);
        let (slope, _) = self.memory();
        let slope = slope * 3600.0;
        let minutes = medians(&server, 60.0);
        let robust = robust_slope(&minutes) * 3600.0;
        let quarter = minutes.len().div_ceil(4);
        let first = median(minutes.iter().take(quarter).map(|minute| minute.1));
        let last = median(minutes.iter().rev().take(quarter).map(|minute| minute.1));
        let (least, most) = range(minutes.iter().map(|minute| minute.1));
        let (clients, _) = line(&self.warm(|sample| sample.clients));
        // One more or less is a connection that came between the two readings.
        let beyond = self.warm(|sample| sample.descriptors - sample.open);
        let beyond = range(medians(&beyond, 60.0).into_iter().map(|minute| minute.1));
        let open = range(self.samples.iter().map(|sample| sample.open));
        let lost = self.tally.all_broken();

        println!("\n| what | figure |\n| --- | --- |");
        let row = |what: &str, figure: String| println!("| {what} | {figure} |");
        row("length", format!("{:.1} min", self.length / 60.0));
        row(
            "slope of the server's RSS, least squares over all seconds after the warm-up",
            format!("{slope:+.2} MiB/h"),
        );
        row(
            "the same, median of all slopes between the minutes' medians",
            format!("{robust:+.2} MiB/h"),
        );
        row(
            "the server's RSS, medians of the minutes",
            format!(
                "{least:.1} to {most:.1} MiB; first quarter {first:.1}, last quarter {last:.1}"
            ),
        );
        row(
            "slope of the clients' RSS",
            format!("{:+.2} MiB/h", clients * 3600.0),
        );
        row(
            "the server's descriptors before and after",
            format!("{} and {}", self.before.descriptors, self.after.descriptors),
        );
        row(
            "its descriptors that are no connections, medians of the minutes",
            format!("{} to {}", beyond.0, beyond.1),
        );
        row(
            "its connections at once",
            format!("{} to {}", open.0, open.1),
        );
        row("connections that it took in", grouped(self.counters.taken));
        row(
            "of these closed for what they sent",
            grouped(self.counters.malformed),
        );
        row(
            "of these cut for reading too slowly",
            grouped(self.counters.slow),
        );
        row("messages that it refused", grouped(self.counters.refused));
        let rate = self.after.answered / self.length.max(1.0) as u64;
        row("requests answered a second", grouped(rate));
        for (what, count) in self.tally.work.rows() {
            row(what, grouped(count));
        }
        for (what, count) in self.tally.faults.rows() {
            row(&format!("fault: {what}"), grouped(count));
        }
        row("lost, wrong, or out of order", grouped(lost.values().sum()));

        let lost = lost.into_iter();
        let mut failed: Vec<_> = lost
            .map(|(what, times)| format!("{what} ({times} times)"))
            .collect();
        let mut claim = |holds: bool, what: &str| {
            if !holds {
                failed.push(what.to_owned());
            }
        };
        claim(
            self.length < JUDGED_FROM || slope < 1.0,
            "the server's RSS grows by 1 MiB/h or more",
        );
        claim(
            self.after.descriptors == self.before.descriptors,
            "the server has other descriptors than before",
        );
        claim(
            beyond.1 - beyond.0 <= 1.0,
            "the server has descriptors that are no connections",
        );
        claim(
            self.after.open == 0.0,
            "the server has connections though all clients are gone",
        );
        for (what, count) in [self.tally.work.rows(), self.tally.faults.rows()].concat() {
            claim(count > 0, &format!("nothing was tried: {what}"));
        }
        failed
    }
}

/// A number with its digits in threes.
fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        more => format!("{},{:03}", grouped(more), number % 1000),
    }
}
