//! The core in an event loop of one's own, on mio: one thread, a listener and
//! many connections, both ends of each. It ends by itself.
//!
//!     cargo run -p netaio-core --example mio

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use netaio_core::rand_core::SeedableRng;
use netaio_core::types::REQUEST_URI;
use netaio_core::*;

const LISTENER: Token = Token(0);
const CLIENTS: usize = 10;
const REQUESTS: usize = 1000;

/// What a handler is here: it may have no answer.
type Handler = fn(Message) -> Option<Message>;

/// A socket that does not block, its link, and bytes that are being written.
struct Connection(TcpStream, Link, Vec<u8>);

#[derive(Default)]
struct Shared {
    node: Node<Handler>,
    answers: usize,
    timeouts: usize,
}

impl Connection {
    /// Does all that can be done without waiting. Answers to what came with one
    /// read leave with one write.
    fn turn(&mut self, now: Now, shared: &mut Shared) -> io::Result<()> {
        let Self(stream, link, writing) = self;
        let mut buffer = [0; 16 * 1024];
        let deadline = link.poll_deadline();
        if deadline.is_some_and(|next| next.at <= now.monotonic) {
            link.handle_timeout(now);
        }
        loop {
            while let Some(event) = link.poll_event() {
                match event {
                    Event::Message(inbound) => {
                        if let Dispatched::Call {
                            handler,
                            message,
                            reply,
                        } = link.dispatch(now, inbound, &mut shared.node)
                            && let Some(answer) = handler(message)
                        {
                            link.reply(now, &reply, &answer).map_err(io::Error::other)?;
                        }
                    }
                    Event::Answered { .. } => shared.answers += 1,
                    Event::Failed { .. } => shared.timeouts += 1,
                    _ => {} // it is closed, or a message was refused
                }
            }
            while !writing.is_empty() || link.poll_outbound(writing) {
                match stream.write(writing) {
                    Ok(count) => drop(writing.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            // Only one side stops reading while the other does: both would wait.
            let held_back = link.config().role == Role::Server && !writing.is_empty();
            link.set_reading(now, !held_back);
            if held_back || link.is_closed().is_some() {
                return Ok(());
            }
            match stream.read(&mut buffer) {
                Ok(0) => link.handle_eof(now),
                Ok(count) => link.receive(now, &buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let now = || {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now::new(start.elapsed(), unix.unwrap_or_default().as_secs())
    };
    let mut shared = Shared::default();
    // Answers that are large enough for the sockets to fill.
    let repeat: Handler = |m| Some(Message::respond_uri(m.uri.clone(), m.uri.repeat(4096)));
    shared.node.on(REQUEST_URI, repeat, Layer::new());
    let silent: Handler = |_| None;
    shared.node.on((REQUEST_URI, "never"), silent, Layer::new());

    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut connections, mut next) = (BTreeMap::new(), LISTENER.0);
    let mut add = |poll: &Poll, mut stream: TcpStream, role| {
        next += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(next), both)?;
        // In earnest the seed comes from the system.
        let nonces = Box::new(chacha20::ChaCha8Rng::seed_from_u64(next as u64));
        let link = Link::new(now(), Arc::new(LinkConfig::new(role)), None, nonces);
        Ok::<_, io::Error>((Token(next), Connection(stream, link, Vec::new())))
    };
    for first in 0..CLIENTS {
        let stream = TcpStream::connect(listener.local_addr()?)?;
        let (token, Connection(stream, mut link, writing)) = add(&poll, stream, Role::Client)?;
        for number in (first..REQUESTS).step_by(CLIENTS) {
            let request = Message::request(number.to_string());
            link.request(now(), &request, &RequestOptions::new())?;
        }
        let soon = RequestOptions::new().with_timeout(Duration::from_millis(20));
        link.request(now(), &Message::request("never"), &soon)?;
        connections.insert(token, Connection(stream, link, writing));
    }

    let mut events = Events::with_capacity(256);
    while shared.answers + shared.timeouts < REQUESTS + CLIENTS {
        // Thousands of connections would want a heap of their deadlines.
        let links = connections.values_mut().map(|Connection(_, link, _)| link);
        let deadlines = links.filter_map(|link| Some(link.poll_deadline()?.at));
        let wait = deadlines.min().map(|at| at.saturating_sub(start.elapsed()));
        poll.poll(&mut events, wait)?;
        while let Ok((stream, _)) = listener.accept() {
            connections.extend([add(&poll, stream, Role::Server)?]);
        }
        let now = now();
        connections.retain(|token, connection| {
            let turn = connection.turn(now, &mut shared);
            if let Err(error) = &turn {
                eprintln!("connection {}: {error}", token.0);
            }
            turn.is_ok() && connection.1.is_closed().is_none()
        });
    }
    let (answers, timeouts) = (shared.answers, shared.timeouts);
    println!("{answers} requests answered, {timeouts} timed out");
    assert_eq!((answers, timeouts), (REQUESTS, CLIENTS));
    Ok(())
}
