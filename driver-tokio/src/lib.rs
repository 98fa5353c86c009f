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
//! let response = client.request("echo").content("hi").await?.ok()?;
//! assert_eq!(&response.content[..], b"hi");
//!
//! // Without the admin's secret the inner check fails, and the server says so.
//! let refused = client.create("new", "content").await?;
//! assert!(refused.ok().is_err());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The whole API is documented at the types below, which are those of
//! `netaio-driver` with tokio filled in. Every method is called from within a
//! tokio runtime.
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
//! - `x25519`: `plugin::X25519Cipher`, encryption between two peers; off by
//!   default.
#![forbid(unsafe_code)]

mod datagrams;
mod stream;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use netaio_driver::{DatagramOptions, Runtime, sockets};
use tokio::net::{TcpListener, TcpStream, lookup_host};

pub use datagrams::{Udp, UdpDatagrams};
pub use netaio_driver::api::*;
pub use stream::{
    TcpReader, TcpWriter, connect_stream, connect_stream_with, serve_stream, serve_stream_with,
};

/// A server on tokio.
pub type Server = netaio_driver::Server<Tokio>;
/// A server before it listens.
pub type ServerBuilder = netaio_driver::ServerBuilder<Tokio>;
/// A client on tokio.
pub type Client = netaio_driver::Client<Tokio>;
/// A client before it connects.
pub type ClientBuilder = netaio_driver::ClientBuilder<Tokio>;
/// The reconnection policy of a client on tokio.
pub type AutoReconnect = netaio_driver::AutoReconnect<Tokio>;
/// A UDP node on tokio.
pub type UdpNode = netaio_driver::UdpNode<Tokio>;
/// A UDP node before it is bound.
pub type UdpNodeBuilder = netaio_driver::UdpNodeBuilder<Tokio>;

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

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        match address.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => Ok(lookup_host(address).await?.collect()),
        }
    }

    async fn connect(address: SocketAddr) -> io::Result<(TcpReader, TcpWriter)> {
        split(TcpStream::connect(address).await?)
    }

    async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::from_std(sockets::listen(address)?)
    }

    fn local_address(listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpReader, TcpWriter, SocketAddr)> {
        let (stream, remote) = listener.accept().await?;
        let (reader, writer) = split(stream)?;
        Ok((reader, writer, remote))
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<UdpDatagrams> {
        UdpDatagrams::bind(options)
    }
}

fn split(stream: TcpStream) -> io::Result<(TcpReader, TcpWriter)> {
    sockets::prepare(&stream)?;
    let (reader, writer) = stream.into_split();
    Ok((TcpReader(reader), TcpWriter(writer)))
}
