//! Connections that send all of a frame but its last byte.

use std::time::{Duration, Instant};

use netaio_core::plugin::{PeerContext, SealContext};
use netaio_tokio::Message;
use netaio_tokio::core::{Now, Sealer, Wire};
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::REQUEST_URI;
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Error;
use crate::server::Process;

/// What so many small frames cost that are never whole, and what fewer large ones
/// do: no more than the server holds before it reads from them no longer.
pub(crate) async fn measure(count: usize) -> Result<(), Error> {
    measure_size(count, 1000).await?;
    measure_size(count.div_ceil(4), 60_000).await
}

/// A connection, and when the first byte of its frame was sent.
struct Short {
    stream: TcpStream,
    begun: Instant,
}

async fn measure_size(count: usize, size: usize) -> Result<(), Error> {
    let server = Process::start()?;
    let ask = frame(1)?;
    let mut streams = Vec::new();
    for _ in 0..count {
        // Each has asked once and waits, as idle ones do.
        let mut stream = TcpStream::connect(server.address).await?;
        stream.write_all(&ask).await?;
        stream.read_exact(&mut vec![0; ask.len()]).await?;
        streams.push(stream);
    }
    let before = server.resident()?;

    let frame = frame(size)?;
    let sent = frame.len() - 1;
    let mut shorts = Vec::new();
    for mut stream in streams {
        let begun = Instant::now();
        stream.write_all(&frame[..sent]).await?;
        shorts.push(Short { stream, begun });
    }
    while server.unread()? > 0 {
        tokio::task::yield_now().await;
    }
    let after = server.resident()?;
    let each = after.saturating_sub(before) as f64 / count.max(1) as f64;

    let mut closed = Vec::new();
    for Short { mut stream, begun } in shorts {
        closed.push(tokio::spawn(async move {
            let rest = stream.read(&mut [0]).await;
            (rest, begun.elapsed())
        }));
    }
    let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
    for closed in closed {
        let (rest, time) = closed.await?;
        if rest.is_ok_and(|count| count > 0) {
            return Err("half a frame was answered".into());
        }
        (first, last) = (first.min(time), last.max(time));
    }
    println!(
        "short: {count} connections one byte short of a frame, {:.2} KiB sent by each: {each:.2} KiB of \
         server RSS each beyond an idle one's (goal: what was sent); all closed, {first:.1?} \
         to {last:.1?} after their first byte",
        sent as f64 / 1024.0
    );
    Ok(())
}

/// A request's frame of so many bytes, or the shortest.
fn frame(size: usize) -> Result<Vec<u8>, Error> {
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut chacha20::ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
    let mut sealer = Sealer::new();
    let mut seal = |content: usize, frame: &mut Vec<u8>| {
        let message = Message::new(REQUEST_URI, "echo", vec![b'x'; content]);
        frame.clear();
        sealer.seal(&wire, &none, &none, &message, &mut context, frame)
    };
    seal(0, &mut frame)?;
    seal(size.saturating_sub(frame.len()), &mut frame)?;
    Ok(frame)
}
