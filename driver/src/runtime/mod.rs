//! The traits of a runtime.
//!
//! What happens once a connection or less is an async function. Streams are polled, as tokio's and
//! futures-io's are: a connection that waits would hold the futures.

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Instant;

mod datagram;
#[cfg(feature = "futures-io")]
pub(crate) mod futures_io;
mod interface;
mod keepalive;
mod stream;

pub use datagram::{DatagramOptions, DatagramSocket, Received, Sent, Undelivered};
pub use interface::{Interface, Interfaces};
pub use keepalive::Keepalive;
pub use stream::{ReadHalf, WriteHalf};

use crate::futures::yield_now;

/// An async runtime: tasks, timers, TCP and UDP.
///
/// Every future must be cancel-safe: dropping it before it is ready loses no data.
pub trait Runtime: Send + Sync + 'static {
    /// A listening socket.
    type Listener: Send + Sync + 'static;
    /// The reading half of a TCP connection.
    type Reader: ReadHalf;
    /// The writing half of a TCP connection.
    type Writer: WriteHalf;
    /// A UDP socket.
    type Datagrams: DatagramSocket;

    /// Runs a future as a task of its own; if it panics, that ends no other task. It
    /// is called from within the runtime.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// Is ready at `deadline`, or soon after.
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static;

    /// Is ready when other tasks have had a turn, and what has come to sockets by now is known:
    /// a runtime that reads a socket only once the system has told of it has asked the system by
    /// then. A stop that has nothing left to do looks for late requests after that. Unless a runtime
    /// says otherwise it lets other tasks have their turn, which is enough where each read asks
    /// the system.
    fn yield_now() -> impl Future<Output = ()> + Send {
        yield_now()
    }

    /// The addresses of `host:port`. The scope of an IPv6 address may be the number of an
    /// interface or its name.
    ///
    /// # Errors
    /// The name does not resolve, or there is no such interface.
    fn resolve(address: &str) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects, with `TCP_NODELAY` set, and with keepalive where it is wanted.
    ///
    /// # Errors
    /// The connection cannot be made.
    fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;

    /// Listens.
    ///
    /// # Errors
    /// The address cannot be bound.
    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Takes a socket that listens already, and needs not be non-blocking.
    ///
    /// # Errors
    /// The system refuses, or the runtime knows no such sockets, as none does unless it says
    /// so.
    fn adopt(listener: TcpListener) -> io::Result<Self::Listener> {
        let _ = listener;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The address that a listener is bound to.
    ///
    /// # Errors
    /// The system does not say.
    fn local_address(listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Accepts a connection, with `TCP_NODELAY` set, and with keepalive where it is wanted.
    ///
    /// # Errors
    /// Nothing could be accepted this time.
    fn accept(
        listener: &Self::Listener,
        keepalive: Option<Keepalive>,
    ) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer, SocketAddr)>> + Send;

    /// Sets keepalive on a stream that was handed over, where it is a TCP socket of a type that
    /// the runtime knows; on others nothing. It knows none unless it says so.
    ///
    /// # Errors
    /// The system refuses, as some do where the connection has ended already.
    fn keep_alive(stream: &dyn Any, keepalive: Keepalive) -> io::Result<()> {
        let _ = (stream, keepalive);
        Ok(())
    }

    /// Opens a UDP socket, in the groups that the options name.
    ///
    /// # Errors
    /// The address cannot be bound, or a group not be joined.
    fn bind_datagrams(
        options: &DatagramOptions,
    ) -> impl Future<Output = io::Result<Self::Datagrams>> + Send;

    /// Takes UDP sockets that are bound already, as one: at least one of them, which need not be
    /// non-blocking. They are in no group of the runtime's making.
    ///
    /// ```
    /// use std::net::UdpSocket;
    ///
    /// use netaio_driver::{Runtime, UdpNode};
    ///
    /// # fn serve<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = R::adopt_datagrams(vec![socket])?;
    /// let node = UdpNode::<R>::builder().no_group().bind_socket(socket)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The system refuses, there are none, or the runtime knows no such sockets, as none does unless
    /// it says so.
    fn adopt_datagrams(sockets: Vec<UdpSocket>) -> io::Result<Self::Datagrams> {
        let _ = sockets;
        Err(io::ErrorKind::Unsupported.into())
    }
}
