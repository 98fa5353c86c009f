//! Those who publish.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use netaio_tests::plain::sealed;
use netaio_tokio::config::ServerBuilder;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::SUBSCRIBE_URI;
use netaio_tokio::{Message, Publisher, Remote, Reply, Server, Uri};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::machine;
use crate::nats::Nats;
use crate::readers::Counted;

/// Bytes of content of a message.
pub(crate) const CONTENT: usize = 64;
pub(crate) const KEY: &str = "news";
const SECRET: &str = "secret";
/// Messages that a floor writes at once.
const AT_ONCE: usize = 64;

/// One that publishes, and its subscribers.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Bytes that come to a subscriber for a message.
    pub(crate) wire_len: usize,
    /// What is published.
    news: Message,
    subscribers: usize,
    received: Arc<AtomicU64>,
    /// Messages so far.
    published: u64,
    kind: Kind,
}

enum Kind {
    Bare(Arc<Mutex<Vec<TcpStream>>>),
    Ours(Server),
    Nats(Nats),
}

/// The contenders, with the subscribers of each.
pub(crate) fn all(
    runtime: &Runtime,
    subscribers: usize,
) -> Result<(Vec<Contender>, Vec<Counted>), Box<dyn Error>> {
    let (mut contenders, mut counted) = (Vec::new(), Vec::new());
    let mut add = |name, news: Message, wire_len, kind, streams| {
        let received = Arc::<AtomicU64>::default();
        counted.push((streams, received.clone()));
        contenders.push(Contender {
            name,
            wire_len,
            news,
            subscribers,
            received,
            published: 0,
            kind,
        });
    };
    let (none, mac) = (Layer::new(), Layer::new().with_auth(HmacAuth::new(SECRET)));

    let len = |layer, content| Ok::<_, Box<dyn Error>>(sealed(layer, &news(content))?.len());
    // What a MAC makes a message longer by.
    let more = len(&mac, CONTENT)? - len(&none, CONTENT)?;

    // As long as ours are, and as ours with a MAC.
    for (name, layer) in [("bare", &none), ("longer", &mac)] {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let (mut streams, mut writers) = (Vec::new(), Vec::new());
        for _ in 0..subscribers {
            streams.push(net::TcpStream::connect(listener.local_addr()?)?);
            let (writer, _) = runtime.block_on(listener.accept())?;
            writer.set_nodelay(true)?;
            writers.push(writer);
        }
        let kind = Kind::Bare(Arc::new(Mutex::new(writers)));
        add(name, news(CONTENT), len(layer, CONTENT)?, kind, streams);
    }

    // Without a MAC, and as long as with one: what the bytes of one cost.
    let plain = Server::builder;
    let with_mac = Server::builder().auth(HmacAuth::new(SECRET));
    for (name, layer, content, builder) in [
        ("plain", &none, CONTENT, plain()),
        ("padded", &none, CONTENT + more, plain()),
        ("hmac", &mac, CONTENT, with_mac),
    ] {
        let server = runtime.block_on(serve(builder))?;
        let streams = subscribe(server.local_addr(), layer, subscribers)?;
        let len = len(layer, content)?;
        add(name, news(content), len, Kind::Ours(server), streams);
    }

    match Nats::start()? {
        Some(nats) => {
            let streams = nats.subscribe(subscribers)?;
            add(
                "nats",
                news(CONTENT),
                Nats::WIRE_LEN,
                Kind::Nats(nats),
                streams,
            );
        }
        None => println!("there is no nats-server on the PATH"),
    }
    Ok((contenders, counted))
}

/// What is published, with so many bytes of content.
fn news(content: usize) -> Message {
    Message::notify(KEY, vec![b'x'; content])
}

async fn serve(builder: ServerBuilder) -> Result<Server, Box<dyn Error>> {
    let server = builder
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| async move {
                match publisher.subscribe(uri.0, &who) {
                    Ok(_) => Ok(""),
                    Err(error) => Err(Reply::error(error.to_string())),
                }
            },
        )
        .bind("127.0.0.1:0")
        .await?;
    Ok(server)
}

/// Subscribes so many connections, and takes the answer to each.
fn subscribe(
    address: SocketAddr,
    layer: &Layer,
    subscribers: usize,
) -> Result<Vec<net::TcpStream>, Box<dyn Error>> {
    let mut streams = Vec::new();
    for _ in 0..subscribers {
        let mut stream = net::TcpStream::connect(address)?;
        stream.write_all(&sealed(layer, &Message::subscribe(KEY))?)?;
        // The type, the lengths of auth section and body, and a checksum.
        let mut header = [0; 9];
        stream.read_exact(&mut header)?;
        let [_, a, b, c, d, ..] = header;
        let rest = u16::from_be_bytes([a, b]) as usize + u16::from_be_bytes([c, d]) as usize;
        stream.read_exact(&mut vec![0; rest])?;
        streams.push(stream);
    }
    Ok(streams)
}

impl Contender {
    /// Publishes until it is told to stop; then says how many messages.
    pub(crate) fn publish(
        &self,
        runtime: &Runtime,
        stop: Arc<AtomicBool>,
    ) -> io::Result<Receiver<Result<u64, String>>> {
        let (done, result) = channel();
        match &self.kind {
            Kind::Bare(writers) => {
                let writers = writers.clone();
                let bytes = vec![b'x'; self.wire_len * AT_ONCE];
                runtime.spawn(async move {
                    let mut writers = writers.lock().await;
                    let _ = done.send(write(&mut writers, &bytes, &stop).await);
                });
            }
            Kind::Ours(server) => {
                let publisher = server.publisher().clone();
                let news = self.news.clone();
                runtime.spawn(async move {
                    let _ = done.send(publish(&publisher, &news, &stop).await);
                });
            }
            Kind::Nats(nats) => {
                let received = self.received.clone();
                let each = (self.subscribers * self.wire_len) as u64;
                let delivered = move || received.load(Ordering::Acquire) / each;
                nats.publish(self.published, delivered, stop, done)?;
            }
        }
        Ok(result)
    }

    /// Bytes that have come so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    pub(crate) fn note_published(&mut self, messages: u64) {
        self.published += messages;
    }

    /// Whether all that was published has come.
    ///
    /// # Errors
    /// More has.
    pub(crate) fn is_complete(&self) -> Result<bool, String> {
        let expected = self.published * (self.wire_len * self.subscribers) as u64;
        let received = self.received();
        let more = received.saturating_sub(expected);
        let is_known = match self.kind {
            // It asks each connection once whether it is there.
            Kind::Nats(_) => {
                more.is_multiple_of(Nats::PING) && more <= Nats::PING * self.subscribers as u64
            }
            _ => more == 0,
        };
        match is_known {
            true => Ok(received >= expected),
            false => Err(format!("{} has sent {more} bytes too many", self.name)),
        }
    }

    /// How long what publishes has run, in nanoseconds.
    pub(crate) fn on_processor(&self) -> u64 {
        machine::on_processor(match &self.kind {
            Kind::Nats(nats) => Some(nats.process()),
            _ => None,
        })
    }
}

async fn write(writers: &mut [TcpStream], bytes: &[u8], stop: &AtomicBool) -> Result<u64, String> {
    let mut published = 0;
    while !stop.load(Ordering::Acquire) {
        for writer in &mut *writers {
            let written = writer.write_all(bytes).await;
            written.map_err(|error| error.to_string())?;
        }
        published += AT_ONCE as u64;
    }
    Ok(published)
}

async fn publish(publisher: &Publisher, news: &Message, stop: &AtomicBool) -> Result<u64, String> {
    let mut published = 0;
    while !stop.load(Ordering::Acquire) {
        let delivery = publisher.publish(KEY, news).await;
        let delivery = delivery.map_err(|error| error.to_string())?;
        if delivery.lost() > 0 {
            return Err(format!("after {published} messages: {delivery:?}"));
        }
        published += 1;
    }
    Ok(published)
}
