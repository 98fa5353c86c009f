//! Two connections whose handlers hash for some 10 microseconds each, on two threads, beside one.

use std::thread;
use std::time::Duration;

use netaio_tests::contest::{Load, Question, RUNTIMES, Rate, Result, Servers, processors, round};
use netaio_tests::figures::{Spread, grouped};

use super::Options;

/// Enough to keep a thread busy while the client turns around.
const IN_FLIGHT: usize = 64;

/// Asks the servers of every runtime on one connection and on two, in turns, and prints.
pub(super) fn measure(options: Options) -> Result<()> {
    println!(
        "| some 10 us of work a message, two threads on {} processors | one connection/s | two | \
         two beside one | minimal, two beside one |\n| --- | --- | --- | --- | --- |",
        processors().len()
    );
    for runtime in RUNTIMES {
        let servers = Servers::start(runtime, 2)?;
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        let (mut ratios, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let contenders = ["ours-busy", "minimal-busy"];
            let rates = round(4, options.span, |at, span| {
                ask(&servers, contenders[at / 2], 1 + at % 2, span)
            })?;
            let rates: Vec<_> = rates.iter().map(|rate| rate.per_second).collect();
            ones.push(rates[0]);
            twos.push(rates[1]);
            ratios.push(rates[1] / rates[0]);
            floors.push(rates[3] / rates[2]);
        }
        println!(
            "| {runtime} | {} | {} | {} | {} |",
            grouped(Spread::of(ones).median),
            grouped(Spread::of(twos).median),
            Spread::of(ratios),
            Spread::of(floors)
        );
    }
    println!();
    Ok(())
}

/// What so many connections get together.
fn ask(servers: &Servers, name: &str, connections: usize, span: Duration) -> Result<Rate> {
    let (address, question) = (servers.address(name)?, Question::netaio()?);
    let in_flight = IN_FLIGHT;
    let load = Load { in_flight, span };
    let rates = thread::scope(|scope| {
        let ask = || load.ask(address, &question, || None);
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        let rates = threads.into_iter().map(|thread| thread.join());
        rates.collect::<Vec<_>>()
    });
    let mut sum = Rate {
        per_second: 0.0,
        processor: None,
    };
    for rate in rates {
        sum.per_second += rate.map_err(|_| "a thread has ended")??.per_second;
    }
    Ok(sum)
}
