//! A few who ask without end, and one who asks now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netaio_tokio::Client;

use crate::Error;
use crate::server::Process;

const FLOODING: usize = 8;

/// How long the answers to so many single requests take, alone and during a
/// flood by others.
pub(crate) async fn measure(count: usize) -> Result<(), Error> {
    let server = Process::start()?;
    let client = Client::builder().build()?;
    client.connect(server.address).await?;
    let alone = p99(&client, count).await?;

    let (stop, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut floods = Vec::new();
    for _ in 0..FLOODING {
        let flooding = Client::builder().build()?;
        flooding.connect(server.address).await?;
        for _ in 0..64 {
            let (flooding, stop, answered) = (flooding.clone(), stop.clone(), answered.clone());
            floods.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    flooding.request("echo").content([0; 64].to_vec()).await?;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, netaio_tokio::error::RequestError>(())
            }));
        }
    }
    while answered.load(Ordering::Relaxed) < 10_000 {
        tokio::task::yield_now().await;
    }
    let (started, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    let flooded = p99(&client, count).await?;
    let flood =
        (answered.load(Ordering::Relaxed) - before) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for task in floods {
        task.await??;
    }
    println!(
        "flood: p99 of a ninth connection {flooded:.2?} while {FLOODING} others get {flood:.0} \
         answers a second; alone {alone:.2?} (goal: under 50 ms)"
    );
    Ok(())
}

async fn p99(client: &Client, count: usize) -> Result<Duration, Error> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let asked = Instant::now();
        client.request("echo").content("hi").await?.into_result()?;
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    let at = count.saturating_mul(99) / 100;
    Ok(times.get(at).copied().unwrap_or_default())
}
