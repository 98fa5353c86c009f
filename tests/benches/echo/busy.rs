//! Two connections whose handlers hash for some 10 microseconds each, on two threads, beside one.

use std::thread;

use netaio_tests::contest::{Load, Question, RUNTIMES, Result, Servers, processors};
use netaio_tests::figures::{Spread, grouped};

use super::Options;

/// Enough to keep a thread busy.
const IN_FLIGHT: usize = 16;

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
            let ask = |name, connections| ask(&servers, name, connections, options);
            let (one, two) = (ask("ours-busy", 1)?, ask("ours-busy", 2)?);
            floors.push(1.0 / ask("minimal-busy", 1)? * ask("minimal-busy", 2)?);
            ones.push(one);
            twos.push(two);
            ratios.push(two / one);
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

/// Answers a second on so many connections together.
fn ask(servers: &Servers, name: &str, connections: usize, options: Options) -> Result<f64> {
    let (address, question) = (servers.address(name)?, Question::netaio()?);
    let load = Load {
        in_flight: IN_FLIGHT,
        span: options.span,
    };
    let rates = thread::scope(|scope| {
        let threads =
            (0..connections).map(|_| scope.spawn(|| load.ask(address, &question, || None)));
        let threads: Vec<_> = threads.collect();
        let rates = threads.into_iter().map(|thread| thread.join());
        rates.collect::<Vec<_>>()
    });
    let mut sum = 0.0;
    for rate in rates {
        sum += rate.map_err(|_| "a thread has ended")??.per_second;
    }
    Ok(sum)
}
