//! netaio on [tokio]: small framed messages over TCP and UDP, handlers keyed by message
//! type, uri and peer, requests with timeouts, and authentication and
//! encryption in two layers, wire-compatible with the Python package `netaio`.
//!
//! ```
//! use netaio_tokio::plugin::HmacAuth;
//! use netaio_tokio::types::{CREATE_URI, REQUEST_URI};
//! use netaio_tokio::{Client, Content, Server, Uri};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .auth(HmacAuth::new("secret"))
//!     .on((REQUEST_URI, "echo"), |content: Content| async move { content })
//!     .on(CREATE_URI, |uri: Uri| format!("{uri} created"))
//!     .inner_auth(HmacAuth::new("admin").with_hmac_field("camh"))
//!     .bind("127.0.0.1:0")
//!     .await?;
//!
//! let client = Client::builder().auth(HmacAuth::new("secret")).build()?;
//! client.connect(server.local_addr()).await?;
//! let response = client.request("echo").content("hi").await?.into_result()?;
//! assert_eq!(&response.content[..], b"hi");
//!
//! // Without the admin's secret the inner check fails, and the server says so.
//! let refused = client.create("new", "content").await?;
//! assert!(refused.into_result().is_err());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The whole API is documented at the types below, which are those of
//! `netaio-driver` with tokio filled in. Every method is called from within a
//! tokio runtime. Examples there name `netaio_driver`; here the same names are at the top, or in
//! [`events`], [`error`], [`handler`], [`middleware`], [`config`] and [`transport`].
//!
//! # Handlers
//!
//! Functions of [`Content`], [`Text`], [`Uri`], [`Path`], `Json`, [`State`], [`Extension`] and others
//! ([`handler::FromRequest`]), keyed by message type, uri or pattern of uris, and address. A
//! [`Router`] has those of one part of a service; [middleware] is around one
//! of them or all, and sees what is refused too. [`handler::debug_handler`] says why a function is no
//! handler.
//!
//! ```
//! use std::time::Duration;
//!
//! use netaio_tokio::middleware::{RateLimit, Timeout, Trace};
//! use netaio_tokio::types::{CREATE_URI, REQUEST_URI};
//! use netaio_tokio::{Client, Failure, Path, Server, Text};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! /// What goes wrong is logged, and answered with an `ERROR`.
//! async fn store(Path(sensor): Path<u32>, reading: Text) -> Result<String, Failure> {
//!     let celsius: f64 = reading.parse()?;
//!     Ok(format!("sensor {sensor}: {celsius:.1}"))
//! }
//!
//! let server = Server::builder()
//!     .wrap(Trace::new())
//!     .wrap(RateLimit::new(100, Duration::from_secs(1)))
//!     .on((CREATE_URI, "sensors/{id}/readings"), store)
//!     .on((REQUEST_URI, "slow"), || async { "done" })
//!     .wrap_route(Timeout::new(Duration::from_secs(5)))
//!     .bind("127.0.0.1:0")
//!     .await?;
//! let client = Client::builder().build()?;
//! client.connect(server.local_addr()).await?;
//! let stored = client.create("sensors/7/readings", "20.5").await?.into_result()?;
//! assert_eq!(stored.content, "sensor 7: 20.5");
//! assert!(client.create("sensors/7/readings", "warm").await?.into_result().is_err());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A client that stays connected
//!
//! [`Client::connect_persistent`] tries the first connection again, too, and reconnects with
//! a backoff and jitter. Requests wait meanwhile within their timeouts, or fail at once
//! ([`AutoReconnect::hold_requests`]); those marked
//! [`idempotent`](config::RequestBuilder::idempotent) are made again where they were cut off. A
//! [`Subscription`] is there again before anything else is sent, and says that some may be
//! missing. [`config::Balance`] is the rule for several servers. [`transport`] and `tls` have connectors and
//! listeners for other streams than TCP; a [`LongRequest`] goes in parts past 64 KiB, and a
//! [`BodyStream`] takes it as it comes.
//!
//! # What happens to a client
//!
//! [`Client::messages`] has what servers send of their own accord, all of it: a stream that
//! is not read keeps the servers waiting, while requests are still answered.
//! [`Client::events`] tells of connections that are made, lost and replaced, and of whatever
//! is missing; [`Client::metrics`] counts it.
//!
//! ```
//! use netaio_tokio::types::REQUEST_URI;
//! use netaio_tokio::{Client, Connection, Message, Server};
//! use netaio_tokio::events::{ClientEvent, CloseReason};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .on(REQUEST_URI, |who: Connection| async move {
//!         for number in 0..100 {
//!             let news = Message::notify("news", number.to_string());
//!             who.send(news).await.expect("the client is there");
//!         }
//!         "told"
//!     })
//!     .bind("127.0.0.1:0")
//!     .await?;
//! // So that the stream is full soon.
//! let client = Client::builder().message_queue(10, 64 * 1024).build()?;
//! let (mut messages, mut events) = (client.messages(), client.events());
//! let connection = client.connect(server.local_addr()).await?;
//!
//! // The answer comes behind messages that nobody has read yet.
//! assert_eq!(&connection.request("tell").await?.into_result()?.content[..], b"told");
//! for number in 0..100 {
//!     let news = messages.next().await.expect("the client is open");
//!     assert_eq!(news.message.content, number.to_string());
//! }
//! server.stop().await;
//! connection.closed().await;
//!
//! assert!(matches!(events.next().await, Some(ClientEvent::Connected(_))));
//! let Some(ClientEvent::Closed { reason, .. }) = events.next().await else {
//!     panic!("the connection has ended");
//! };
//! assert_eq!(reason, CloseReason::Remote);
//! assert_eq!(client.metrics().closed_connections, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # The guide
//!
//! The chapters of the [guide] go through one subject each, with programs that run: coming from Python,
//! handlers, clients, peers, limits, security, tests, plugins, runtimes, production, errors.
//!
//! # Examples
//!
//! The package's `examples` are programs to try and to copy from: `server` and
//! `client`, `pubsub`, `custom_types` (message types of one's own), `big_bodies`
//! (a format of one's own), `tls` and `unix_socket` (streams that are not TCP),
//! `udp` (nodes without connections).
//! `cargo run -p netaio-tokio --example pubsub` runs one.
//!
//! # Cargo features
//!
//! - `aead`: `plugin::Aead`, the layer that authenticates whole messages; off by default.
//! - `json`, `packed`, `postcard`: `Json`, `Packed` and `Postcard`, contents of values that serde knows.
//! - `metrics`: `Metrics::record`, for the recorder of the `metrics` crate; off by default.
//! - `sha-lanes`: `plugin::Sha256StreamCipher` at some twice the speed, on x86-64 with
//!   the SHA extensions; off by default, as it brings a crate with `unsafe` code.
//! - `testing`: `testing` and `Server::call`, to test a service without sockets; off by default.
//! - `tls`: the module `tls`, connections over TLS 1.3 by rustls with ring; off by default.
//! - `x25519`: `plugin::X25519Cipher`, encryption between two peers; off by
//!   default.
#![forbid(unsafe_code)]
// Which cargo feature an item needs, on its page.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aliases;
mod clock;
mod datagrams;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod socket_errors;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transport;
#[cfg(unix)]
mod unix;

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use netaio_driver::{DatagramOptions, Keepalive, Runtime, sockets};
use tokio::net::{TcpListener, TcpStream, lookup_host};

pub(crate) use datagrams::UdpDatagrams;
pub(crate) use stream::{TcpReader, TcpWriter};

pub use netaio_driver::api::*;
pub use netaio_driver::key_files;
#[cfg(feature = "testing")]
pub use netaio_driver::testing;

netaio_driver::runtime_types!(Tokio, "tokio", crate::clock::TokioClock);

/// The tokio runtime, current-thread or multi-thread, with its TCP and UDP
/// sockets.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Runtime for Tokio {
    type Listener = TcpListener;
    type Reader = TcpReader;
    type Writer = TcpWriter;
    type Datagrams = UdpDatagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep_until(deadline.into())
    }

    /// Tokio takes a socket for empty after a short read, until it has asked the system again, as it
    /// does before tasks that have yielded in its own way.
    async fn yield_now() {
        tokio::task::yield_now().await;
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        match sockets::parse_address(address)? {
            Some(address) => Ok(vec![address]),
            None => Ok(lookup_host(address).await?.collect()),
        }
    }

    async fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(TcpReader, TcpWriter)> {
        split(TcpStream::connect(address).await?, keepalive)
    }

    async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::from_std(sockets::listen(address)?)
    }

    fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }

    fn local_address(listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(
        listener: &TcpListener,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(TcpReader, TcpWriter, SocketAddr)> {
        let (stream, remote) = listener.accept().await?;
        let (reader, writer) = split(stream, keepalive)?;
        Ok((reader, writer, remote))
    }

    fn keep_alive(stream: &dyn Any, keepalive: Keepalive) -> io::Result<()> {
        match stream.downcast_ref::<TcpStream>() {
            Some(stream) => sockets::keep_alive(stream, keepalive),
            None => Ok(()),
        }
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<UdpDatagrams> {
        UdpDatagrams::bind(options)
    }

    fn adopt_datagrams(sockets: Vec<UdpSocket>) -> io::Result<UdpDatagrams> {
        UdpDatagrams::adopt(sockets)
    }
}

fn split(stream: TcpStream, keepalive: Option<Keepalive>) -> io::Result<(TcpReader, TcpWriter)> {
    sockets::prepare(&stream, keepalive)?;
    let (reader, writer) = stream.into_split();
    Ok((TcpReader(reader), TcpWriter(writer)))
}

/// The program of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "clippy takes a module for one of tests only where nothing but that is its condition"
    )]

    use std::time::Duration;

    use socket2::SockRef;

    use super::transport::{connect_stream, serve_stream};
    use super::*;

    const WANTED: (Duration, Duration, u32) = (Duration::from_secs(7), Duration::from_secs(2), 4);

    /// The keepalive that a socket really has.
    fn found(stream: &TcpStream) -> Option<(Duration, Duration, u32, Option<Duration>)> {
        let socket = SockRef::from(stream);
        socket.keepalive().unwrap().then(|| {
            let (idle, interval) = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
            let (probes, unacknowledged) = (
                socket.tcp_keepalive_retries().unwrap(),
                socket.tcp_user_timeout().unwrap(),
            );
            (idle.unwrap(), interval.unwrap(), probes, unacknowledged)
        })
    }

    #[tokio::test]
    async fn keepalive_is_that_of_the_sockets() {
        let (idle, interval, probes) = WANTED;
        let keepalive = Keepalive::new()
            .with_idle(idle)
            .with_interval(interval)
            .with_probes(probes);
        let expected = Some((idle, interval, probes, Some(keepalive.dead_after())));
        let listener = Tokio::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = Tokio::local_address(&listener).unwrap();
        for (wanted, expected) in [(Some(keepalive), expected), (None, None)] {
            let (_, connected) = Tokio::connect(address, wanted).await.unwrap();
            let (_, accepted, _) = Tokio::accept(&listener, wanted).await.unwrap();
            for TcpWriter(half) in [connected, accepted] {
                assert_eq!(found(half.as_ref()), expected);
                assert!(half.as_ref().nodelay().unwrap());
            }
        }

        // Streams that are handed over have what the server says, and the client.
        let builder = Server::builder().keepalive(keepalive);
        let server = builder.build().unwrap();
        let client = Client::builder().keepalive(keepalive).build().unwrap();
        let near = TcpStream::connect(address).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        for stream in [&near, &far] {
            assert_eq!(found(stream), None);
        }
        let [near, seen_near, far, seen_far] = [&near, &near, &far, &far].map(duplicate);
        serve_stream(&server, far, None).unwrap();
        connect_stream(&client, near, "near").unwrap();
        for stream in [&seen_near, &seen_far] {
            assert_eq!(found(stream), expected);
        }
        let off = Server::builder().keepalive(None).build().unwrap();
        off.keep_alive(&seen_far).unwrap();
        off.keep_alive(&"no stream").unwrap();
    }

    /// The same socket once more.
    fn duplicate(stream: &TcpStream) -> TcpStream {
        let socket = SockRef::from(stream).try_clone().unwrap();
        TcpStream::from_std(socket.into()).unwrap()
    }
}
