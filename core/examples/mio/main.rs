//! The core in an event loop of one's own, on mio: one thread, a listener and
//! many connections, whose clients are on the same loop and ask a thousand times.
//! It ends by itself. `event_loop.rs` is the loop, with the deadlines of all as
//! the poll's timeout; `connection.rs` is what one of them does in its turn.
//!
//!     cargo run -p netaio-core --example mio

mod connection;
mod event_loop;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::types::REQUEST_URI;
use netaio_core::{Layer, LinkConfig, Message, Node, RequestOptions, Role};

use event_loop::EventLoop;

const CLIENTS: usize = 10;
const REQUESTS: usize = 1000;
/// How often the content of an answer repeats its uri.
const TIMES: usize = 4096;

/// What a handler is here: it may have no answer.
type Handler = fn(Message) -> Option<Message>;

/// What all connections share.
#[derive(Default)]
struct Shared {
    node: Node<Handler>,
    /// What the clients were answered.
    answers: Vec<Message>,
    /// How many of their requests were not, in time.
    timeouts: usize,
    /// How often a connection had to wait for its remote to read.
    held_back: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut shared = Shared::default();
    // Answers that are large enough for the queues to fill.
    let repeat: Handler = |request| {
        let content = request.uri.repeat(TIMES);
        Some(Message::respond_uri(request.uri, content))
    };
    shared.node.on(REQUEST_URI, repeat, Layer::new());
    shared
        .node
        .on((REQUEST_URI, "never"), |_| None, Layer::new());

    let (mut event_loop, address) = EventLoop::new()?;
    let client = Arc::new(LinkConfig::new(Role::Client));
    for first in 0..CLIENTS {
        let now = event_loop.now();
        let link = event_loop.connect(address, &client)?;
        for number in (first..REQUESTS).step_by(CLIENTS) {
            link.request(
                now,
                &Message::request(number.to_string()),
                &RequestOptions::new(),
            )?;
        }
        let soon = RequestOptions::new().with_timeout(Duration::from_millis(20));
        link.request(now, &Message::request("never"), &soon)?;
    }
    event_loop.run(&Arc::new(LinkConfig::new(Role::Server)), &mut shared)?;

    let mut answered = BTreeSet::new();
    for answer in &shared.answers {
        assert_eq!(answer.content, answer.uri.repeat(TIMES));
        answered.insert(&answer.uri);
    }
    assert_eq!((answered.len(), shared.timeouts), (REQUESTS, CLIENTS));
    assert_ne!(shared.held_back, 0);
    println!(
        "{} requests were answered, and {} timed out",
        answered.len(),
        shared.timeouts
    );
    println!(
        "{} times a connection had to wait for its remote to read",
        shared.held_back
    );
    Ok(())
}
