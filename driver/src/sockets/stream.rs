//! The options of TCP sockets, the same on every runtime.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// The idle time before the system sends keepalive probes.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The backlog of a listening socket.
const BACKLOG: i32 = 1024;

/// A socket that listens, and never blocks.
///
/// # Errors
/// The address cannot be bound.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A server that was stopped can be started again at once. (On Windows the
    // option would let two programs share the port.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets `TCP_NODELAY` and keepalive, as
/// [`Runtime::connect`](crate::Runtime::connect) and
/// [`Runtime::accept`](crate::Runtime::accept) are to.
///
/// # Errors
/// The system refuses, as some do where the connection has ended already.
pub fn prepare<'a>(stream: impl Into<SockRef<'a>>) -> io::Result<()> {
    let stream = stream.into();
    // Answers are coalesced already: Nagle's algorithm would only delay them.
    stream.set_tcp_nodelay(true)?;
    stream.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}
