//! tokio's UDP sockets as netaio's.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::{Context, Poll, ready};

use netaio_driver::Received;
use netaio_driver::sockets::{Datagrams, PollDatagrams, ReceiveBuffer};
#[cfg(unix)]
use tokio::io::Interest;

/// A UDP socket.
pub type UdpDatagrams = Datagrams<Udp>;

/// One of the system's sockets.
#[derive(Debug)]
pub struct Udp(tokio::net::UdpSocket);

impl PollDatagrams for Udp {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        tokio::net::UdpSocket::from_std(socket).map(Self)
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReceiveBuffer,
    ) -> Poll<io::Result<Received>> {
        loop {
            ready!(self.0.poll_recv_ready(context))?;
            match self.try_receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    #[cfg(unix)]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        let receive = || buffer.receive(&self.0);
        self.0.try_io(Interest::READABLE, receive)
    }

    #[cfg(not(unix))]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<Received> {
        let (len, from) = self.0.try_recv_from(buffer.bytes())?;
        Ok(Received::new(len, from))
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<usize> {
        #[cfg(unix)]
        if let Some(from) = from {
            let send = || netaio_driver::sockets::send_from(&self.0, bytes, to, from);
            return self.0.async_io(Interest::WRITABLE, send).await;
        }
        let _ = from;
        self.0.send_to(bytes, to).await
    }
}
