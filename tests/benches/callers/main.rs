//! A `Client` whose connection many callers share, on every runtime, beside a floor: a client by
//! hand that gives answers to callers in their order, with one write for all that ask at once
//! (*minimal*). The `Client` is measured with ids in its requests (*correlated*, as it is unless told
//! otherwise) and without (*FIFO*, as the floor). Where `redis-server` is on the PATH, the floor asks
//! it for `PING` too, as deep. With the feature `rpc`, tarpc and tonic are measured beside ours, each
//! client with the server of its own.
//!
//! The clients of a runtime are in a process of their own, take turns, and ask the same server, the
//! minimal one of `--bench echo` on tokio, with one thread. On Linux it has a processor of its own,
//! and clients with one thread another one; clients with two threads run on any.
//!
//!     cargo bench -p netaio-tests --bench callers [--features async-std,rpc] \
//!         [-- ROUNDS MILLISECONDS [THREADS]]

mod client;
mod floor;
mod row;
#[cfg(feature = "rpc")]
mod rpc;

use std::time::Duration;

use client::{Clients, Contender};
use netaio_tests::contest::{RUNTIMES, Redis, Result, Servers, apart, pin, round, serve_if_asked};
use netaio_tests::plain::FRAME;
use row::Row;

const CALLERS: [usize; 2] = [64, 1000];

/// Who takes turns on every runtime; Redis, the last one, may be left out.
const CONTENDERS: [Contender; 4] = [
    Contender::Minimal,
    Contender::Fifo,
    Contender::Correlated,
    Contender::Redis,
];

/// Those of them that are compared.
const PAIRS: &[(usize, usize)] = &[(1, 0), (2, 0), (2, 1)];

/// The clients of all runtimes, with their names.
type RuntimeClients = Vec<(&'static str, Clients)>;

/// One of those who ask for something, all the same.
trait Ask: Send + 'static {
    /// Asks once, and waits for the answer.
    fn ask(&mut self) -> impl Future<Output = std::result::Result<(), String>> + Send;
}

fn main() -> Result<()> {
    if serve_if_asked()? || client::obey_if_asked()? {
        return Ok(());
    }
    #[cfg(feature = "rpc")]
    if rpc::serve_if_asked()? {
        return Ok(());
    }
    let mut numbers = std::env::args().filter_map(|it| it.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7) as usize;
    let span = Duration::from_millis(numbers.next().unwrap_or(400));
    let only = numbers.next();

    let start = |threads| {
        let clients = RUNTIMES.iter();
        let clients = clients.map(|name| Ok((*name, Clients::start(name, threads)?)));
        clients.collect::<Result<RuntimeClients>>()
    };
    let several = start(2)?;
    let [server, client] = apart();
    pin(server);
    let servers = Servers::start("tokio", 1)?;
    let minimal = servers.address("minimal")?;
    let redis_server = Redis::start_or_say();
    let redis = redis_server.as_ref().map(|redis| redis.address);
    #[cfg(feature = "rpc")]
    let table = rpc::Table::start()?;
    #[cfg(not(feature = "rpc"))]
    eprintln!("left out: tarpc and tonic (they need the feature `rpc`)");
    pin(client);
    let one = start(1)?;

    println!(
        "frames of {FRAME} bytes, {rounds} rounds of {span:?} each in slices, medians (least..most)\n\n\
         | runtime, callers, threads | minimal/s | FIFO/s | correlated/s | redis `PING`/s | FIFO of \
         minimal | correlated of minimal | correlated of FIFO | ns of the processor: minimal, FIFO, \
         correlated |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    let mut clients = vec![(1, one), (2, several)];
    clients.retain(|(threads, _)| only.is_none_or(|only| only == *threads));
    for (threads, clients) in &mut clients {
        for callers in CALLERS {
            for (runtime, clients) in &mut *clients {
                let addresses = [Some(minimal), Some(minimal), Some(minimal), redis];
                let addresses: Vec<_> = addresses.into_iter().flatten().collect();
                let row = Row::measure(rounds, PAIRS, || {
                    round(addresses.len(), span, |at, span| {
                        clients.ask(CONTENDERS[at], addresses[at], callers, span)
                    })
                })?;
                let cells = row.cells(CONTENDERS.len(), &[0, 1, 2]);
                println!("| {runtime}, {callers}, {threads} {cells}");
            }
        }
    }
    #[cfg(feature = "rpc")]
    table.print(clients, rounds, span)?;
    Ok(())
}
