//! What a server accepts streams from.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::address;
use crate::binding::bind_all;
use crate::byte_stream::ByteStream;
use crate::futures::BoxFuture;
use crate::runtime::{Keepalive, Runtime};

/// What [`Server::serve`](crate::Server::serve) accepts streams from: a Unix socket, TLS, a
/// pipe in memory, a queue of the application's.
///
/// A function that returns the next one, when there is one, is a listener. Each runtime's
/// crate has ready ones for Unix sockets, and netaio-tokio for TLS.
///
/// ```
/// use netaio_driver::{ByteStream, Incoming, Runtime, Server};
///
/// /// Serves the streams of a channel, until its other end is dropped.
/// fn serve<R: Runtime>(
///     server: &Server<R>,
///     streams: async_channel::Receiver<ByteStream<R>>,
/// ) -> std::io::Result<()> {
///     server.serve(move || {
///         let streams = streams.clone();
///         async move {
///             match streams.recv().await {
///                 Ok(stream) => Ok(Incoming::from(stream)),
///                 Err(_) => std::future::pending().await,
///             }
///         }
///     })
/// }
/// ```
pub trait Listener<R: Runtime>: Send + Sync + 'static {
    /// Accepts a stream. The future is dropped when the server stops. `keepalive` is the
    /// server's, for what is TCP.
    ///
    /// # Errors
    /// Nothing could be accepted this time; it is tried again after 100 ms.
    fn accept(
        &self,
        keepalive: Option<Keepalive>,
    ) -> impl Future<Output = io::Result<Incoming<R>>> + Send;
}

impl<R, F, T> Listener<R> for F
where
    R: Runtime,
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = io::Result<Incoming<R>>> + Send,
{
    fn accept(&self, _: Option<Keepalive>) -> impl Future<Output = io::Result<Incoming<R>>> + Send {
        self()
    }
}

/// Listens at all addresses of a name over TCP, as [`bind`](crate::ServerBuilder::bind) does: for
/// a [`Listener`] that makes something else of TCP. Each comes with where it really listens; there is
/// one at least.
///
/// # Errors
/// The name does not resolve, one of its addresses is taken, or this machine has none of them.
pub async fn listen_all<R: Runtime>(address: &str) -> io::Result<Vec<(SocketAddr, R::Listener)>> {
    let addresses = address::own(R::resolve(address).await?);
    bind_all(&addresses, R::listen, R::local_address).await
}

/// What a [`Listener`] has accepted.
pub struct Incoming<R: Runtime>(pub(super) Accepted<R>);

pub(super) enum Accepted<R: Runtime> {
    Stream(ByteStream<R>),
    Handshake {
        remote: Option<SocketAddr>,
        handshake: BoxFuture<io::Result<ByteStream<R>>>,
    },
}

impl<R: Runtime> Incoming<R> {
    /// A stream that is served after a handshake, TLS's say: as a task of its own, so that a
    /// remote that takes its time keeps no other waiting. It is given up after 10 s. Where
    /// 1,000 of one listener are under way, it accepts no more until one of them ends.
    pub fn handshake(
        remote: Option<SocketAddr>,
        handshake: impl Future<Output = io::Result<ByteStream<R>>> + Send + 'static,
    ) -> Self {
        Self(Accepted::Handshake {
            remote,
            handshake: Box::pin(handshake),
        })
    }
}

impl<R: Runtime> From<ByteStream<R>> for Incoming<R> {
    fn from(stream: ByteStream<R>) -> Self {
        Self(Accepted::Stream(stream))
    }
}

impl<R: Runtime> fmt::Debug for Incoming<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, remote) = match &self.0 {
            Accepted::Stream(stream) => ("stream", stream.remote()),
            Accepted::Handshake { remote, .. } => ("handshake", *remote),
        };
        f.debug_struct("Incoming")
            .field("kind", &kind)
            .field("remote", &remote)
            .finish()
    }
}

/// A TCP socket of the runtime's.
pub(super) struct Tcp<R: Runtime>(pub(super) R::Listener);

impl<R: Runtime> Listener<R> for Tcp<R> {
    async fn accept(&self, keepalive: Option<Keepalive>) -> io::Result<Incoming<R>> {
        let (reader, writer, remote) = R::accept(&self.0, keepalive).await?;
        let stream = ByteStream::new(reader, writer);
        Ok(stream.with_remote(remote).into())
    }
}
