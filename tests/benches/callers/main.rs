//! A `Client` whose connection many callers share, on every runtime, beside a floor: a client by
//! hand that gives answers to callers in their order, with one write for all that ask at once
//! (*minimal*). The `Client` is measured with ids in its requests (*correlated*, as it is unless told
//! otherwise) and without (*FIFO*, as the floor). Where `redis-server` is on the PATH, the floor asks
//! it for `PING` too, as deep.
//!
//! The clients of a runtime are in a process of their own, take turns, and ask the same server, the
//! minimal one of `--bench echo` on tokio, with one thread. On Linux it has a processor of its own,
//! and clients with one thread another one; clients with two threads run on any.
//!
//!     cargo bench -p netaio-tests --bench callers [--features async-std] \
//!         [-- ROUNDS MILLISECONDS [THREADS]]

mod client;
mod floor;

use std::time::Duration;

use client::{Clients, Contender};
use netaio_tests::contest::{
    RUNTIMES, Rate, Redis, Result, Servers, apart, pin, round, serve_if_asked,
};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::plain::FRAME;

const CALLERS: [usize; 2] = [64, 1000];

/// How often a figure is measured that is not steady.
const ATTEMPTS: usize = 3;

/// One of those who ask for something, all the same.
trait Ask: Send + 'static {
    /// Asks once, and waits for the answer.
    fn ask(&mut self) -> impl Future<Output = std::result::Result<(), String>> + Send;
}

fn main() -> Result<()> {
    if serve_if_asked()? || client::obey_if_asked()? {
        return Ok(());
    }
    let mut numbers = std::env::args().filter_map(|it| it.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7) as usize;
    let span = Duration::from_millis(numbers.next().unwrap_or(400));
    let only = numbers.next();

    let start = |threads| {
        let clients = RUNTIMES.iter();
        let clients = clients.map(|name| Ok((*name, Clients::start(name, threads)?)));
        clients.collect::<Result<Vec<_>>>()
    };
    let several = start(2)?;
    let [server, client] = apart();
    pin(server);
    let servers = Servers::start("tokio", 1)?;
    let minimal = servers.address("minimal")?;
    let redis_server = Redis::start_or_say();
    let redis = redis_server.as_ref().map(|redis| redis.address);
    pin(client);
    let one = start(1)?;

    println!(
        "frames of {FRAME} bytes, {rounds} rounds of {span:?} each in slices, medians (least..most)\n\n\
         | runtime, callers, threads | minimal/s | FIFO/s | correlated/s | redis `PING`/s | FIFO of \
         minimal | correlated of minimal | correlated of FIFO | ns of the processor: minimal, FIFO, \
         correlated |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for (threads, mut clients) in [(1, one), (2, several)] {
        if only.is_some_and(|only| only != threads) {
            continue;
        }
        for callers in CALLERS {
            for (runtime, clients) in &mut clients {
                let addresses = [Some(minimal), Some(minimal), Some(minimal), redis];
                let addresses: Vec<_> = addresses.into_iter().flatten().collect();
                let row = Row::measure(rounds, || {
                    round(addresses.len(), span, |at, span| {
                        clients.ask(Contender::ALL[at], addresses[at], callers, span)
                    })
                })?;
                println!("| {runtime}, {callers}, {threads} {}", row.cells());
            }
        }
    }
    Ok(())
}

/// The rounds of all contenders; Redis, the last one, may be left out.
struct Row(Vec<Vec<Rate>>);

impl Row {
    fn measure(rounds: usize, mut ask: impl FnMut() -> Result<Vec<Rate>>) -> Result<Self> {
        let mut attempts = 0;
        loop {
            let row = (0..rounds)
                .map(|_| ask())
                .collect::<Result<_>>()
                .map(Self)?;
            attempts += 1;
            if attempts == ATTEMPTS || row.is_steady() {
                return Ok(row);
            }
        }
    }

    /// One contender beside another.
    fn ratio(&self, one: usize, other: usize) -> Spread {
        let rate = |round: &Vec<Rate>, at: usize| Some(round.get(at)?.per_second);
        let rounds = self.0.iter();
        Spread::of(rounds.filter_map(|round| Some(rate(round, one)? / rate(round, other)?)))
    }

    fn is_steady(&self) -> bool {
        [(1, 0), (2, 0), (2, 1)]
            .into_iter()
            .all(|(one, other)| self.ratio(one, other).is_steady())
    }

    fn cells(&self) -> String {
        let rounds = |at: usize| self.0.iter().filter_map(move |round| round.get(at));
        let mut text = String::new();
        for at in 0..Contender::ALL.len() {
            let rates: Vec<_> = rounds(at).map(|rate| rate.per_second).collect();
            text += &match rates.is_empty() {
                true => "| left out ".to_owned(),
                false => format!("| {} ", grouped(Spread::of(rates).median)),
            };
        }
        for (one, other) in [(1, 0), (2, 0), (2, 1)] {
            text += &format!("| {} ", self.ratio(one, other));
        }
        let steady = if self.is_steady() { "" } else { "(unsteady) " };
        let times = [0, 1, 2].map(|at| {
            let times = rounds(at).filter_map(|rate| rate.processor);
            format!("{:.0}", Spread::of(times).median)
        });
        text + &format!("{steady}| {} ns |", times.join(", "))
    }
}
