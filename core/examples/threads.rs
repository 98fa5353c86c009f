//! The core in loops of one's own: a server with a thread for each connection,
//! and a client, with nothing but `std::net`.
//!
//!     cargo run -p netaio-core --example threads

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chacha20::ChaCha8Rng;
use netaio_core::plugin::HmacAuth;
use netaio_core::rand_core::SeedableRng;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    Dispatched, Event, Inbound, Layer, Link, LinkConfig, Message, Node, Now, RequestOptions, Role,
    Route, RouteId, Router,
};

/// What a handler is here: a function from the request to its answer.
type Handler = fn(Message) -> Message;

/// The node that all threads share, locked for a look-up and nothing else.
struct Shared<'a>(&'a Mutex<Node<Handler>>);

impl Router for Shared<'_> {
    type Handler = Handler;

    fn route(&mut self, inbound: &Inbound) -> Option<Route<Handler>> {
        self.0.lock().ok()?.route(inbound)
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.0.lock().is_ok_and(|mut node| node.take(route))
    }
}

fn now(start: Instant) -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Now::new(start.elapsed(), unix.unwrap_or_default().as_secs())
}

/// A generator for a link. In earnest its seed comes from the system.
fn generator(seed: u64) -> Box<ChaCha8Rng> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

/// Drives a link until it closes, or has the answers that are wanted.
fn drive(
    link: &mut Link,
    node: &Mutex<Node<Handler>>,
    stream: &mut TcpStream,
    start: Instant,
    wanted: usize,
) -> io::Result<Vec<Message>> {
    let (mut answers, mut out, mut buffer) = (Vec::new(), Vec::new(), [0; 8192]);
    loop {
        while let Some(event) = link.poll_event() {
            match event {
                Event::Message(inbound) => {
                    let dispatched = link.dispatch(now(start), inbound, &mut Shared(node));
                    let (reply, answer) = match dispatched {
                        Dispatched::Call {
                            handler,
                            message,
                            reply,
                        } => (reply, Some(handler(message))),
                        Dispatched::Unrouted { message, reply } => {
                            (reply, Node::<Handler>::default_answer(message.message_type))
                        }
                        Dispatched::Refused => continue,
                    };
                    if let Some(answer) = answer {
                        let replied = link.reply(now(start), &reply, &answer);
                        replied.map_err(io::Error::other)?;
                    }
                }
                Event::Answered { answer, .. } => answers.push(answer.message),
                Event::Failed { error, .. } => return Err(io::Error::other(error)),
                Event::Closed(_) => return Ok(answers),
                _ => {} // a message was refused: nothing is to be done about it
            }
        }
        while link.poll_outbound(&mut out) {
            stream.write_all(&out)?;
        }
        if wanted > 0 && answers.len() == wanted {
            return Ok(answers);
        }
        let deadline = link.poll_deadline().map(|deadline| {
            let left = deadline.at.saturating_sub(start.elapsed());
            left.max(Duration::from_millis(1))
        });
        stream.set_read_timeout(deadline)?;
        match stream.read(&mut buffer) {
            Ok(0) => link.handle_eof(now(start)),
            Ok(count) => link.receive(now(start), &buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                link.handle_timeout(now(start));
            }
            Err(error) => return Err(error),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let outer = Layer::new().with_auth(HmacAuth::new("secret"));
    let mut node: Node<Handler> = Node::new();
    let echo: Handler = |request| Message::respond_uri(request.uri, request.content);
    node.on((REQUEST_URI, "echo"), echo, Layer::new());
    let node = Arc::new(Mutex::new(node));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let config = Arc::new(LinkConfig::new(Role::Server).with_outer(outer.clone()));
    thread::spawn(move || {
        for (seed, stream) in (0..).zip(listener.incoming().flatten()) {
            let (mut stream, node, config) = (stream, node.clone(), config.clone());
            thread::spawn(move || {
                let mut link =
                    Link::new(now(start), config, stream.peer_addr().ok(), generator(seed));
                drive(&mut link, &node, &mut stream, start, 0)
            });
        }
    });

    let (mut stream, node) = (TcpStream::connect(address)?, Mutex::new(Node::new()));
    let config = Arc::new(LinkConfig::new(Role::Client).with_outer(outer));
    let mut link = Link::new(now(start), config, Some(address), generator(1000));
    for content in ["one", "two", "three"] {
        let mut request = Message::request("echo");
        request.content = content.into();
        link.request(now(start), &request, &RequestOptions::new())?;
    }
    link.request(
        now(start),
        &Message::request("elsewhere"),
        &RequestOptions::new(),
    )?;
    for answer in drive(&mut link, &node, &mut stream, start, 4)? {
        println!(
            "{}: {}",
            answer.message_type,
            String::from_utf8_lossy(&answer.content)
        );
    }
    Ok(())
}
