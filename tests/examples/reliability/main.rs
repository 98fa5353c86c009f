//! The figures of docs/reliability.md on connections: what idle ones and half-sent
//! frames cost, what a flood and a slow subscriber do to others, what keys of subscriptions
//! take, what strangers make a node publish and send to others, how a server stops, and how
//! soon a lost connection is noticed.
//!
//! ```sh
//! cargo run --release -p netaio-tests --example reliability            # all of them
//! cargo run --release -p netaio-tests --example reliability idle 9000
//! ```
//!
//! Servers are processes of their own where memory is measured, and it is read
//! from `/proc`: Linux only.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod endings;
mod fanout;
mod flood;
mod idle;
mod keys;
mod reflection;
mod server;
mod short;
mod slow;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |default: usize| -> Result<usize, Error> {
        Ok(match arguments.get(1) {
            Some(text) => text.parse()?,
            None => default,
        })
    };
    match arguments.first().map(String::as_str) {
        Some("server") => server::serve().await,
        Some("datagrams") => fanout::serve().await,
        Some("idle") => idle::measure(number(9000)?).await,
        Some("short") => short::measure(number(2000)?).await,
        Some("flood") => flood::measure(number(2000)?).await,
        Some("slow") => slow::measure(number(4000)?).await,
        Some("keys") => keys::measure(number(64)?).await,
        Some("fanout") => fanout::measure(number(65_536)?).await,
        Some("reflection") => reflection::measure(number(5)?).await,
        Some("stop") => endings::measure_stop(number(1000)?).await,
        Some("loss") => endings::measure_loss(number(1000)?).await,
        Some(other) => Err(format!("there is no {other:?}").into()),
        None => {
            idle::measure(9000).await?;
            short::measure(2000).await?;
            flood::measure(2000).await?;
            slow::measure(4000).await?;
            keys::measure(64).await?;
            fanout::measure(65_536).await?;
            reflection::measure(5).await?;
            endings::measure_stop(1000).await?;
            endings::measure_loss(1000).await
        }
    }
}
