//! The memory that connections take which wait, on every runtime, beside a task by hand that waits
//! with a buffer of 128 bytes (*bare*): of those that have asked once, and of those that never do.
//! Linux: the memory is the resident set of a server in a process of its own, new for every figure.
//!
//!     cargo bench -p netaio-tests --bench memory [--features async-std] [-- ROUNDS]
//!
//! With `--plot` it renews docs/performance/memory.svg.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use netaio_tests::contest::{RUNTIMES, Result, Servers, serve_if_asked};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::plain::{FRAME, frame};
use netaio_tests::plot::{Axis, Line, Plot};

const CONNECTIONS: [usize; 4] = [500, 1000, 2000, 4000];

fn main() -> Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let mut numbers = std::env::args().filter_map(|it| it.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    let ours = RUNTIMES.iter().map(|runtime| (*runtime, "ours"));
    let contenders: Vec<_> = std::iter::once(("tokio", "idle")).chain(ours).collect();
    let mut plot = Plot::new(
        "Memory of a server over connections that have asked once and wait",
        Axis::linear("connections"),
        Axis::linear("MiB"),
    );
    let mut lines: Vec<_> = contenders
        .iter()
        .map(|(runtime, name)| match *name {
            "idle" => Line::dashed(format!("a bare task on {runtime}")).coloured(5),
            _ => Line::new(format!("Server on {runtime}")),
        })
        .collect();
    println!("{rounds} rounds each, medians (least..most), in KiB of RSS a connection\n");
    for asks in [true, false] {
        print!(
            "| connections that {} |",
            if asks { "have asked once" } else { "never ask" }
        );
        for (runtime, name) in &contenders {
            match *name {
                "idle" => print!(" bare task on {runtime} |"),
                _ => print!(" `Server` on {runtime} |"),
            }
        }
        println!("\n| --- |{}", " --- |".repeat(contenders.len()));
        for count in CONNECTIONS {
            print!("| {} |", grouped(count as f64));
            let mut figures = vec![Vec::new(); contenders.len()];
            for _ in 0..rounds {
                for (figures, (runtime, name)) in figures.iter_mut().zip(&contenders) {
                    figures.push(measure(runtime, name, count, asks)?);
                }
            }
            for (figures, line) in figures.into_iter().zip(&mut lines) {
                let each = figures.iter().map(|size| size / count as f64);
                print!(" {} |", Spread::of(each));
                if asks {
                    let sizes = figures.iter().map(|size| size / 1024.0);
                    line.add(count as f64, Spread::of(sizes));
                }
            }
            println!();
        }
        println!();
    }
    lines.into_iter().for_each(|line| plot.add(line));
    if std::env::args().any(|argument| argument == "--plot") {
        plot.save("memory.svg")?;
    }
    Ok(())
}

/// By how many KiB a server grows with so many connections.
fn measure(runtime: &str, name: &str, count: usize, asks: bool) -> Result<f64> {
    let server = Servers::start(runtime, 1)?;
    let (address, request) = (server.address(name)?, frame()?);
    let ask = |mut stream: TcpStream| {
        stream.write_all(&request)?;
        stream.read_exact(&mut [0; FRAME])?;
        Ok::<_, std::io::Error>(stream)
    };
    // The first one pays for what all share.
    let first = ask(TcpStream::connect(address)?)?;
    let process = server.process();
    let (before, descriptors) = (process.resident()?, process.descriptors()?);
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = TcpStream::connect(address)?;
        connections.push(if asks { ask(stream)? } else { stream });
    }
    while process.descriptors()? < descriptors + count {
        std::thread::sleep(Duration::from_millis(10));
    }
    // What was woken for the last ones has been done by then.
    std::thread::sleep(Duration::from_millis(200));
    let after = process.resident()?;
    drop((first, connections));
    Ok(after.saturating_sub(before) as f64)
}
