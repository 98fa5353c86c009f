//! A subscriber that never reads, among others that do.

use std::io::{Read, Write};
use std::net::TcpStream;

use netaio_tokio::types::PUBLISH_URI;
use netaio_tokio::{Client, Message};

use crate::Error;
use crate::server::Process;

const READING: usize = 19;
const CONTENT: usize = 60_000;

/// A frame that subscribes to `news`, its checksum still to be filled in.
const SUBSCRIBE: &[u8] = b"\x05\x00\x03\x00\x06\x00\x00\x00\x00\x4d\x40\x00\x00\x04news";

/// What the server's memory grows by while so many MB are sent to the
/// subscribers, and whether those that read get everything in order.
pub(crate) async fn measure(megabytes: usize) -> Result<(), Error> {
    let server = Process::start()?;
    let count = megabytes.saturating_mul(1_000_000) / (CONTENT * (READING + 1));
    let mut readers = Vec::new();
    for _ in 0..READING {
        let client = Client::builder().build()?;
        let connection = client.connect(server.address).await?;
        let mut messages = client.messages();
        connection
            .subscribe("news")
            .request()
            .await?
            .into_result()?;
        readers.push(tokio::spawn(async move {
            let _client = client;
            for expected in 0..count as u64 {
                let news = messages.next().await.ok_or("the connection ended")?;
                let number = news.message.content.first_chunk().ok_or("no number")?;
                if u64::from_be_bytes(*number) != expected {
                    return Err(format!("{expected} is missing"));
                }
            }
            Ok(())
        }));
    }
    let mut lazy = TcpStream::connect(server.address)?;
    let mut frame = SUBSCRIBE.to_vec();
    let checksum = crc32fast::hash(&frame[12..]);
    frame[5..9].copy_from_slice(&checksum.to_be_bytes());
    lazy.write_all(&frame)?;
    lazy.read_exact(&mut [0; 9])?;

    let publisher = Client::builder().build()?;
    publisher.connect(server.address).await?;
    let before = server.resident()?;
    let (mut most, mut cut_after) = (before, None);
    for number in 0..count as u64 {
        let mut content = vec![0; CONTENT];
        content[..8].copy_from_slice(&number.to_be_bytes());
        let publish = Message::new(PUBLISH_URI, "news", content);
        let answer = publisher.request_message(publish).await?.into_result()?;
        if cut_after.is_none() && answer.content != (READING + 1).to_string() {
            cut_after = Some(number);
        }
        if number % 16 == 0 {
            most = most.max(server.resident()?);
        }
    }
    for reader in readers {
        reader.await??;
    }
    let grown = most.saturating_sub(before) as f64 / 1024.0;
    let cut = cut_after.map_or("never".to_owned(), |number| {
        format!("after {number} messages")
    });
    println!(
        "slow subscriber: {megabytes} MB to 20 subscribers, RSS grew by {grown:.1} MiB at most (goal: \
         16); {READING} got all {count} in order; the one that never reads was cut {cut}"
    );
    Ok(())
}
