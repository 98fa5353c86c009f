//! One UDP socket of several: for an address, and for groups.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::BytesMut;

use super::{bind_datagrams, own_addresses};
use crate::runtime::{DatagramOptions, DatagramSocket};
use crate::sync::{Mutex, lock};

/// More than a datagram can hold, so that none is truncated.
const ROOM: usize = 64 * 1024;

/// One UDP socket, as a runtime has it.
pub trait PollDatagrams: Sized + Send + Sync + 'static {
    /// Takes over a socket that never blocks.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    fn new(socket: UdpSocket) -> io::Result<Self>;

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// The system does not say.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// Receives a datagram. If there is none, the task that polled last is woken when
    /// there may be one.
    ///
    /// # Errors
    /// Nothing could be received this time.
    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>>;

    /// Receives a datagram that is there already.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others
    /// where it could not be received this time.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends a datagram, and waits where there is no room for it. Cancel-safe.
    ///
    /// # Errors
    /// It could not be sent.
    fn send(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<usize>> + Send;
}

/// A socket to send from, and those that receive from groups besides it.
pub struct Datagrams<S> {
    socket: S,
    groups: Vec<S>,
    /// The socket that is polled first rotates, so that none starves another.
    turn: AtomicUsize,
    /// The buffer that datagrams are received into, and copied from: what they are
    /// copied to needs no more room than they take, and may be kept for long. Locked
    /// for no longer than a system call.
    room: Mutex<Box<[u8]>>,
}

impl<S: PollDatagrams> Datagrams<S> {
    /// Opens what [`Runtime::bind_datagrams`](crate::Runtime::bind_datagrams) is
    /// to.
    ///
    /// # Errors
    /// The address cannot be bound, or a group not be joined.
    pub fn bind(options: &DatagramOptions) -> io::Result<Self> {
        let bound = bind_datagrams(options)?;
        let groups: io::Result<_> = bound.groups.into_iter().map(S::new).collect();
        Ok(Self {
            socket: S::new(bound.socket)?,
            groups: groups?,
            turn: AtomicUsize::new(0),
            room: Mutex::new(vec![0; ROOM].into()),
        })
    }

    /// Appends a datagram of one of the sockets.
    fn receive_by(
        &self,
        buffer: &mut BytesMut,
        mut receive: impl FnMut(&S, &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>>,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut room = lock(&self.room);
        let turn = match self.groups.len() {
            0 => 0,
            groups => self.turn.fetch_add(1, Ordering::Relaxed) % groups.saturating_add(1),
        };
        let sockets = || std::iter::once(&self.socket).chain(&self.groups);
        for socket in sockets().skip(turn).chain(sockets().take(turn)) {
            let received = loop {
                match receive(socket, &mut room) {
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    received => break received,
                }
            };
            let Poll::Ready(received) = received else {
                continue;
            };
            let (len, from) = received?;
            buffer.extend_from_slice(room.get(..len).unwrap_or_default());
            return Poll::Ready(Ok((len, from)));
        }
        Poll::Pending
    }
}

impl<S: fmt::Debug> fmt::Debug for Datagrams<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sockets = formatter.debug_struct("Datagrams");
        sockets.field("socket", &self.socket);
        sockets
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl<S: PollDatagrams> DatagramSocket for Datagrams<S> {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    async fn receive(&self, buffer: &mut BytesMut) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|context| {
            self.receive_by(buffer, |socket, room| socket.poll_receive(context, room))
        })
        .await
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<(usize, SocketAddr)>> {
        let received = self.receive_by(buffer, |socket, room| match socket.try_receive(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            received => Poll::Ready(received),
        });
        match received {
            Poll::Ready(received) => received.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        loop {
            match self.socket.send(bytes, to).await {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        own_addresses()
    }
}
