//! A server under churn, faults and load: whether its memory and descriptors
//! stay, and whether all that it acknowledged is there.
//!
//! ```sh
//! cargo run --release -p netaio-tests --example soak [MINUTES] [SVG]   # 60 unless said
//! ```
//!
//! It is a process of its own, with the store of the interop tests, and what it
//! holds is read from `/proc`: Linux only. Some 3,000 requests a second keep it
//! busy without filling the machine. What clients do is drawn from fixed seeds;
//! when they do it is up to the machine. The status is 1 where something did
//! not hold; the slope of memory is judged in runs of half an hour and more.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod churn;
mod dice;
mod faults;
mod figures;
mod frames;
mod news;
mod plot;
mod proxy;
mod records;
mod report;
mod server;
mod slow;
mod tally;
mod watch;
mod world;

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::records::Writer;
use crate::report::Run;
use crate::watch::{Sample, Watched};
use crate::world::World;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long the server may take until nothing of the clients is left.
const PATIENCE: Duration = Duration::from_secs(60);

/// Subscribers to which nothing is done.
const SUBSCRIBERS: usize = 4;

#[tokio::main]
async fn main() -> Result<ExitCode, Error> {
    let mut arguments = std::env::args().skip(1);
    let minutes = match arguments.next() {
        Some(word) if word == "server" => {
            server::serve().await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(minutes) => minutes.parse()?,
        None => 60.0,
    };
    let svg = arguments.next();

    let (process, tcp, udp) = server::start()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let world = Arc::new(World::new(tcp, udp, listener.local_addr()?));
    let mut watched = Watched::new(process);
    let (before, _) = watched.sample(&world)?;
    let started = Instant::now();
    let watching = world.clone();
    let watching = tokio::task::spawn_blocking(move || watched.watch(&watching));
    let proxy = tokio::spawn(proxy::run(world.clone(), listener));

    let mut actors = Actors::default();
    load(&world, &mut actors).await?;
    tokio::time::sleep(Duration::from_secs_f64(minutes * 60.0)).await;
    world.end();
    let length = started.elapsed().as_secs_f64();
    while let Some((actor, result)) = actors.0.join_next().await.transpose()? {
        if let Err(error) = result {
            world.tally.broken(format_args!("{actor}: {error}"));
        }
    }
    proxy.abort();
    let mut watched = watching.await??;
    let (after, counters) = settle(&mut watched, &world, &before).await?;
    let run = Run {
        length,
        samples: &watched.samples,
        before,
        after,
        counters,
        tally: &world.tally,
    };
    let mut failed = run.judge();
    if let Some(path) = svg {
        std::fs::write(path, plot::picture(&run)?)?;
    }
    if !watched.process.finish()?.success() {
        failed.push("the server did not stop as it should".to_owned());
    }
    for what in &failed {
        println!("FAILED: {what}");
    }
    Ok(ExitCode::from(u8::from(!failed.is_empty())))
}

/// All that do something to the server.
#[derive(Default)]
struct Actors(JoinSet<(&'static str, Result<(), Error>)>);

impl Actors {
    fn add(
        &mut self,
        name: &'static str,
        actor: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) {
        self.0.spawn(async move { (name, actor.await) });
    }
}

async fn load(world: &Arc<World>, actors: &mut Actors) -> Result<(), Error> {
    for _ in 0..SUBSCRIBERS {
        let subscribed = news::subscribe(world).await?;
        actors.add("subscriber", news::take_all(world.clone(), subscribed));
    }
    actors.add("publisher", news::publish(world.clone(), SUBSCRIBERS));
    actors.add("cut subscriber", news::take_some(world.clone()));
    for name in 0..4 {
        actors.add("writer", Writer::direct(world, name).await?.run());
        actors.add("cut writer", Writer::cut(world, 10 + name).await?.run());
    }
    for name in 20..22 {
        actors.add("UDP writer", Writer::datagrams(world, name).await?.run());
    }
    for seed in 100..104 {
        actors.add("churn", churn::come_and_go(world.clone(), seed));
    }
    for seed in 200..202 {
        actors.add("load", churn::stay(world.clone(), seed));
    }
    actors.add("waiting", churn::wait(world.clone(), 250));
    for seed in 300..302 {
        actors.add("faults", faults::harm(world.clone(), seed));
    }
    for seed in 400..404 {
        actors.add("stalls", faults::stall(world.clone(), seed));
    }
    actors.add(
        "bad datagrams",
        faults::harm_with_datagrams(world.clone(), 500),
    );
    actors.add("slow subscriber", slow::run(world.clone(), 600));
    Ok(())
}

/// What is there once everybody is gone.
async fn settle(
    watched: &mut Watched,
    world: &World,
    before: &Sample,
) -> Result<(Sample, server::Counters), Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        let (sample, counters) = watched.sample(world)?;
        let settled = counters.open == 0 && sample.descriptors == before.descriptors;
        if settled || Instant::now() > until {
            return Ok((sample, counters));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
