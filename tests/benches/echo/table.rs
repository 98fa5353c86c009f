//! What came of it.

use netaio_tests::contest::{RUNTIMES, Rate};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::plot::{Axis, Line, Plot};

use super::CONTENDERS;

/// All rounds of all runtimes, by the number in flight.
pub(super) struct Table {
    pub(super) rows: Vec<(usize, Vec<Row>)>,
}

/// The rounds of a runtime: of each the contenders.
pub(super) struct Row {
    pub(super) runtime: &'static str,
    pub(super) rounds: Vec<[Rate; 3]>,
}

impl Row {
    fn spread(&self, of: impl Fn(&[Rate; 3]) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(of))
    }

    fn of_minimal([_, minimal, ours]: &[Rate; 3]) -> f64 {
        ours.per_second / minimal.per_second
    }

    fn of_bare([bare, _, ours]: &[Rate; 3]) -> f64 {
        ours.per_second / bare.per_second
    }

    /// As [`of_minimal`](Self::of_minimal), where the server's processor is all that limits it.
    fn of_minimal_by_time([_, minimal, ours]: &[Rate; 3]) -> f64 {
        let times = minimal.processor.zip(ours.processor);
        times.map_or(f64::NAN, |(minimal, ours)| minimal / ours)
    }

    /// A share beside that of another.
    fn beside(&self, other: &Self, share: fn(&[Rate; 3]) -> f64) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of(pairs.map(|(a, b)| share(a) / share(b)))
    }

    pub(super) fn is_steady(&self) -> bool {
        self.spread(Self::of_minimal).is_steady() && self.spread(Self::of_bare).is_steady()
    }
}

impl Row {
    fn cells(&self) -> String {
        let rates = [0, 1, 2].map(|at| grouped(self.spread(|it| it[at].per_second).median));
        let time = |at: usize| move |it: &[Rate; 3]| it[at].processor.unwrap_or(f64::NAN);
        let [minimal, ours] = [1, 2].map(|at| self.spread(time(at)).median);
        let steady = if self.is_steady() { "" } else { " (unsteady)" };
        format!(
            " {} | {} | {}{steady} | {minimal:.0}, {ours:.0} | {} |",
            rates.join(" | "),
            self.spread(Self::of_bare),
            self.spread(Self::of_minimal),
            self.spread(Self::of_minimal_by_time),
        )
    }
}

impl Table {
    pub(super) fn print(&self) {
        for (index, name) in RUNTIMES.iter().enumerate() {
            let more = [" of minimal beside tokio's |", " by processor time |"];
            let more = if index > 0 {
                more.concat()
            } else {
                String::new()
            };
            println!(
                "| {name}, in flight | bare/s | minimal/s | `Server`/s | of bare | of minimal | \
                 ns of the processor: minimal, `Server` | of minimal by that |{more}\n| --- |{}",
                " --- |".repeat(7 + more.matches('|').count()),
            );
            for (in_flight, all) in &self.rows {
                if let (Some(row), Some(tokio)) = (all.get(index), all.first()) {
                    print!("| {} |{}", grouped(*in_flight as f64), row.cells());
                    if index > 0 {
                        for share in [Row::of_minimal, Row::of_minimal_by_time] {
                            print!(" {} |", row.beside(tokio, share));
                        }
                    }
                    println!();
                }
            }
            println!();
        }
    }

    pub(super) fn draw(&self) -> Plot {
        let mut plot = Plot::new(
            "Answers a second over requests in flight, beside the floors of each runtime",
            Axis::log("requests in flight on one connection"),
            Axis::log("answers a second"),
        );
        for (index, runtime) in RUNTIMES.iter().enumerate() {
            for (at, contender) in CONTENDERS.iter().enumerate() {
                // Moving bytes costs nearly the same on all of them.
                if at == 0 && index > 0 {
                    continue;
                }
                let mut line = match at {
                    0 => Line::dashed(format!("{contender} on {runtime}")).coloured(5),
                    1 => Line::dashed(format!("{contender} on {runtime}")).coloured(index),
                    _ => Line::new(format!("Server on {runtime}")).coloured(index),
                };
                for (in_flight, row) in &self.rows {
                    if let Some(row) = row.get(index) {
                        line.add(*in_flight as f64, row.spread(|it| it[at].per_second));
                    }
                }
                plot.add(line);
            }
        }
        plot
    }
}
