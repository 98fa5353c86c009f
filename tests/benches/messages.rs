//! What a server does for a message, without sockets: a stream that has always some more
//! requests, and takes all answers.
//!
//!     cargo bench -p netaio-tests --bench messages [-- MESSAGES IN_FLIGHT]

use std::time::Instant;

use netaio_tests::plain::{Answers, Requests, frame};
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Server};

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
        let turn = frame()?.repeat(in_flight).into();
        let requests = Requests::new(turn, messages / in_flight);
        let begun = Instant::now();
        let connection = server.serve_halves(requests, Answers, None)?;
        connection.closed().await;
        let ns = begun.elapsed().as_nanos() as f64 / messages as f64;
        println!("{ns:.0} ns a message");
        Ok(())
    })
}
