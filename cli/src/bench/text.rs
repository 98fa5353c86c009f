//! The report for a person.

use std::fmt::Write;

use hdrhistogram::Histogram;
use netaio_core::Printable;

use super::report::{PERCENTILES, Report};
use super::totals::Sums;
use crate::units::{grouped, seconds, time, units};

/// The characters of the longest bar.
const BAR: usize = 40;

impl Report {
    /// As text, on several lines.
    pub(super) fn text(&self) -> String {
        let setup = &self.setup;
        let own = if setup.own { " (its own)" } else { "" };
        let server = format!("{} {}{own}", setup.transport, setup.server);
        let connections = match setup.transport {
            "udp" => counted(setup.connections.into(), "socket"),
            _ => counted(setup.connections.into(), "connection"),
        };
        let size = counted(setup.size.into(), "byte");
        let subscribers = match setup.subscribers {
            None => String::new(),
            Some(number) => format!(", to {}", counted(number as u64, "subscriber")),
        };
        let asking = match setup.asking {
            "echo" => String::new(),
            other => format!(", to {other}"),
        };
        let x25519 = if setup.x25519 { ", with X25519" } else { "" };
        let mut text = format!(
            "{server}, on {}{x25519}: {connections} with {} in flight, {size} each{asking}{subscribers}\n\n",
            setup.runtime, setup.in_flight
        );
        match &self.fanout {
            None => {
                self.count(&mut text, "requests", &self.requests);
                latency(&mut text, &self.requests);
            }
            Some(deliveries) => {
                self.count(&mut text, "published", &self.requests);
                self.count(&mut text, "delivered", &deliveries.sums);
                entry(&mut text, "lost", &none_or(deliveries.lost));
                latency(&mut text, &deliveries.sums);
            }
        }
        if let Some(rate) = setup.rate {
            let begun = match self.not_begun {
                None | Some(0) => "all begun".to_owned(),
                Some(number) => format!("{} not begun: no caller was free", grouped(number)),
            };
            let rate = format!("{}/s", grouped(rate.into()));
            entry(&mut text, "due", &format!("{rate:<14}  {begun}"));
        }
        self.errors(&mut text);
        let measured = self.fanout.as_ref().map_or(&self.requests, |it| &it.sums);
        bars(&mut text, &measured.latency);
        // Of names and errors that others have a say in.
        Printable::new(text)
            .with_lines()
            .with_max(usize::MAX)
            .to_string()
    }

    /// What came by the end of the time, and how much came later of what was waited for.
    fn count(&self, text: &mut String, name: &str, sums: &Sums) {
        let rate = format!("{}/s", grouped(self.per_second(sums.within) as u64));
        let (count, time) = (grouped(sums.within), seconds(self.time));
        let later = match sums.latency.len().saturating_sub(sums.within) {
            0 => String::new(),
            later => format!(", and {} later", grouped(later)),
        };
        let early = if self.ended_early {
            ", ended early"
        } else {
            ""
        };
        entry(
            text,
            name,
            &format!("{rate:<14}  {count} in {time}{later}{early}"),
        );
    }

    fn errors(&self, text: &mut String) {
        let all = self.fanout.iter().map(|it| &it.sums);
        let all: Vec<_> = all.chain([&self.requests]).collect();
        let kinds = all.iter().flat_map(|sums| &sums.errors);
        let kinds: Vec<_> = kinds
            .map(|(kind, number)| format!("{} {kind}", grouped(*number)))
            .collect();
        match kinds.is_empty() {
            true => entry(text, "errors", "none"),
            false => entry(text, "errors", &kinds.join(", ")),
        }
        if let Some(error) = all.iter().find_map(|sums| sums.error.as_ref()) {
            entry(text, "", &format!("such as: {error}"));
        }
    }
}

fn entry(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {name:<11}  {value}");
}

fn latency(text: &mut String, sums: &Sums) {
    if sums.latency.is_empty() {
        return;
    }
    let (mut names, mut values) = (String::new(), String::new());
    let value = |(percentile, name)| (name, sums.latency.value_at_percentile(percentile));
    for (name, value) in PERCENTILES
        .map(value)
        .into_iter()
        .chain([("max", sums.latency.max())])
    {
        let _ = write!(names, "{name:<11}");
        let _ = write!(values, "{:<11}", time(value));
    }
    entry(text, "latency", names.trim_end());
    entry(text, "", values.trim_end());
}

/// A line for each step of 1, 2, 5, 10 that has some, as long as its share.
fn bars(text: &mut String, latency: &Histogram<u64>) {
    let mut steps: Vec<(u64, u64)> = Vec::new();
    for recorded in latency.iter_recorded() {
        let up_to = step(recorded.value_iterated_to());
        match steps.last_mut() {
            Some((last, count)) if *last == up_to => *count += recorded.count_at_value(),
            _ => steps.push((up_to, recorded.count_at_value())),
        }
    }
    let most = steps.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for (up_to, count) in steps.iter().copied() {
        if up_to == steps[0].0 {
            text.push('\n');
        }
        let share = |of: u64| count as f64 / of.max(1) as f64;
        let bar = "#".repeat((share(most) * BAR as f64).round() as usize);
        let percent = share(latency.len()) * 100.0;
        let line = format!(
            "  {:>11}  {percent:>7.3} %  {bar}",
            format!("to {}", whole(up_to))
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// The least of 1, 2, 5, 10, 20 and so on that is no less.
fn step(value: u64) -> u64 {
    let mut decade: u64 = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = decade.saturating_mul(factor);
            if step >= value {
                return step;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

/// A time that is a whole number of its unit.
fn whole(nanoseconds: u64) -> String {
    let (value, unit) = units(nanoseconds);
    format!("{value:.0} {unit}")
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

fn none_or(number: u64) -> String {
    match number {
        0 => "none".to_owned(),
        number => grouped(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (value, up_to) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 5),
            (6, 10),
            (200, 200),
            (201, 500),
        ] {
            assert_eq!(step(value), up_to);
        }
        assert_eq!(step(u64::MAX), u64::MAX);
    }
}
