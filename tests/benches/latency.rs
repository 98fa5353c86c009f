//! The latency of a `Server` on every runtime over the rate of requests, beside the minimal loop by
//! hand of `--bench echo`. The load is that of `netaio bench --rate`: an open loop on one connection,
//! corrected for coordinated omission. The servers of a runtime are in a process of their own, with
//! one thread; on Linux they have one processor, and the load another.
//!
//!     cargo bench -p netaio-tests --bench latency [--features async-std] [-- ROUNDS SECONDS]
//!
//! It builds the command first, unless `--command PATH` names it. With `--plot` it renews
//! docs/performance/latency.svg.

use std::process::{Command, Stdio};

use netaio_tests::contest::{RUNTIMES, Result, Servers, apart, pin, serve_if_asked};
use netaio_tests::figures::{Spread, grouped};
use netaio_tests::plot::{Axis, Line, Plot};
use serde_json::Value;

/// Requests a second.
const RATES: [u32; 7] = [5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000];

const PERCENTILES: [&str; 3] = ["p50", "p99", "p99.9"];

fn main() -> Result<()> {
    if serve_if_asked()? {
        return Ok(());
    }
    let mut numbers = std::env::args().filter_map(|it| it.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(5);
    let seconds = numbers.next().unwrap_or(1);
    let mut arguments = std::env::args();
    let command = match arguments.find(|argument| argument == "--command") {
        Some(_) => arguments.next().ok_or("--command needs a path")?,
        None => build()?,
    };
    let [server, load] = apart();
    pin(server);
    let servers = RUNTIMES.iter();
    let servers: Vec<_> = servers
        .map(|runtime| Ok((*runtime, Servers::start(runtime, 1)?)))
        .collect::<Result<_>>()?;
    pin(load);
    // The floor first, and then ours.
    let floor = servers
        .iter()
        .take(1)
        .map(|(runtime, all)| (*runtime, "minimal", all));
    let ours = servers.iter().map(|(runtime, all)| (*runtime, "ours", all));
    let contenders: Vec<_> = floor.chain(ours).collect();

    let mut lines = lines(&contenders);
    println!("{rounds} rounds of {seconds} s each, medians (least..most), in microseconds\n");
    print!("| requests/s |");
    for (runtime, name, _) in &contenders {
        print!(" {name} on {runtime}: {} |", PERCENTILES.join(", "));
    }
    println!("\n| --- |{}", " --- |".repeat(contenders.len()));
    for rate in RATES {
        let mut figures = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for (figures, (_, name, servers)) in figures.iter_mut().zip(&contenders) {
                let address = servers.address(name)?.to_string();
                figures.push(measure(&command, &address, rate, seconds)?);
            }
        }
        print!("| {} |", grouped(rate.into()));
        for (figures, lines) in figures.into_iter().zip(&mut lines) {
            // Where it does not keep up, there is no latency to tell.
            let kept: Vec<_> = figures.iter().flatten().collect();
            if kept.len() < figures.len() {
                print!(" kept up in {} of {rounds} |", kept.len());
                continue;
            }
            for (at, line) in lines.iter_mut().enumerate() {
                let spread = Spread::of(kept.iter().map(|figures| figures[at]));
                print!(" {spread:.0}");
                line.add(rate.into(), spread);
            }
            print!(" |");
        }
        println!();
    }
    if std::env::args().any(|argument| argument == "--plot") {
        let mut plot = Plot::new(
            "Latency over the rate of requests",
            Axis::log("requests a second on one connection, open loop"),
            Axis::log("microseconds"),
        );
        // The highest percentile says more of the machine than of a server.
        let lines = lines
            .into_iter()
            .flat_map(|lines| lines.into_iter().take(2));
        lines.for_each(|line| plot.add(line));
        plot.save("latency.svg")?;
    }
    Ok(())
}

/// The lines of each contender, one for each percentile.
fn lines(contenders: &[(&str, &str, &Servers)]) -> Vec<Vec<Line>> {
    let contenders = contenders.iter().enumerate();
    let lines = contenders.map(|(colour, (runtime, name, _))| {
        let lines = PERCENTILES.iter();
        let lines = lines.map(|percentile| match *name {
            "minimal" => Line::dashed(format!("minimal on {runtime}, {percentile}")).coloured(5),
            _ => Line::new(format!("Server on {runtime}, {percentile}")).coloured(colour - 1),
        });
        lines.collect()
    });
    lines.collect()
}

/// The percentiles of a server's latency in microseconds; none if not all requests were begun in
/// time, or answered.
fn measure(
    command: &str,
    server: &str,
    rate: u32,
    seconds: usize,
) -> Result<Option<[f64; PERCENTILES.len()]>> {
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    let output = Command::new(command)
        .args(["bench", "--json", "--server", server, "--rate", &rate])
        .args(["--secs", &seconds, "--in-flight", "256", "--size", "46"])
        .stderr(Stdio::inherit())
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let requests = &report["requests"];
    let is_well = requests["errors"]
        .as_object()
        .is_some_and(|errors| errors.is_empty());
    if !output.status.success() || !is_well {
        return Err(format!("{}: {}", output.status, requests["errors"]).into());
    }
    if report["not_begun"].as_u64() != Some(0) {
        return Ok(None);
    }
    let latency = |name: &str| requests["latency"][name].as_f64().map(|time| time * 1e6);
    let mut figures = [0.0; PERCENTILES.len()];
    for (figure, name) in figures.iter_mut().zip(PERCENTILES) {
        *figure = latency(name).ok_or("no latency")?;
    }
    Ok(Some(figures))
}

/// Builds the command, and returns where it is.
fn build() -> Result<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", "netaio-cli"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()?;
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths =
        messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    Ok(paths.next_back().ok_or("the command was not built")?)
}
