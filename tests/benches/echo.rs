//! `Server` beside two floors: what handling messages costs over moving bytes (*bare*), and over
//! the least that a server of the protocol can do (*minimal*): a loop by hand that reads,
//! finds each frame, checks its checksum, and answers all of a read with one write.
//!
//! All servers run in one process on tokio's multi-thread runtime, take turns, and serve the
//! same client: a thread on a blocking socket that keeps a number of 64-byte frames in flight
//! on one connection. Only the ratios count, since machines differ and are busy with other
//! things.
//!
//!     cargo bench -p netaio-tests --bench echo [-- ROUNDS MILLISECONDS]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_tests::plain::{FRAME, frame};
use netaio_tokio::types::{REQUEST_URI, RESPOND_URI};
use netaio_tokio::{Content, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const IN_FLIGHT: [usize; 4] = [1, 64, 256, 1000];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7);
    let span = Duration::from_millis(numbers.next().unwrap_or(400));

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (contenders, _server) = runtime.block_on(async {
        let server = Server::builder()
            .on(
                (REQUEST_URI, "echo"),
                |content: Content| async move { content },
            )
            .bind("127.0.0.1:0")
            .await?;
        let contenders = [
            listen(bare).await?,
            listen(minimal).await?,
            server.local_addr(),
        ];
        Ok::<_, Box<dyn std::error::Error>>((contenders, server))
    })?;

    println!("frames of {FRAME} bytes, {rounds} rounds of {span:?} each way, medians");
    println!(
        "{:>9}  {:>12}  {:>12}  {:>12}  {:>24}  {:>24}",
        "in flight", "bare/s", "minimal/s", "Server/s", "Server/bare (min..max)", "Server/minimal"
    );
    for in_flight in IN_FLIGHT {
        let mut rates = [const { Vec::new() }; 3];
        let (mut of_bare, mut of_minimal) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let mut round = [0.0; 3];
            for (rate, address) in round.iter_mut().zip(contenders) {
                *rate = measure(address, in_flight, span)?;
            }
            let [bare, minimal, ours] = round;
            of_bare.push(ours / bare);
            of_minimal.push(ours / minimal);
            for (all, rate) in rates.iter_mut().zip(round) {
                all.push(rate);
            }
        }
        let [bare, minimal, ours] = rates.map(|mut all| percentile(&mut all, 0.5));
        println!(
            "{in_flight:>9}  {bare:>12.0}  {minimal:>12.0}  {ours:>12.0}  {:>24}  {:>24}",
            spread(&mut of_bare),
            spread(&mut of_minimal),
        );
    }
    Ok(())
}

/// A median, with the least and the most.
fn spread(values: &mut [f64]) -> String {
    let [low, median, high] = [0.0, 0.5, 1.0].map(|at| percentile(values, at));
    format!("{median:.2} ({low:.2}..{high:.2})")
}

/// Listens, and serves each connection with `serve`.
async fn listen<F: Future<Output = std::io::Result<()>> + Send + 'static>(
    serve: fn(TcpStream) -> F,
) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

/// Sends back what comes.
async fn bare(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// Answers requests, as netaio frames them, with their own uri and content: the header is the
/// type, the lengths of auth section and body, and the body's CRC-32.
async fn minimal(mut stream: TcpStream) -> std::io::Result<()> {
    const HEADER: usize = 9;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut done = 0;
        while let Some(&[_, a, b, c, d, e, f, g, h]) = buffer[done..filled].first_chunk::<HEADER>()
        {
            let auth = usize::from(u16::from_be_bytes([a, b]));
            let body = usize::from(u16::from_be_bytes([c, d]));
            let end = done + HEADER + auth + body;
            if end > filled {
                break;
            }
            if crc32fast::hash(&buffer[end - body..end]) != u32::from_be_bytes([e, f, g, h]) {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            buffer[done] = RESPOND_URI.value();
            done = end;
        }
        stream.write_all(&buffer[..done]).await?;
        buffer.copy_within(done..filled, 0);
        filled -= done;
    }
}

/// Frames a second, with so many in flight on one connection.
fn measure(
    address: SocketAddr,
    in_flight: usize,
    span: Duration,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let requests = frame()?.repeat(in_flight);
    let mut buffer = vec![0; 64 * 1024];
    stream.write_all(&requests)?;
    let warm = Instant::now() + span / 4;
    let mut counted = None;
    let mut received = 0;
    loop {
        let answered = received / FRAME;
        received += stream.read(&mut buffer)?;
        let again = received / FRAME - answered;
        stream.write_all(&requests[..again * FRAME])?;
        let now = Instant::now();
        match counted {
            None if now >= warm => counted = Some((now, received)),
            Some((begun, before)) if now - begun >= span => {
                let frames = (received - before) / FRAME;
                return Ok(frames as f64 / (now - begun).as_secs_f64());
            }
            _ => {}
        }
    }
}

fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (at * (values.len() - 1) as f64).round() as usize;
    values[index]
}
