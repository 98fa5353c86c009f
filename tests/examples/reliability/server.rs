//! The server that is measured, in a process of its own.

use std::net::SocketAddr;

use netaio_tests::process;
use netaio_tokio::config::Limits;
use netaio_tokio::types::{PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};
use netaio_tokio::{Content, Message, Publisher, Remote, Server, Uri};

use crate::Error;

/// Serves until the parent closes its end of the standard input.
pub(crate) async fn serve() -> Result<(), Error> {
    let server = Server::builder()
        .limits(Limits::default().with_connections(20_000)?)
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher.subscribe(uri.0, who).map_or("refused", |_| "")
            },
        )
        .on(
            PUBLISH_URI,
            |uri: Uri, content: Content, publisher: Publisher| {
                let news = Message::notify(uri.0.clone(), content.0);
                let delivery = publisher.notify(&uri, &news);
                delivery
                    .map_or(0, |delivery| delivery.accepted())
                    .to_string()
            },
        )
        .bind("127.0.0.1:0")
        .await?;
    println!("{}", server.local_addr());
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    server.stop().await;
    Ok(())
}

/// A server as a process, which ends with this.
pub(crate) struct Process {
    process: process::Process,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) fn start() -> Result<Self, Error> {
        Self::start_as("server")
    }

    /// A process of this mode.
    pub(crate) fn start_as(mode: &str) -> Result<Self, Error> {
        let mut process = process::Process::start(&[mode])?;
        let address = process.line()?.parse()?;
        Ok(Self { process, address })
    }

    /// The memory that it has, in KiB.
    pub(crate) fn resident(&self) -> Result<u64, Error> {
        Ok(self.process.resident()?)
    }

    /// Bytes that it was sent and has not read yet.
    pub(crate) fn unread(&self) -> Result<u64, Error> {
        let local = format!(":{:04X}", self.address.port());
        let table = std::fs::read_to_string("/proc/net/tcp")?;
        let mut unread = 0;
        // number, local address, remote address, state, sending:receiving, ..
        for line in table.lines().skip(1) {
            let mut fields = line.split_whitespace().skip(1);
            if fields
                .next()
                .is_some_and(|address| address.ends_with(&local))
            {
                let queues = fields.nth(2).and_then(|queues| queues.split_once(':'));
                let (_, receiving) = queues.ok_or("no queues in /proc/net/tcp")?;
                unread += u64::from_str_radix(receiving, 16)?;
            }
        }
        Ok(unread)
    }
}
