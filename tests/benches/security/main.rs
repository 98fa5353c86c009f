//! What security layers cost a server, beside the least that they can cost: the same server
//! without layers, and the compressions of SHA-256 that netaio's MAC and keystream are made of.
//!
//! Servers and nodes run in one process on a thread of tokio's, take turns, and serve the same
//! client: a thread that keeps a number of requests in flight, sealed beforehand, which opens no
//! answer. What is compared is how long the server's thread was on a processor for a message,
//! which Linux tells: a request is opened and an answer sealed for each. What the compressions
//! cost is measured in every round too.
//!
//!     cargo bench -p netaio-tests --bench security [-- ROUNDS MILLISECONDS]

mod client;
#[path = "../many/mod.rs"]
mod many;
mod work;

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use client::Client;
use netaio_tests::figures::Spread;
use netaio_tests::plain::sealed;
use netaio_tokio::config::Limits;
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Message, Server, UdpNode};
use work::{ALL, Layers};

/// The name of the thread of servers and nodes.
const SERVER: &str = "server";
const URI: &str = "echo";

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Load {
    transport: Transport,
    /// Bytes of the content.
    content: usize,
    in_flight: usize,
}

const LOADS: [Load; 4] = [
    load(Transport::Tcp, 46, 64),
    load(Transport::Tcp, 32 * 1024, 8),
    load(Transport::Udp, 46, 32),
    load(Transport::Udp, 32 * 1024, 2),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Transport {
    Tcp,
    Udp,
}

const fn load(transport: Transport, content: usize, in_flight: usize) -> Load {
    Load {
        transport,
        content,
        in_flight,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7);
    let span = Duration::from_millis(numbers.next().unwrap_or(300));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(SERVER)
        .enable_all()
        .build()?;
    let contenders = ALL.map(|layers| runtime.block_on(Contender::new(layers)));
    let contenders: Vec<_> = contenders.into_iter().collect::<Result<_, _>>()?;
    if !cfg!(target_os = "linux") {
        println!("skipped: how long a thread was on a processor is told on Linux");
        return Ok(());
    }
    println!("{rounds} rounds of {span:?} each, nanoseconds of the processor, medians (min..max)");
    for load in LOADS {
        println!("\n{load}");
        println!(
            "{:>8}  {:>26}  {:>12}  {:>26}  {:>18}",
            "layers", "server", "compressions", "they alone", "of what is needed"
        );
        let mut all = vec![(Vec::new(), Vec::new(), Vec::new()); contenders.len()];
        for _ in 0..rounds {
            let mut without = None;
            for (contender, (times, floors, ratios)) in contenders.iter().zip(&mut all) {
                let time = contender.measure(load, span)?;
                let floor = 2.0 * contender.layers.work(load.content).time();
                times.push(time);
                floors.push(floor);
                ratios.push(time / (*without.get_or_insert(time) + floor));
            }
        }
        for (contender, (times, floors, ratios)) in contenders.iter().zip(all) {
            let layers = contender.layers;
            println!(
                "{:>8}  {:>26.0}  {:>12}  {:>26.0}  {:>18.2}",
                layers.name,
                Spread::of(times),
                2 * layers.work(load.content).total(),
                Spread::of(floors),
                Spread::of(ratios),
            );
        }
    }
    Ok(())
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            transport,
            content,
            in_flight,
        } = self;
        write!(
            f,
            "{transport:?}, content of {content} bytes, {in_flight} in flight"
        )
    }
}

/// A server and a node with the same layers.
struct Contender {
    layers: Layers,
    server: Server,
    node: UdpNode,
}

impl Contender {
    async fn new(layers: Layers) -> Result<Self, Box<dyn Error>> {
        let echo = |content: Content| async move { content };
        let server = Server::builder().on((REQUEST_URI, URI), echo);
        let server = server.outer(layers.layer()).bind("127.0.0.1:0").await?;
        // The client proves no address.
        let limits = Limits::default()
            .with_unvalidated_burst(usize::MAX)?
            .with_unvalidated_rate(usize::MAX)?
            .with_unvalidated_total(usize::MAX)?;
        let node = UdpNode::builder().limits(limits).no_group();
        let node = node.outer(layers.layer()).notice_undelivered(false);
        let node = node.bind("127.0.0.1:0").await?;
        node.on((REQUEST_URI, URI), echo, Layer::new())?;
        Ok(Self {
            layers,
            server,
            node,
        })
    }

    /// How long the server is on a processor for a message, in nanoseconds.
    fn measure(&self, load: Load, span: Duration) -> Result<f64, Box<dyn Error>> {
        let request = self.request(load.content)?;
        let mut client = match load.transport {
            Transport::Tcp => Client::tcp(self.server.local_addr(), request)?,
            Transport::Udp => Client::udp(self.node.local_addr(), request)?,
        };
        client.ask(load.in_flight)?;
        let warm = Instant::now() + span / 4;
        let (mut begun, mut answered) = (None, 0);
        loop {
            let again = client.answers(load.in_flight)?;
            answered += again;
            client.ask(again)?;
            let now = Instant::now();
            match begun {
                None if now >= warm => begun = Some((now, answered, on_processor())),
                Some((at, before, time)) if now - at >= span => {
                    let time = on_processor()
                        .zip(time)
                        .map(|(after, before)| after - before);
                    let time = time.ok_or("the system does not tell")?;
                    return Ok(time as f64 / (answered - before) as f64);
                }
                _ => {}
            }
        }
    }

    /// A sealed request, whose answer is as long.
    fn request(&self, content: usize) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut message = Message::request(URI);
        message.content = vec![b'x'; content].into();
        Ok(sealed(&self.layers.layer(), &message)?)
    }
}

/// How long the server's thread has run, in nanoseconds, where the system says it.
fn on_processor() -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let name = |path: &std::path::Path| std::fs::read_to_string(path.join("comm"));
    let mut paths = threads.map(|thread| thread.path());
    let server = paths.find(|path| name(path).is_ok_and(|name| name.trim() == SERVER))?;
    let times = std::fs::read_to_string(server.join("schedstat")).ok()?;
    times.split(' ').next()?.parse().ok()
}
