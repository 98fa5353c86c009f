//! Connections that subscribe to as much as they can.

use std::time::Duration;

use netaio_core::plugin::{PeerContext, SealContext};
use netaio_tokio::Message;
use netaio_tokio::core::{Now, Sealer, Wire};
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::SUBSCRIBE_URI;
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Error;
use crate::server::Process;

/// Keys of one connection: as many as it may have.
const KEYS: usize = 1024;

/// The server's memory for so many connections, each with keys that are longer than may
/// be, and then with the longest that may be; and what is left when they are gone.
pub(crate) async fn measure(count: usize) -> Result<(), Error> {
    let server = Process::start()?;
    let before = server.resident()?;
    for len in [65_000, 4096] {
        let mut subscribers = Vec::new();
        for number in 0..count {
            let address = server.address;
            subscribers.push(tokio::spawn(async move {
                let stream = TcpStream::connect(address).await?;
                subscribe(stream, number, len).await
            }));
        }
        let mut streams = Vec::new();
        let mut answered = 0;
        for subscriber in subscribers {
            let (stream, answers) = subscriber.await??;
            streams.push(stream);
            answered += answers;
        }
        let after = server.resident()?;
        drop(streams);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let left = server.resident()?;
        let mib = |kib: u64| kib.saturating_sub(before) as f64 / 1024.0;
        println!(
            "keys: {count} connections with {KEYS} keys of {len} B each, {} answered: server \
             RSS grew by {:.1} MiB (goal: at most 32); {:.1} MiB of it 5 s after they left",
            answered,
            mib(after),
            mib(left)
        );
    }
    Ok(())
}

/// Subscribes to keys of so many bytes, and returns once all is answered.
async fn subscribe(
    stream: TcpStream,
    number: usize,
    len: usize,
) -> Result<(TcpStream, usize), Error> {
    let (mut reader, mut writer) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut answers = 0;
        while answers < KEYS {
            // Header: type, two lengths, checksum.
            let mut header = [0; 9];
            if reader.read_exact(&mut header).await.is_err() {
                // Cut off: on a busy machine a frame may not be whole in time.
                break;
            }
            let [_, a, b, c, d, ..] = header;
            let sections = usize::from(u16::from_be_bytes([a, b]));
            let sections = sections + usize::from(u16::from_be_bytes([c, d]));
            reader.read_exact(&mut vec![0; sections]).await?;
            answers += 1;
        }
        Ok::<_, Error>((reader, answers))
    });
    for key in 0..KEYS {
        let mut uri = format!("{number} {key} ").into_bytes();
        uri.resize(len, b'x');
        if writer.write_all(&frame(uri)?).await.is_err() {
            break;
        }
    }
    let (reader, answers) = reading.await??;
    let stream = reader.reunite(writer)?;
    Ok((stream, answers))
}

fn frame(uri: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut chacha20::ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
    let message = Message::new(SUBSCRIBE_URI, uri, "");
    Sealer::new().seal(&wire, &none, &none, &message, &mut context, &mut frame)?;
    Ok(frame)
}
