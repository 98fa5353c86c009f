//! A publisher and many subscribers: [`Publisher::publish`](netaio_tokio::Publisher::publish), with
//! and without a MAC, beside loops that write 64 messages at once to each of as many sockets
//! (*bare*, and *longer* with as many bytes as a MAC makes it), and beside nats-server, where it is on
//! the `PATH`.
//!
//! What publishes has the first processor, on a runtime with one thread, or as a process of its own;
//! all subscribers are sockets of one thread on the second, which does no more than count bytes. The
//! contenders take turns, and each delivers all that it was given before the next begins: what does
//! not arrive is an error. A message has 64 bytes of content; what it takes on the wire is told. Only
//! the ratios count, since machines differ and are busy with other things.
//!
//!     cargo bench -p netaio-tests --bench fanout [-- ROUNDS MILLISECONDS [SUBSCRIBERS...]]
//!
//! With `--plot` it renews docs/performance/fanout.svg.

mod contenders;
mod machine;
mod nats;
mod readers;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netaio_tests::contest::{apart, pin};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::plot::{Axis, Line, Plot};

use self::contenders::Contender;

const SUBSCRIBERS: [usize; 3] = [10, 100, 1000];
/// How often figures are measured that are not steady.
const ATTEMPTS: usize = 3;
/// How long nothing may arrive of what was published.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one turn has shown.
#[derive(Clone, Copy)]
struct Turn {
    /// Deliveries a second.
    rate: f64,
    /// Nanoseconds of a processor for each, at the publishing end.
    time: f64,
}

/// The turns of one contender.
struct Row {
    name: &'static str,
    wire_len: usize,
    turns: Vec<Turn>,
}

impl Row {
    fn rate(&self) -> Spread {
        Spread::of(self.turns.iter().map(|turn| turn.rate))
    }

    /// How many times as fast it was as another in the same rounds.
    fn beside(&self, other: &Self) -> Spread {
        let pairs = self.turns.iter().zip(&other.turns);
        Spread::of(pairs.map(|(own, other)| own.rate / other.rate))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut numbers = arguments.iter().filter_map(|it| it.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7);
    let span = Duration::from_millis(numbers.next().unwrap_or(400));
    let mut counts: Vec<_> = numbers.map(|it| it as usize).collect();
    if counts.is_empty() {
        counts.extend(SUBSCRIBERS);
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    machine::allow_files(most as u64 * 9 + 64)?;

    println!("{rounds} rounds of {span:?} each, medians (least..most)");
    let mut tables = Vec::new();
    for count in counts {
        let mut attempts = 0;
        let rows = loop {
            let rows = compare(count, rounds, span)?;
            attempts += 1;
            let first = rows.first();
            let is_steady = |row: &Row| first.is_none_or(|first| row.beside(first).is_steady());
            if attempts == ATTEMPTS || rows.iter().all(is_steady) {
                break rows;
            }
        };
        print(count, &rows);
        tables.push((count, rows));
    }
    if arguments.iter().any(|it| it == "--plot") {
        draw(&tables).save("fanout.svg")?;
    }
    Ok(())
}

fn print(subscribers: usize, rows: &[Row]) {
    println!("\n{subscribers} subscribers\n");
    let others = |name: &str| rows.iter().find(|row| row.name == name);
    for row in rows {
        let time = Spread::of(row.turns.iter().map(|turn| turn.time));
        print!(
            "{:>6} {:>4} B {:>11}/s  {time:.0} ns of the processor",
            row.name,
            row.wire_len,
            grouped(row.rate().median),
        );
        let floor = match row.name {
            "hmac" | "padded" => "longer",
            _ => "bare",
        };
        for other in [floor, "plain", "padded", "nats"] {
            if let Some(other) = others(other).filter(|other| other.name != row.name) {
                print!("  {:.2} of {}", row.beside(other), other.name);
            }
        }
        println!();
    }
}

fn draw(tables: &[(usize, Vec<Row>)]) -> Plot {
    let mut plot = Plot::new(
        "Deliveries a second over subscribers",
        Axis::log("subscribers of what one publishes"),
        Axis::linear("deliveries a second"),
    );
    let rows = tables.first().map_or(&[][..], |(_, rows)| rows);
    for (index, row) in rows.iter().enumerate() {
        let mut line = match row.name {
            "bare" => Line::dashed("bare, 64 messages a write"),
            "longer" => Line::dashed("bare, as long as with a MAC"),
            "plain" => Line::new("Publisher"),
            "padded" => Line::new("Publisher, as long as with a MAC"),
            "hmac" => Line::new("Publisher, with a MAC"),
            name => Line::new(name),
        };
        for (subscribers, rows) in tables {
            if let Some(row) = rows.get(index) {
                line.add(*subscribers as f64, row.rate());
            }
        }
        plot.add(line);
    }
    plot
}

/// Lets all contenders publish to so many subscribers, in turns.
fn compare(subscribers: usize, rounds: u64, span: Duration) -> Result<Vec<Row>, Box<dyn Error>> {
    // Threads and processes begin on the processor of whom they are made by.
    let [server, clients] = apart();
    pin(server);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(machine::SERVER)
        .enable_all()
        .build()?;
    let (mut contenders, streams) = contenders::all(&runtime, subscribers)?;
    pin(clients);
    let _readers = readers::start(streams)?;

    let rows = contenders.iter().map(|contender| Row {
        name: contender.name,
        wire_len: contender.wire_len,
        turns: Vec::new(),
    });
    let mut rows: Vec<_> = rows.collect();
    for _ in 0..rounds {
        for (contender, row) in contenders.iter_mut().zip(&mut rows) {
            row.turns.push(measure(&runtime, contender, span)?);
        }
    }
    Ok(rows)
}

/// Lets one publish for a while, and until all has arrived.
fn measure(
    runtime: &tokio::runtime::Runtime,
    contender: &mut Contender,
    span: Duration,
) -> Result<Turn, Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    let done = contender.publish(runtime, stop.clone())?;
    let look = || {
        let now = Instant::now();
        (now, contender.received(), contender.on_processor())
    };
    thread::sleep(span / 4);
    let (begun, before, time_before) = look();
    thread::sleep(span);
    let (ended, after, time_after) = look();
    stop.store(true, Ordering::Release);
    contender.note_published(done.recv()??);

    let mut last = (Instant::now(), 0);
    while !contender.is_complete()? {
        thread::sleep(Duration::from_millis(1));
        let received = contender.received();
        if received > last.1 {
            last = (Instant::now(), received);
        } else if last.0.elapsed() > PATIENCE {
            return Err(format!("{} has lost messages", contender.name).into());
        }
    }
    let count = (after - before) as f64 / contender.wire_len as f64;
    Ok(Turn {
        rate: count / (ended - begun).as_secs_f64(),
        time: (time_after - time_before) as f64 / count,
    })
}
