//! The rounds of contenders that take turns, and what they come to.

use netaio_tests::contest::{Rate, Result};
use netaio_tests::figures::{Spread, grouped};

/// How often a figure is measured that is not steady.
const ATTEMPTS: usize = 3;

/// The rounds of all contenders, each with one rate for each of them.
pub(super) struct Row {
    rounds: Vec<Vec<Rate>>,
    /// Who is compared: one contender beside another.
    pairs: &'static [(usize, usize)],
}

impl Row {
    /// Measures so many rounds, and all of them again if what is compared is not steady.
    pub(super) fn measure(
        rounds: usize,
        pairs: &'static [(usize, usize)],
        mut ask: impl FnMut() -> Result<Vec<Rate>>,
    ) -> Result<Self> {
        let mut attempts = 0;
        loop {
            let rounds = (0..rounds).map(|_| ask()).collect::<Result<_>>()?;
            let row = Self { rounds, pairs };
            attempts += 1;
            if attempts == ATTEMPTS || row.is_steady() {
                return Ok(row);
            }
        }
    }

    /// One contender beside another.
    fn ratio(&self, one: usize, other: usize) -> Spread {
        let rate = |round: &Vec<Rate>, at: usize| Some(round.get(at)?.per_second);
        let rounds = self.rounds.iter();
        Spread::of(rounds.filter_map(|round| Some(rate(round, one)? / rate(round, other)?)))
    }

    fn is_steady(&self) -> bool {
        let pairs = self.pairs.iter();
        pairs
            .map(|&(one, other)| self.ratio(one, other))
            .all(|ratio| ratio.is_steady())
    }

    /// The cells of a table: the rates of so many contenders, what is compared, and the time on the
    /// processor of those whose it is told. The last contenders may be left out.
    pub(super) fn cells(&self, contenders: usize, times: &[usize]) -> String {
        let rounds = |at: usize| self.rounds.iter().filter_map(move |round| round.get(at));
        let mut text = String::new();
        for at in 0..contenders {
            let rates: Vec<_> = rounds(at).map(|rate| rate.per_second).collect();
            text += &match rates.is_empty() {
                true => "| left out ".to_owned(),
                false => format!("| {} ", grouped(Spread::of(rates).median)),
            };
        }
        for &(one, other) in self.pairs {
            text += &format!("| {} ", self.ratio(one, other));
        }
        let steady = if self.is_steady() { "" } else { "(unsteady) " };
        let times: Vec<_> = times
            .iter()
            .map(|at| {
                let times = rounds(*at).filter_map(|rate| rate.processor);
                format!("{:.0}", Spread::of(times).median)
            })
            .collect();
        text + &format!("{steady}| {} ns |", times.join(", "))
    }
}
