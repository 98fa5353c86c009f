//! `Server` on every runtime beside two floors on the same one: what handling messages costs over
//! moving bytes (*bare*), and over the least that a server of the protocol can do (*minimal*): a
//! loop by hand that reads, finds each frame, checks its checksum, and answers all of a read with
//! one write. With 64 and more in flight, beside Redis's `PING` and the Python package too.
//!
//! The servers of a runtime are in a process of their own with one thread, take turns, and serve
//! the same client: a thread on a blocking socket that keeps a number of 64-byte frames in flight
//! on one connection. On Linux the servers have one processor, and the client another. Only the
//! ratios count, since machines differ and are busy with other things; what changes by more than
//! a third of its median is measured again.
//!
//!     cargo bench -p netaio-tests --bench echo [--features async-std] [-- ROUNDS MILLISECONDS]
//!
//! With `--plot` it renews docs/performance/throughput.svg.

mod busy;
mod others;
mod table;

use std::time::Duration;

use self::table::{Row, Table};
use netaio_tests::contest::{
    Load, Question, RUNTIMES, Result, Servers, apart, pin, round, serve_if_asked,
};
use netaio_tests::plain::FRAME;

const IN_FLIGHT: [usize; 5] = [1, 8, 64, 256, 1000];
const CONTENDERS: [&str; 3] = ["bare", "minimal", "ours"];

/// How often a figure is measured that is not steady.
const ATTEMPTS: usize = 3;

fn main() -> Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let options = Options::parse();
    println!(
        "frames of {FRAME} bytes, {} rounds of {:?} each in slices, medians (least..most)\n",
        options.rounds, options.span
    );
    busy::measure(options)?;
    let [server, client] = apart();
    pin(server);
    let runtimes = RUNTIMES.iter();
    let runtimes: Vec<_> = runtimes
        .map(|name| Ok((*name, Servers::start(name, 1)?)))
        .collect::<Result<_>>()?;
    let others = others::Others::start();
    pin(client);
    let table = measure(&runtimes, options)?;
    table.print();
    if let Some((_, tokio)) = runtimes.first() {
        others.measure(tokio, options)?;
    }
    if options.plot {
        table.draw().save("throughput.svg")?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Options {
    rounds: usize,
    span: Duration,
    plot: bool,
}

impl Options {
    fn parse() -> Self {
        let mut numbers = std::env::args().filter_map(|it| it.parse::<usize>().ok());
        Self {
            rounds: numbers.next().unwrap_or(7),
            span: Duration::from_millis(numbers.next().unwrap_or(400) as u64),
            plot: std::env::args().any(|argument| argument == "--plot"),
        }
    }
}

/// The rounds of every number in flight, and those that are not steady again.
fn measure(runtimes: &[(&'static str, Servers)], options: Options) -> Result<Table> {
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT {
        let mut attempts = 0;
        rows.push(loop {
            let row = rounds(runtimes, in_flight, options)?;
            attempts += 1;
            if attempts == ATTEMPTS || row.iter().all(Row::is_steady) {
                break (in_flight, row);
            }
        });
    }
    Ok(Table { rows })
}

/// The rounds of one number in flight, in which all take turns.
fn rounds(
    runtimes: &[(&'static str, Servers)],
    in_flight: usize,
    options: Options,
) -> Result<Vec<Row>> {
    let rows = runtimes.iter();
    let mut rows: Vec<_> = rows
        .map(|(runtime, _)| Row {
            runtime,
            rounds: Vec::new(),
        })
        .collect();
    let question = Question::netaio()?;
    for _ in 0..options.rounds {
        let contenders = runtimes.len() * CONTENDERS.len();
        let rates = round(contenders, options.span, |at, span| {
            let (_, servers) = &runtimes[at / CONTENDERS.len()];
            let address = servers.address(CONTENDERS[at % CONTENDERS.len()])?;
            let load = Load { in_flight, span };
            Ok(load.ask(address, &question, || servers.busy())?)
        })?;
        for (row, rates) in rows.iter_mut().zip(rates.chunks_exact(CONTENDERS.len())) {
            row.rounds.extend(rates.first_chunk());
        }
    }
    let unsteady = rows.iter().filter(|row| !row.is_steady());
    for row in unsteady {
        eprintln!("{in_flight} in flight on {}: not steady", row.runtime);
    }
    Ok(rows)
}
