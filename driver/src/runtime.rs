//! What a driver needs of a runtime.
//!
//! The traits consist of async functions: tokio's and futures-io's polling
//! traits differ, and some runtimes offer async methods only.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;

/// An async runtime: tasks, timers and TCP.
///
/// Every future must be cancel-safe: dropping it before it is ready loses
/// nothing.
pub trait Runtime: Send + Sync + 'static {
    /// A listening socket.
    type Listener: Send + Sync + 'static;
    /// The reading half of a TCP connection.
    type Reader: ReadHalf;
    /// The writing half of a TCP connection.
    type Writer: WriteHalf;

    /// Runs a future on its own; should it panic, that ends nothing else. It is
    /// called from within the runtime.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// Is ready at `deadline`, or soon after.
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static;

    /// The addresses of `host:port`.
    ///
    /// # Errors
    /// The name does not resolve.
    fn resolve(address: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects, with `TCP_NODELAY` and keepalive set.
    ///
    /// # Errors
    /// The connection cannot be made.
    fn connect(
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;

    /// Listens.
    ///
    /// # Errors
    /// The address cannot be bound.
    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The address that a listener is bound to.
    ///
    /// # Errors
    /// The system does not say.
    fn local_address(listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Accepts a connection, with `TCP_NODELAY` and keepalive set.
    ///
    /// # Errors
    /// Nothing could be accepted this time.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, SocketAddr)>> + Send;
}

/// The half of a byte stream that is read from.
pub trait ReadHalf: Send + 'static {
    /// Waits until a read is likely to return at once. A connection that is
    /// idle then needs no buffer. A stream that cannot tell is always ready.
    ///
    /// # Errors
    /// The stream failed.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether [`readable`](Self::readable) really waits.
    const WAITS_WITHOUT_BUFFER: bool = false;

    /// Appends what there is, at least one byte, into the buffer's spare
    /// capacity, and returns how much it was; 0 is the end. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn read(&mut self, buffer: &mut BytesMut) -> impl Future<Output = io::Result<usize>> + Send;
}

/// The half of a byte stream that is written to.
pub trait WriteHalf: Send + 'static {
    /// Writes some of the bytes, at least one, and returns how many. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Whether [`flush`](Self::flush) does anything: `true` for streams that
    /// may keep written bytes back, as TLS does.
    const NEEDS_FLUSH: bool = false;

    /// Sends on what the stream keeps back. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends the stream in this direction.
    ///
    /// # Errors
    /// The stream failed.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}
