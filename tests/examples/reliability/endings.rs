//! How things end: a server that stops, and a remote that is gone.

use std::future::pending;
use std::time::{Duration, Instant};

use netaio_tokio::error::RequestError;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Client, Server};
use tokio::net::TcpListener;

use crate::Error;

/// How long a stop takes that finds so many requests whose handlers never end.
pub(crate) async fn measure_stop(count: usize) -> Result<(), Error> {
    const GRACE: Duration = Duration::from_secs(1);
    let before = descriptors()?;
    let server = Server::builder()
        .on((REQUEST_URI, "hang"), || async {
            pending::<()>().await;
        })
        .bind("127.0.0.1:0")
        .await?;
    let mut requests = Vec::new();
    for _ in 0..count {
        // One connection runs one handler at a time: each request has its own.
        let client = Client::builder().build()?;
        client.connect(server.local_addr()).await?;
        requests.push(tokio::spawn(async move { client.request("hang").await }));
    }
    while server.connections() < count {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    server.stop_within(GRACE).await;
    let stopped = asked.elapsed();
    let mut failed = 0usize;
    for request in requests {
        failed += usize::from(matches!(request.await?, Err(RequestError::Closed(_))));
    }
    let ended = asked.elapsed();
    drop(server);
    println!(
        "stop: {failed} of {count} requests in flight ended {ended:.2?} after a stop with {GRACE:?} of \
         grace, which took {stopped:.2?} (goal: grace + 1 s); descriptors left: {}",
        settled(before).await?
    );
    Ok(())
}

/// How soon so many requests fail whose connection is lost.
pub(crate) async fn measure_loss(count: usize) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::builder().build()?;
    let connection = client.connect(listener.local_addr()?).await?;
    let (stream, _) = listener.accept().await?;
    let mut requests = Vec::new();
    for number in 0..count {
        let request = connection.request(number.to_string());
        requests.push(tokio::spawn(async move { (request.await, Instant::now()) }));
    }
    // All of them are on their way when the first bytes arrive and no more come.
    stream.readable().await?;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let lost = Instant::now();
    drop(stream);
    let (mut failed, mut last) = (0usize, lost);
    for request in requests {
        let (result, at) = request.await?;
        failed += usize::from(matches!(
            result,
            Err(RequestError::Closed(_) | RequestError::Send(_))
        ));
        last = last.max(at);
    }
    let after = last.saturating_duration_since(lost);
    println!(
        "loss: {failed} of {count} requests failed within {after:.2?} of their connection's loss (goal: \
         100 ms)"
    );
    Ok(())
}

fn descriptors() -> Result<usize, Error> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

/// How many more descriptors there are than before, once that does not change.
async fn settled(before: usize) -> Result<usize, Error> {
    let mut left = descriptors()?.saturating_sub(before);
    for _ in 0..1000 {
        if left == 0 {
            break;
        }
        tokio::task::yield_now().await;
        left = descriptors()?.saturating_sub(before);
    }
    Ok(left)
}
