//! TCP connections of async-io.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_io::Async;
use bytes::BytesMut;
use futures_lite::io::AsyncWrite;

use crate::runtime::futures_io::poll_read;
use crate::runtime::{Keepalive, ReadHalf, WriteHalf};
use crate::sockets;

pub(super) fn split(
    stream: Async<TcpStream>,
    keepalive: Option<Keepalive>,
) -> io::Result<(TcpReader, TcpWriter)> {
    sockets::prepare(stream.get_ref(), keepalive)?;
    let stream = Arc::new(stream);
    Ok((TcpReader(stream.clone()), TcpWriter(stream)))
}

/// The reading half of a TCP connection.
#[derive(Debug)]
pub struct TcpReader(Arc<Async<TcpStream>>);

impl ReadHalf for TcpReader {
    const WAITS_WITHOUT_BUFFER: bool = true;

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // The reactor is edge-triggered: it is polled only after the stream
            // would block.
            match self.0.get_ref().peek(&mut [0]) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // It is said once: the read that follows would find EOF.
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.0.poll_readable(context))?;
        }
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read(&mut &*self.0, context, buffer)
    }
}

/// The writing half of a TCP connection.
#[derive(Debug)]
pub struct TcpWriter(Arc<Async<TcpStream>>);

impl WriteHalf for TcpWriter {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(context, bytes)
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.0.get_ref().shutdown(Shutdown::Write) {
            // The remote has closed the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn keepalive_is_that_of_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (idle, interval) = (Duration::from_secs(7), Duration::from_secs(2));
        let keepalive = Keepalive::new()
            .with_idle(idle)
            .with_interval(interval)
            .with_probes(4);
        let stream = Async::new(connect()).unwrap();
        let (TcpReader(stream), _) = split(stream, Some(keepalive)).unwrap();
        let socket = SockRef::from(stream.get_ref());
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), interval);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        let unacknowledged = socket.tcp_user_timeout().unwrap();
        assert_eq!(unacknowledged, Some(keepalive.dead_after()));

        let stream = Async::new(connect()).unwrap();
        let (TcpReader(stream), _) = split(stream, None).unwrap();
        assert!(!SockRef::from(stream.get_ref()).keepalive().unwrap());
    }
}
