//! A server in an event loop of one's own, on mio: all connections on one thread, slow
//! handlers on another, publish and subscribe, a graceful stop. Its clients are in the
//! same loop, and the program ends by itself. `turn.rs` has the loop.
//!
//!     cargo run -p netaio-core --example mio

mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use chacha20::ChaCha8Rng;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Waker};
use netaio_core::types::{NOTIFY_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_core::{Call, Hub, LinkConfig, LinkId, Message, Now, RequestOptions};
use rand_core::SeedableRng;

const CLIENTS: usize = 10;
const REQUESTS: usize = 100;

/// What this program's handlers are.
#[derive(Clone, Debug)]
enum Handler {
    Slow,
    Subscribe,
    Unsubscribe,
    Publish,
    Notified,
}

/// The slow handler: its answers are large enough for the sockets to fill.
fn repeat(message: Message) -> Message {
    match message.content.is_empty() {
        true => Message::respond_uri(message.uri.clone(), message.uri.repeat(4096)),
        false => Message::respond_uri(message.uri, message.content),
    }
}

pub(crate) struct EventLoop {
    hub: Hub<Handler>,
    poll: Poll,
    listener: Option<TcpListener>,
    streams: BTreeMap<LinkId, TcpStream>,
    /// Links whose sockets may have something to read.
    readable: BTreeSet<LinkId>,
    /// What the worker is to do, and has done: `Limits::handlers` calls at most.
    jobs: mpsc::Sender<(Call, Message)>,
    done: mpsc::Receiver<(Call, Message)>,
    start: Instant,
    /// What the clients got: answers, and how often they were notified.
    answers: usize,
    notified: usize,
}

impl EventLoop {
    pub(crate) fn new(address: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        // In earnest the seed comes from the system.
        let mut seeds = ChaCha8Rng::seed_from_u64(1);
        let make_rng = move || ChaCha8Rng::from_rng(&mut seeds);
        let mut hub = Hub::with_config(LinkConfig::new(), make_rng);
        hub.on(REQUEST_URI, Handler::Slow, None)?;
        hub.on(SUBSCRIBE_URI, Handler::Subscribe, None)?;
        hub.on(UNSUBSCRIBE_URI, Handler::Unsubscribe, None)?;
        hub.on(PUBLISH_URI, Handler::Publish, None)?;
        hub.on(NOTIFY_URI, Handler::Notified, None)?;

        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        let registry = poll.registry();
        registry.register(&mut listener, turn::LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(registry, turn::WORKER)?);
        let (jobs, for_worker) = mpsc::channel::<(Call, Message)>();
        let (from_worker, done) = mpsc::channel();
        thread::spawn(move || {
            for (call, message) in for_worker {
                let sent = from_worker.send((call, repeat(message)));
                if sent.is_err() || waker.wake().is_err() {
                    return; // the loop has ended
                }
            }
        });
        Ok(Self {
            hub,
            poll,
            listener: Some(listener),
            streams: BTreeMap::new(),
            readable: BTreeSet::new(),
            jobs,
            done,
            start: Instant::now(),
            answers: 0,
            notified: 0,
        })
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Calls a handler. The slow one answers later.
    fn call(&mut self, now: Now, call: Call, handler: Handler, message: Message) {
        let answer = match handler {
            Handler::Slow => {
                // A worker that is gone drops the call, whose asker gets an error.
                let _ = self.jobs.send((call, message));
                return;
            }
            Handler::Subscribe => Some(self.hub.subscribe(&call, &message.uri)),
            Handler::Unsubscribe => Some(self.hub.unsubscribe(&call, &message.uri)),
            Handler::Publish => {
                let uri = message.uri;
                match self.hub.publish(now, uri.clone(), message.content) {
                    Ok(delivery) => Some(Message::ok(uri, delivery.queued.to_string())),
                    Err(error) => Some(Message::error(uri, error.to_string())),
                }
            }
            Handler::Notified => {
                self.notified += 1;
                None
            }
        };
        self.reply(now, call, answer);
    }

    fn reply(&mut self, now: Now, call: Call, answer: Option<Message>) {
        if let Err(error) = self.hub.reply(now, call, answer) {
            eprintln!("a reply was not sent as it is: {error}");
        }
    }

    /// Ends gracefully: no connection is accepted, and what came is answered.
    fn stop(&mut self) {
        self.listener = None;
        self.hub.drain(self.now(), Duration::from_secs(5));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = EventLoop::new(([127, 0, 0, 1], 0).into())?;
    let address = server.address().ok_or("the server listens")?;
    let mut events = Events::with_capacity(256);
    let options = RequestOptions::new();
    let mut publisher = None;
    for _ in 0..CLIENTS {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        let now = server.now();
        let link = server.hub.connect(now, Some(address));
        server.register(now, link, TcpStream::from_std(stream));
        let subscribe = Message::subscribe("news");
        server.hub.request(now, link, &subscribe, &options)?;
        for number in 0..REQUESTS {
            let request = Message::request(number.to_string());
            server.hub.request(now, link, &request, &options)?;
        }
        publisher = Some(link);
    }
    while server.answers < CLIENTS * (REQUESTS + 1) {
        server.turn(&mut events)?;
    }
    let publisher = publisher.ok_or("there are clients")?;
    let news = Message::publish("news", "all is well");
    server
        .hub
        .request(server.now(), publisher, &news, &options)?;
    while server.notified < CLIENTS {
        server.turn(&mut events)?;
    }
    server.stop();
    while !server.streams.is_empty() {
        server.turn(&mut events)?;
    }
    let (answers, notified) = (server.answers, server.notified);
    println!("{answers} answers, {notified} clients were notified");
    assert_eq!(answers, CLIENTS * (REQUESTS + 1) + 1);
    Ok(())
}
