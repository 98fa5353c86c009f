//! Those who are not of this repository: Redis, and the Python package, where they are installed.

use netaio_tests::contest::{Load, Question, Redis, Result, Servers, round};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::python::{Python, PythonServer, ServerOptions};

use super::Options;

/// How deep they are asked.
const IN_FLIGHT: [usize; 2] = [64, 256];

/// Servers of others.
pub(super) struct Others {
    redis: Option<Redis>,
    python: Option<PythonServer>,
}

impl Others {
    /// Starts those that there are, and says who is left out.
    pub(super) fn start() -> Self {
        let python = start_python().inspect_err(|error| {
            eprintln!("left out: the Python package ({error})");
        });
        let (redis, python) = (Redis::start_or_say(), python.ok());
        Self { redis, python }
    }

    /// Asks them and ours in turns, and prints.
    pub(super) fn measure(&self, ours: &Servers, options: Options) -> Result<()> {
        let mut contenders = vec![("ours", ours.address("ours")?, Question::netaio()?)];
        if let Some(redis) = &self.redis {
            contenders.push(("redis `PING`", redis.address, Question::redis()));
        }
        if let Some(python) = &self.python {
            contenders.push(("Python netaio", python.addr, Question::netaio()?));
        }
        println!("| others, in flight | answers/s | ours beside it |\n| --- | --- | --- |");
        for in_flight in IN_FLIGHT {
            let mut rounds = vec![Vec::new(); contenders.len()];
            for _ in 0..options.rounds {
                let rates = round(contenders.len(), options.span, |at, span| {
                    let (_, address, question) = &contenders[at];
                    Ok(Load { in_flight, span }.ask(*address, question, || None)?)
                })?;
                for (rounds, rate) in rounds.iter_mut().zip(rates) {
                    rounds.push(rate.per_second);
                }
            }
            for ((name, ..), rates) in contenders.iter().zip(&rounds) {
                let ratios = rounds[0]
                    .iter()
                    .zip(rates)
                    .map(|(ours, other)| ours / other);
                println!(
                    "| {name}, {in_flight} | {} | {} |",
                    grouped(Spread::of(rates.iter().copied()).median),
                    Spread::of(ratios)
                );
            }
        }
        println!();
        Ok(())
    }
}

fn start_python() -> Result<PythonServer> {
    let python = Python::get()?.ok_or("not wanted")?;
    Ok(PythonServer::start(&python, &ServerOptions::default())?)
}
