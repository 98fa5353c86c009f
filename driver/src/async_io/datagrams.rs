//! UDP sockets of async-io.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::{Context, Poll, ready};

use async_io::Async;

use crate::runtime::Received;
#[cfg(any(target_os = "android", target_os = "linux"))]
use crate::runtime::Undelivered;
use crate::sockets::{Datagrams, PollDatagrams, ReceiveBuffer, SockRef};

/// A UDP socket.
pub type UdpDatagrams = Datagrams<Async<UdpSocket>>;

impl PollDatagrams for Async<UdpSocket> {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        Self::new_nonblocking(socket)
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self.get_ref())
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReceiveBuffer,
    ) -> Poll<io::Result<Received>> {
        loop {
            // The reactor is edge-triggered: it is polled only after the socket would
            // block.
            match self.try_receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
            ready!(self.poll_readable(context))?;
        }
    }

    #[cfg(unix)]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        buffer.receive(self.get_ref())
    }

    #[cfg(not(unix))]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        let (len, from) = self.get_ref().recv_from(buffer.bytes())?;
        Ok(Received::new(len, from))
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn try_undelivered(&self, buffer: &mut ReceiveBuffer) -> io::Result<Undelivered> {
        buffer.undelivered(self.get_ref())
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(from) = from {
            let send = |socket: &UdpSocket| crate::sockets::send_from(socket, bytes, to, from);
            return self.write_with(send).await;
        }
        let _ = from;
        self.send_to(bytes, to).await
    }
}
