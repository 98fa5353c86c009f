//! UDP sockets of async-io.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Poll, ready};

use async_io::Async;

use crate::sockets::{Datagrams, PollDatagrams};

/// A UDP socket.
pub type UdpDatagrams = Datagrams<Async<UdpSocket>>;

impl PollDatagrams for Async<UdpSocket> {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        Self::new_nonblocking(socket)
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.get_ref().local_addr()
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
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

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.get_ref().recv_from(buffer)
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to).await
    }
}
