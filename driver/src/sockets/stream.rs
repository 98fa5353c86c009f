//! The options of TCP sockets, the same on every runtime.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::task::Poll;

use bytes::BytesMut;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::runtime::Keepalive;

/// The backlog of a listening socket.
const BACKLOG: i32 = 1024;

/// A socket that listens, and never blocks. At `[::]` it takes connections of both families,
/// where the system can do that.
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
    if address.is_ipv6() && address.ip().is_unspecified() {
        // Some systems cannot, or are set not to: then it is IPv6 alone.
        let _ = socket.set_only_v6(false);
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets `TCP_NODELAY`, and keepalive where it is wanted, as
/// [`Runtime::connect`](crate::Runtime::connect) and
/// [`Runtime::accept`](crate::Runtime::accept) are to.
///
/// # Errors
/// The system refuses, as some do where the connection has ended already.
pub fn prepare<'a>(stream: impl Into<SockRef<'a>>, keepalive: Option<Keepalive>) -> io::Result<()> {
    let stream = stream.into();
    // Answers are coalesced already: Nagle's algorithm would only delay them.
    stream.set_tcp_nodelay(true)?;
    match keepalive {
        Some(keepalive) => set_keepalive(&stream, keepalive),
        None => Ok(()),
    }
}

/// Reads what a socket that never blocks has by now, some KiB at most, whatever a runtime knows of it:
/// for [`ReadHalf::poll_read_now`](crate::ReadHalf::poll_read_now).
///
/// # Errors
/// The stream failed.
pub fn read_now<'a>(
    stream: impl Into<SockRef<'a>>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    read_some(&mut &*stream.into(), buffer)
}

fn read_some(stream: &mut impl Read, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
    let mut some = [0; 4096];
    let room = buffer.capacity().saturating_sub(buffer.len());
    let some = some.get_mut(..room.min(4096)).unwrap_or_default();
    if some.is_empty() {
        return Poll::Pending;
    }
    loop {
        return match stream.read(some) {
            Ok(count) => {
                buffer.extend_from_slice(some.get(..count).unwrap_or_default());
                Poll::Ready(Ok(count))
            }
            // By a signal: nothing was read, and nothing is wrong with the stream.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        };
    }
}

/// Lets the system notice that the path of a TCP connection is dead: for the socket under a
/// stream that is handed over, that of TLS, say. Whatever is a socket of the system's is
/// one here: it has `AsFd`, on Windows `AsSocket`.
///
/// ```
/// use std::net::{TcpListener, TcpStream};
///
/// use netaio_driver::{Keepalive, sockets};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// sockets::keep_alive(&stream, Keepalive::new())?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The system refuses: it is no TCP socket, or its connection has ended already.
pub fn keep_alive<'a>(socket: impl Into<SockRef<'a>>, keepalive: Keepalive) -> io::Result<()> {
    set_keepalive(&socket.into(), keepalive)
}

fn set_keepalive(socket: &SockRef<'_>, keepalive: Keepalive) -> io::Result<()> {
    let times = TcpKeepalive::new().with_time(keepalive.idle());
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "windows",
    ))]
    let times = times
        .with_interval(keepalive.interval())
        .with_retries(keepalive.probes());
    socket.set_tcp_keepalive(&times)?;
    // What is sent and not acknowledged keeps the system from probing.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_user_timeout(keepalive.user_timeout().then(|| keepalive.dead_after()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// What reads find, one after another.
    struct Script(VecDeque<Result<&'static [u8], io::ErrorKind>>);

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let mut bytes = self.0.pop_front().unwrap()?;
            bytes.read(into)
        }
    }

    #[test]
    fn a_read_that_a_signal_interrupts_is_tried_again() {
        use io::ErrorKind::{ConnectionReset, Interrupted, WouldBlock};
        let script = [
            Err(Interrupted),
            Err(Interrupted),
            Ok(&b"abc"[..]),
            Err(Interrupted),
            Err(WouldBlock),
            Err(Interrupted),
            Ok(b""),
            Err(Interrupted),
            Err(ConnectionReset),
        ];
        let mut stream = Script(script.into());
        let mut buffer = BytesMut::with_capacity(16);
        let mut read = || match read_some(&mut stream, &mut buffer) {
            Poll::Ready(read) => Some(read.map_err(|error| error.kind())),
            Poll::Pending => None,
        };
        assert_eq!(read(), Some(Ok(3)));
        assert_eq!(read(), None);
        assert_eq!(read(), Some(Ok(0)));
        assert_eq!(read(), Some(Err(ConnectionReset)));
        assert_eq!(&buffer[..], b"abc");
        assert!(stream.0.is_empty());
    }
}
