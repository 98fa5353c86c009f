//! `Server` beside a bare echo: what handling messages costs over moving bytes.
//!
//! Both servers run in one process on tokio's multi-thread runtime, take turns,
//! and serve the same client: a thread on a blocking socket that keeps a number
//! of 64-byte frames in flight on one connection. Only the ratio counts, since
//! machines differ and are busy with other things.
//!
//!     cargo bench -p netaio-tests --bench echo [-- ROUNDS MILLISECONDS]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use netaio_tokio::plugin::SealContext;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Layer, Message, Sealer, Server, Wire};
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FRAME: usize = 64;
const IN_FLIGHT: [usize; 3] = [1, 64, 256];

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
    let (bare, _server, ours) = runtime.block_on(async {
        let bare = bare_echo().await?;
        let server = Server::builder()
            .on(
                (REQUEST_URI, "echo"),
                |content: Content| async move { content },
            )
            .bind("127.0.0.1:0")
            .await?;
        let ours = server.local_addr();
        Ok::<_, Box<dyn std::error::Error>>((bare, server, ours))
    })?;

    println!("frames of {FRAME} bytes, {rounds} rounds of {span:?} each way, medians");
    println!(
        "{:>9}  {:>12}  {:>12}  {:>6}  {:>13}",
        "in flight", "bare/s", "Server/s", "ratio", "min..max"
    );
    for in_flight in IN_FLIGHT {
        let (mut bare_rates, mut our_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let bare = rate(bare, in_flight, span)?;
            let ours = rate(ours, in_flight, span)?;
            bare_rates.push(bare);
            our_rates.push(ours);
            ratios.push(ours / bare);
        }
        let (low, high) = (percentile(&mut ratios, 0.0), percentile(&mut ratios, 1.0));
        println!(
            "{in_flight:>9}  {:>12.0}  {:>12.0}  {:>6.2}  {low:>6.2}..{high:.2}",
            percentile(&mut bare_rates, 0.5),
            percentile(&mut our_rates, 0.5),
            percentile(&mut ratios, 0.5),
        );
    }
    Ok(())
}

async fn bare_echo() -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    let count = stream.read(&mut buffer).await?;
                    if count == 0 {
                        return std::io::Result::Ok(());
                    }
                    stream.write_all(&buffer[..count]).await?;
                }
            });
        }
    });
    Ok(address)
}

/// Frames a second, with so many in flight on one connection.
fn rate(
    address: SocketAddr,
    in_flight: usize,
    span: Duration,
) -> Result<f64, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(address)?;
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

/// A request of 64 bytes, whose answer is of 64 bytes too.
fn frame() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut message = Message::request("echo");
    message.content = vec![b'x'; FRAME - 18].into();
    let mut out = Vec::new();
    let none = Layer::new();
    let mut rng = chacha20::ChaCha8Rng::from_seed([0; 32]);
    let mut context = SealContext {
        now: Default::default(),
        rng: &mut rng,
        peers: Default::default(),
    };
    Sealer::new().seal(
        &Wire::default(),
        &none,
        &none,
        &message,
        &mut context,
        &mut out,
    )?;
    assert_eq!(out.len(), FRAME);
    Ok(out)
}

fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (at * (values.len() - 1) as f64).round() as usize;
    values[index]
}
