//! tokio's UDP sockets as netaio's.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use netaio_driver::Received;
use netaio_driver::sockets::{Datagrams, PollDatagrams, ReceiveBuffer, SockRef};
#[cfg(unix)]
use tokio::io::Interest;

#[cfg(any(target_os = "android", target_os = "linux"))]
use crate::socket_errors::SocketErrors;

/// A UDP socket.
pub type UdpDatagrams = Datagrams<Udp>;

/// One of the system's sockets.
#[derive(Debug)]
pub struct Udp {
    socket: Arc<tokio::net::UdpSocket>,
    /// Where it tells of datagrams that were not delivered.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    errors: Option<SocketErrors>,
}

impl PollDatagrams for Udp {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let tells = netaio_driver::sockets::tells_undelivered(&socket);
        let socket = Arc::new(tokio::net::UdpSocket::from_std(socket)?);
        Ok(Self {
            #[cfg(any(target_os = "android", target_os = "linux"))]
            errors: tells.then(|| SocketErrors::of(socket.clone())),
            socket,
        })
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReceiveBuffer,
    ) -> Poll<io::Result<Received>> {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Some(errors) = &self.errors
            && let Poll::Ready(error) = errors.poll_next(context)
        {
            return Poll::Ready(Err(error));
        }
        loop {
            ready!(self.socket.poll_recv_ready(context))?;
            match self.try_receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    #[cfg(unix)]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        let receive = || buffer.receive(&*self.socket);
        self.socket.try_io(Interest::READABLE, receive)
    }

    #[cfg(not(unix))]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        let (len, from) = self.socket.try_recv_from(buffer.bytes())?;
        Ok(Received::new(len, from))
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn try_undelivered(
        &self,
        buffer: &mut ReceiveBuffer,
    ) -> io::Result<netaio_driver::Undelivered> {
        buffer.undelivered(&*self.socket)
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(from) = from {
            let send = || netaio_driver::sockets::send_from(&*self.socket, bytes, to, from);
            return self.socket.async_io(Interest::WRITABLE, send).await;
        }
        let _ = from;
        self.socket.send_to(bytes, to).await
    }
}
