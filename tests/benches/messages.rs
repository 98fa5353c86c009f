//! What a server does for a message, without sockets: a stream that has always some more
//! requests, and takes all answers.
//!
//!     cargo bench -p netaio-tests --bench messages [-- MESSAGES IN_FLIGHT]

use std::io;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use netaio_driver::{ReadHalf, WriteHalf};
use netaio_tests::plain::frame;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Server};

/// As many requests at once as are in flight.
struct Requests {
    once: Bytes,
    left: usize,
}

impl ReadHalf for Requests {
    async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        // As from a socket, the next are there when the others run.
        tokio::task::yield_now().await;
        if self.left == 0 {
            return Ok(0);
        }
        self.left -= 1;
        buffer.extend_from_slice(&self.once);
        Ok(self.once.len())
    }
}

struct Answers;

impl WriteHalf for Answers {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<usize>().ok());
    let messages = numbers.next().unwrap_or(4_000_000);
    let in_flight = numbers.next().unwrap_or(64);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::builder()
            .on(
                (REQUEST_URI, "echo"),
                |content: Content| async move { content },
            )
            .build()?;
        let requests = Requests {
            once: frame()?.repeat(in_flight).into(),
            left: messages / in_flight,
        };
        let begun = Instant::now();
        let connection = server.serve_halves(requests, Answers, None)?;
        connection.closed().await;
        let ns = begun.elapsed().as_nanos() as f64 / messages as f64;
        println!("{ns:.0} ns a message");
        Ok(())
    })
}
