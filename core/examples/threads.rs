//! The core in loops of one's own, with nothing but `std::net`: a server with a thread
//! for each connection, and a client. The links work at once: they share their node, which
//! is locked for look-ups only.
//!
//!     cargo run -p netaio-core --example threads

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chacha20::ChaCha8Rng;
use netaio_core::plugin::HmacAuth;
use netaio_core::rand_core::SeedableRng;
use netaio_core::types::REQUEST_URI;
use netaio_core::{
    CloseReason, Layer, Link, LinkConfig, LinkEvent, LockNode, Message, Node, Now, RequestError,
    RequestOptions,
};

/// The longest wait: other links may have left room, or hold too much.
const LOOK: Duration = Duration::from_secs(1);
/// The longest wait for one thing while another may happen.
const ALTERNATE: Duration = Duration::from_millis(1);

/// What a handler is here: it runs on the thread of its connection.
pub(crate) type Handler = fn(Message) -> Message;

/// The node that all threads share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Node<Handler>>>);

impl Shared {
    pub(crate) fn new(node: Node<Handler>) -> Self {
        Self(Arc::new(Mutex::new(node)))
    }
}

impl LockNode for Shared {
    type Handler = Handler;

    fn with<R>(&mut self, look_up: impl FnOnce(&mut Node<Handler>) -> R) -> R {
        look_up(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A generator for a link. In earnest its seed comes from the system.
pub(crate) fn generator(seed: u64) -> Box<ChaCha8Rng> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

fn is_timeout(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Bytes that are being written, and how many of them have been.
#[derive(Default)]
struct Writing {
    bytes: Vec<u8>,
    count: usize,
}

/// Drives a link until it is closed, and closes it once it has the answers that are
/// wanted.
pub(crate) fn drive(
    link: &mut Link,
    node: &mut Shared,
    stream: &mut TcpStream,
    start: Instant,
    wanted: usize,
) -> Vec<Result<Message, RequestError>> {
    let mut answers = Vec::new();
    let mut writing = Writing::default();
    loop {
        while let Some(event) = link.poll(Now::since(start), node) {
            match event {
                LinkEvent::Call {
                    call,
                    handler,
                    message,
                } => {
                    let answer = handler(message);
                    if let Err(error) = link.reply(Now::since(start), node, call, answer) {
                        eprintln!("a reply was not sent as it is: {error}");
                    }
                }
                LinkEvent::Answered { answer, .. } => answers.push(Ok(answer.message)),
                LinkEvent::Failed { error, .. } => answers.push(Err(error)),
                LinkEvent::Shutdown => {
                    // Where it fails the remote is gone, which reading shows.
                    let _ = stream.shutdown(Shutdown::Write);
                }
                LinkEvent::Closed(_) => return answers,
                other => eprintln!("{other:?}"),
            }
            if answers.len() >= wanted {
                link.close(Now::since(start), node);
            }
        }
        let result = transfer(link, stream, &mut writing, start);
        if let Err(error) = result
            && !is_timeout(&error)
        {
            link.transport_failed(CloseReason::Transport(error.to_string()));
        }
    }
}

/// Writes some bytes if there are any, and else waits for some to read, or for the
/// link's deadline.
fn transfer(
    link: &mut Link,
    stream: &mut TcpStream,
    writing: &mut Writing,
    start: Instant,
) -> io::Result<()> {
    let deadline = link
        .deadline()
        .map_or(LOOK, |deadline| deadline.at.saturating_sub(start.elapsed()));
    let wait = deadline.clamp(Duration::from_millis(1), LOOK);
    if writing.count == writing.bytes.len() {
        writing.count = 0;
        link.poll_outbound(&mut writing.bytes);
    }
    if !writing.bytes.is_empty() {
        // Where both sides wait for the other to read, one of them has to.
        let wait = match link.wants_read() {
            true => wait.min(ALTERNATE),
            false => wait,
        };
        stream.set_write_timeout(Some(wait))?;
        match stream.write(&writing.bytes[writing.count..]) {
            Err(error) if is_timeout(&error) => {}
            written => {
                let count = written?;
                writing.count += count;
                link.written(count);
                return Ok(());
            }
        }
    }
    if link.wants_read() {
        let is_writing = !writing.bytes.is_empty();
        stream.set_read_timeout(Some(if is_writing { ALTERNATE } else { wait }))?;
        link.receive_with(Now::since(start), |buffer| stream.read(buffer))
    } else {
        // The remote does not read, or all links together hold too much.
        thread::sleep(wait.min(ALTERNATE));
        Ok(())
    }
}

/// Serves the connections of a listener, with a thread for each.
pub(crate) fn serve(listener: &TcpListener, node: &Shared, start: Instant) {
    for (seed, stream) in (0..).zip(listener.incoming().flatten()) {
        let mut stream = stream;
        let mut node = node.clone();
        thread::spawn(move || {
            let remote = stream.peer_addr().ok();
            let accepted =
                node.with(|node| node.accept(Now::since(start), remote, generator(seed)));
            // A connection too many is closed again.
            if let Ok(mut link) = accepted {
                drive(&mut link, &mut node, &mut stream, start, usize::MAX);
            }
        });
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let outer = Layer::new().with_auth(HmacAuth::new("secret"));
    let config = LinkConfig::new().with_outer(outer);
    let mut node = Node::<Handler>::for_streams(config.clone());
    let echo: Handler = |request| Message::respond_uri(request.uri, request.content);
    node.on((REQUEST_URI, "echo"), echo, Layer::new())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || serve(&listener, &Shared::new(node), start));

    let mut stream = TcpStream::connect(address)?;
    let mut node = Shared::new(Node::for_streams(config));
    let mut link =
        node.with(|node| node.connect(Now::since(start), Some(address), generator(1000)));
    let options = RequestOptions::new();
    for content in ["one", "two", "three"] {
        let mut request = Message::request("echo");
        request.content = content.into();
        link.request(Now::since(start), &mut node, &request, &options)?;
    }
    let elsewhere = Message::request("elsewhere");
    link.request(Now::since(start), &mut node, &elsewhere, &options)?;
    let mut texts = Vec::new();
    for answer in drive(&mut link, &mut node, &mut stream, start, 4) {
        let answer = answer?;
        let text = String::from_utf8_lossy(&answer.content).into_owned();
        println!("{}: {text}", answer.message_type);
        texts.push(text);
    }
    assert_eq!(texts, ["one", "two", "three", "not found"]);
    Ok(())
}
