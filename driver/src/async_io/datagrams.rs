//! UDP sockets of async-io.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use async_io::Async;
#[cfg(any(target_os = "android", target_os = "linux"))]
use bytes::BytesMut;

#[cfg(any(target_os = "android", target_os = "linux"))]
use crate::runtime::Undelivered;
#[cfg(any(target_os = "android", target_os = "linux"))]
use crate::sockets::Batch;
use crate::sockets::{Datagrams, PollDatagrams, ReceiveBuffer, SockRef};

/// A UDP socket.
pub type UdpDatagrams = Datagrams<Udp>;

/// One of the system's sockets.
#[derive(Debug)]
pub struct Udp {
    socket: Async<UdpSocket>,
    /// What is known of what waits there.
    waits: AtomicU8,
    /// A receive may be an error although there are datagrams.
    tells_undelivered: bool,
}

/// There may be datagrams.
const SOME: u8 = 0;
/// There was none behind the last one.
const EMPTIED: u8 = 1;
/// The same, and nobody has been told so.
const JUST_EMPTIED: u8 = 2;

impl PollDatagrams for Udp {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        Ok(Self {
            #[cfg(any(target_os = "android", target_os = "linux"))]
            tells_undelivered: crate::sockets::tells_undelivered(&socket),
            #[cfg(not(any(target_os = "android", target_os = "linux")))]
            tells_undelivered: false,
            socket: Async::new_nonblocking(socket)?,
            waits: AtomicU8::new(SOME),
        })
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self.socket.get_ref())
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReceiveBuffer,
    ) -> Poll<io::Result<()>> {
        loop {
            // The reactor looks at the socket when it begins to wait: it may be polled at any
            // time, and best when the socket would block.
            if self.waits.load(Ordering::Relaxed) == SOME {
                match self.receive(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    received => return Poll::Ready(received),
                }
            }
            ready!(self.socket.poll_readable(context))?;
            self.waits.store(SOME, Ordering::Relaxed);
        }
    }

    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        if self.waits.load(Ordering::Relaxed) == JUST_EMPTIED {
            self.waits.store(EMPTIED, Ordering::Relaxed);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.receive(buffer)
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<Undelivered> {
        crate::sockets::undelivered(self.socket.get_ref(), buffer)
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    async fn send_batch(&self, batch: Batch<'_>) -> io::Result<Option<usize>> {
        let send = |socket: &UdpSocket| batch.send(socket);
        self.socket.write_with(send).await.map(Some)
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(from) = from {
            let send = |socket: &UdpSocket| crate::sockets::send_from(socket, bytes, to, from);
            return self.socket.write_with(send).await;
        }
        let _ = from;
        self.socket.send_to(bytes, to).await
    }
}

impl Udp {
    fn receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        let received = self.receive_into(buffer);
        let waits = match &received {
            _ if self.tells_undelivered => SOME,
            Ok(true) => JUST_EMPTIED,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => EMPTIED,
            _ => SOME,
        };
        self.waits.store(waits, Ordering::Relaxed);
        received.map(|_| ())
    }

    /// Whether there is none behind what was received, as far as the system says it.
    #[cfg(unix)]
    fn receive_into(&self, buffer: &mut ReceiveBuffer) -> io::Result<bool> {
        buffer.receive(self.socket.get_ref())
    }

    #[cfg(not(unix))]
    fn receive_into(&self, buffer: &mut ReceiveBuffer) -> io::Result<bool> {
        buffer.receive_one(|bytes| self.socket.get_ref().recv_from(bytes))?;
        Ok(false)
    }
}
