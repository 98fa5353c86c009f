//! How fast contents that are longer than a frame go, by how much is on its way at once: over the
//! loopback interface, and in a network in memory whose every message takes a while, in paused time.
//!
//!     cargo bench -p netaio-tokio --features testing --bench long [-- ROUNDS]

use std::error::Error;
use std::time::Duration;

use netaio_tokio::config::TokioClock;
use netaio_tokio::core::parts::{DATAGRAM_WINDOW, PART_LEN};
use netaio_tokio::testing::{Conditions, Network};
use netaio_tokio::types::CREATE_URI;
use netaio_tokio::{
    BodyStream, Client, Content, LongRequest, Message, Remote, Server, Tokio, UdpNode,
};
use tokio::runtime::Builder;
use tokio::time::Instant;

/// Bytes of a content.
const LEN: usize = 10 << 20;

/// One part, what nothing slows down, and what is the default.
const WINDOWS: [usize; 3] = [PART_LEN, DATAGRAM_WINDOW, 1 << 20];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    let rounds = numbers.next().unwrap_or(5);
    println!("MB/s of {LEN} bytes, {rounds} rounds: the median (least..most)");
    println!("{:>28}  {:>12}  {:>22}", "", "window", "MB/s");
    let system = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    for (name, place) in [
        ("TCP, loopback, whole", Place::Tcp("whole")),
        ("TCP, loopback, as a stream", Place::Tcp("stream")),
        ("UDP, loopback, whole", Place::Udp),
    ] {
        let mut all = WINDOWS.map(|_| Vec::new());
        for _ in 0..rounds {
            for (window, rates) in WINDOWS.into_iter().zip(&mut all) {
                rates.push(system.block_on(place.measure(window))?);
            }
        }
        show(name, all);
    }
    for delay in [1, 10, 50] {
        for (name, is_stream) in [("TCP", true), ("UDP", false)] {
            let mut all = WINDOWS.map(|_| Vec::new());
            for (window, rates) in WINDOWS.into_iter().zip(&mut all) {
                // Time is paused, so each round would be the same.
                let mut paused = Builder::new_current_thread();
                let paused = paused.enable_time().start_paused(true).build()?;
                rates.push(paused.block_on(far(delay, is_stream, window))?);
            }
            show(&format!("{name}, {delay} ms each way"), all);
        }
    }
    Ok(())
}

fn show(name: &str, all: [Vec<f64>; 3]) {
    for (window, mut rates) in WINDOWS.into_iter().zip(all) {
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or_default();
        let [least, median, most] = [0, rates.len() / 2, rates.len().saturating_sub(1)].map(at);
        let spread = format!("{median:.1} ({least:.1}..{most:.1})");
        println!("{name:>28}  {:>8} KiB  {spread:>22}", window / 1024);
    }
}

#[derive(Clone, Copy)]
enum Place {
    Tcp(&'static str),
    Udp,
}

async fn count(mut body: BodyStream) -> std::result::Result<String, netaio_tokio::Failure> {
    let mut len = 0;
    while let Some(chunk) = body.next().await.transpose()? {
        len += chunk.len();
    }
    Ok(len.to_string())
}

fn whole(content: Content) -> String {
    content.len().to_string()
}

async fn rate(to: impl Into<Remote>, uri: &'static str, window: usize) -> Result<f64> {
    let mut request = LongRequest::new(Message::create(uri, vec![7; LEN])).window(window);
    let begun = Instant::now();
    let answer = request.send(to).await?;
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(answer.content, LEN.to_string());
    Ok(LEN as f64 / 1e6 / seconds)
}

impl Place {
    async fn measure(self, window: usize) -> Result<f64> {
        match self {
            Self::Tcp(uri) => {
                let server = Server::builder()
                    .long_requests()
                    .on((CREATE_URI, "whole"), whole)
                    .on((CREATE_URI, "stream"), count)
                    .bind("127.0.0.1:0")
                    .await?;
                let client = Client::builder().build()?;
                let connection = client.connect(server.local_addr()).await?;
                rate(&connection, uri, window).await
            }
            Self::Udp => {
                let node = UdpNode::builder().long_requests();
                let node = node.on((CREATE_URI, "whole"), whole).no_group();
                let node = node.bind("127.0.0.1:0").await?;
                let asking = UdpNode::builder().no_group().bind("127.0.0.1:0").await?;
                rate(asking.remote(node.local_addr()), "whole", window).await
            }
        }
    }
}

/// In a network in memory, in which all takes so many milliseconds.
async fn far(delay: u64, is_stream: bool, window: usize) -> Result<f64> {
    let clock = TokioClock::new();
    let network = Network::with_clock::<Tokio>(1, clock);
    let delay = Duration::from_millis(delay);
    network.set_conditions(Conditions::new().with_delay(delay..=delay));
    let [there, here] = [1, 2].map(|number| ([10, 0, 0, number], 8888).into());
    if is_stream {
        let server = Server::builder().clock(clock).long_requests();
        let server = server.on((CREATE_URI, "whole"), whole).build()?;
        server.serve(network.listen(there)?)?;
        let client = Client::builder().clock(clock).build()?;
        let ends = network.connect((&client, here), (&server, there))?;
        return rate(&ends.client, "whole", window).await;
    }
    let node = UdpNode::builder().clock(clock).long_requests();
    let node = node.on((CREATE_URI, "whole"), whole);
    let _node = node.bind_socket(network.bind(there)?)?;
    let asking = UdpNode::builder()
        .clock(clock)
        .bind_socket(network.bind(here)?)?;
    rate(asking.remote(there), "whole", window).await
}
