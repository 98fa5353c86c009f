//! Either end of a TCP connection whose path is going to die, in a network namespace of its
//! own: it says what happens, a line each. It ends with the connections.
//!
//! `dead_path serve ADDRESS` serves one connection, and `dead_path ask ADDRESS` makes two. With
//! a line on its standard input it asks something by one of them; the other one is idle.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::time::Duration;

use netaio_tokio::config::Keepalive;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Client, Server};

/// A dead path is noticed within 3 s.
fn keepalive() -> Keepalive {
    let second = Duration::from_secs(1);
    let keepalive = Keepalive::new().with_idle(second).with_interval(second);
    keepalive.with_probes(2)
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

async fn serve(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let builder = Server::builder().on(REQUEST_URI, || "here");
    let server = builder.keepalive(keepalive()).bind(address).await?;
    say("listens")?;
    let mut events = server.events();
    while events.next().await.is_some() {}
    Ok(())
}

async fn ask(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().keepalive(keepalive()).build()?;
    let (idle, busy) = (
        client.connect(address).await?,
        client.connect(address).await?,
    );
    for connection in [&idle, &busy] {
        connection.request("first").await?.into_result()?;
    }
    say("connected")?;
    io::stdin().read_line(&mut String::new())?;
    let never = Duration::from_secs(3600);
    match busy.request("second").timeout(never).await {
        Ok(_) => say("busy: answered")?,
        Err(error) => say(&format!("busy: {error}"))?,
    }
    say(&format!("idle: {}", idle.closed().await))?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (Some("serve"), Some(address)) => serve(&address).await,
        (Some("ask"), Some(address)) => ask(&address).await,
        _ => Err("usage: dead_path serve|ask ADDRESS".into()),
    }
}
