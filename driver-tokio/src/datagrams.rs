//! tokio's UDP sockets as netaio's.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(any(target_os = "android", target_os = "linux"))]
use bytes::BytesMut;
#[cfg(any(target_os = "android", target_os = "linux"))]
use netaio_driver::sockets::Batch;
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

#[cfg(unix)]
impl Udp {
    /// Whether the next receive may be an error although there are datagrams.
    fn tells_undelivered(&self) -> bool {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        return self.errors.is_some();
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        false
    }
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
    ) -> Poll<io::Result<()>> {
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
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        let mut received = false;
        let tried = self.socket.try_io(Interest::READABLE, || {
            let emptied = buffer.receive(&*self.socket)?;
            received = true;
            // So that tokio asks the system whether there is another.
            match emptied && !self.tells_undelivered() {
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => Ok(()),
            }
        });
        match received {
            true => Ok(()),
            false => tried,
        }
    }

    #[cfg(not(unix))]
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()> {
        buffer.receive_one(|bytes| self.socket.try_recv_from(bytes))
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<netaio_driver::Undelivered> {
        netaio_driver::sockets::undelivered(&*self.socket, buffer)
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    async fn send_batch(&self, batch: Batch<'_>) -> io::Result<Option<usize>> {
        let send = || batch.send(&*self.socket);
        self.socket
            .async_io(Interest::WRITABLE, send)
            .await
            .map(Some)
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
