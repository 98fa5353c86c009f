//! The UDP sockets of a node: for its addresses, and for groups.

use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::BytesMut;
use netaio_core::Transmits;

use super::groups::rejoin;
use super::segments::Segments;
use super::socket_address::in_family;
use super::{
    Batch, BoundDatagrams, ReceiveBuffer, SockRef, adopt_datagrams, bind_datagrams, interfaces,
    own_addresses,
};
use crate::address::canonical;
use crate::runtime::{DatagramOptions, DatagramSocket, Interfaces, Received, Sent, Undelivered};
use crate::sync::{Mutex, lock};

/// One UDP socket, as a runtime has it.
pub trait PollDatagrams: Sized + Send + Sync + 'static {
    /// Takes over a socket that never blocks.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    fn new(socket: UdpSocket) -> io::Result<Self>;

    /// The socket, for its options.
    fn socket(&self) -> SockRef<'_>;

    /// Receives datagrams, at least one. If there is none, the task that polled last is woken
    /// when there may be one.
    ///
    /// # Errors
    /// Nothing could be received this time.
    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReceiveBuffer,
    ) -> Poll<io::Result<()>>;

    /// Receives datagrams that are there already, at least one.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none, as far as that is known
    /// without asking the system again; others where nothing could be received this time.
    fn try_receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<()>;

    /// Appends the beginning of a datagram that could not be delivered.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others
    /// where it could not be received this time.
    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<Undelivered> {
        let _ = buffer;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends a datagram, from an address of this machine where one is given and the system
    /// can do that, and waits where there is no room for it. Cancel-safe.
    ///
    /// # Errors
    /// It could not be sent.
    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Sends datagrams, and waits where there is no room for the first. Returns how many were
    /// sent: the first at least. `None` where one is to be sent at a time. Cancel-safe.
    ///
    /// # Errors
    /// The first could not be sent.
    fn send_batch(
        &self,
        batch: Batch<'_>,
    ) -> impl Future<Output = io::Result<Option<usize>>> + Send {
        let _ = batch;
        ready(Ok(None))
    }
}

/// Sockets to send from, one for each address, and those that receive from groups besides them.
pub struct Datagrams<S> {
    sockets: Vec<(SocketAddr, S)>,
    /// For each of them, in the same order.
    groups: Vec<Vec<S>>,
    /// What was asked for each of the addresses.
    options: Vec<DatagramOptions>,
    /// The numbers of the interfaces where groups may have been joined.
    joined_at: Vec<u32>,
    /// The socket that is polled first rotates, so that none starves another.
    turn: AtomicUsize,
    segments: Segments,
    /// What datagrams are received into, and copied from: what they are
    /// copied to needs no more room than they take, and may be kept for long. Locked
    /// for no longer than a system call.
    received: Mutex<ReceiveBuffer>,
}

impl<S: PollDatagrams> Datagrams<S> {
    /// Opens what [`Runtime::bind_datagrams`](crate::Runtime::bind_datagrams) is
    /// to.
    ///
    /// # Errors
    /// An address cannot be bound, or a group not be joined.
    pub fn bind(options: &DatagramOptions) -> io::Result<Self> {
        // Before and not after: one that goes meanwhile may have been chosen.
        let joined_at = indices(options.groups.iter())?;
        Self::of(bind_datagrams(options)?, joined_at)
    }

    /// Takes what [`Runtime::adopt_datagrams`](crate::Runtime::adopt_datagrams) is given.
    ///
    /// # Errors
    /// The system refuses, or there are none.
    pub fn adopt(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        if sockets.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let bound: io::Result<_> = sockets.into_iter().map(adopt_datagrams).collect();
        Self::of(bound?, Vec::new())
    }

    fn of(all: Vec<BoundDatagrams>, joined_at: Vec<u32>) -> io::Result<Self> {
        let (mut sockets, mut groups, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for bound in all {
            asked.push(bound.options);
            sockets.push((bound.address, S::new(bound.socket)?));
            let joined: io::Result<_> = bound.groups.into_iter().map(S::new).collect();
            groups.push(joined?);
        }
        let mut known_to = sockets.iter().map(|(_, socket)| socket.socket());
        let segments = Segments::new(known_to.all(|it| Segments::are_known_to(&it)));
        Ok(Self {
            sockets,
            groups,
            segments,
            options: asked,
            joined_at,
            turn: AtomicUsize::new(0),
            received: Mutex::default(),
        })
    }

    /// Appends a datagram that was received before, or of one of the sockets.
    fn receive_by(
        &self,
        buffer: &mut BytesMut,
        mut receive: impl FnMut(&S, &mut ReceiveBuffer) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<Received>> {
        let mut all = lock(&self.received);
        if let Some(received) = all.pop(buffer) {
            return Poll::Ready(Ok(received));
        }
        let several = self.sockets.len() > 1;
        let groups = self.groups.iter().flatten().count();
        let turn = match self.sockets.len().saturating_add(groups) {
            0 | 1 => 0,
            all => self.turn.fetch_add(1, Ordering::Relaxed) % all,
        };
        let sockets = || {
            let bound = self.sockets.iter();
            let bound = bound.map(|(address, socket)| (Some(address.ip()), socket));
            bound.chain(self.groups.iter().flatten().map(|socket| (None, socket)))
        };
        for (bound, socket) in sockets().skip(turn).chain(sockets().take(turn)) {
            let received = loop {
                match receive(socket, &mut all) {
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    received => break received,
                }
            };
            let Poll::Ready(received) = received else {
                continue;
            };
            received?;
            let bound = bound.filter(|ip| several && !ip.is_unspecified());
            for received in all.each() {
                received.from = canonical(received.from);
                received.local = received.local.or(bound);
            }
            let none = || io::ErrorKind::InvalidData.into();
            return Poll::Ready(all.pop(buffer).ok_or_else(none));
        }
        Poll::Pending
    }

    /// The datagrams from an index on that can be sent with one system call, and their socket.
    fn batch<'a>(&'a self, datagrams: &'a Transmits, first: usize) -> Option<(&'a S, Batch<'a>)> {
        let (to, _) = datagrams.get(first)?;
        let (bound, socket) = self.sender(to, datagrams.source(first))?;
        let from = source(bound, datagrams.source(first));
        let is_next = |to, wanted| {
            let sender = self.sender(to, wanted);
            sender.is_some_and(|(other, _)| other == bound) && source(bound, wanted) == from
        };
        let (is_ipv4, segments) = (bound.is_ipv4(), &self.segments);
        let batch = Batch::new(datagrams, first, is_ipv4, from, segments, is_next);
        Some((socket, batch))
    }

    /// The socket that sends to an address: the one with the address that the datagram is to
    /// leave from, else one of its family, else one that may be for both.
    fn sender(&self, to: SocketAddr, from: Option<IpAddr>) -> Option<&(SocketAddr, S)> {
        let all = || self.sockets.iter();
        let exact = all().find(|(bound, _)| from == Some(bound.ip()));
        let of_family = || all().find(|(bound, _)| bound.is_ipv4() == to.is_ipv4());
        exact.or_else(of_family).or_else(|| all().next())
    }
}

/// The address that a datagram leaves from, for a socket that is bound to more than one.
fn source(bound: &SocketAddr, from: Option<IpAddr>) -> Option<IpAddr> {
    // What is bound to one address sends from nowhere else.
    let from = from.filter(|_| bound.ip().is_unspecified());
    from.map(|from| in_family(from, bound.is_ipv4()))
}

/// The interfaces where groups may be joined; none where there are no groups.
fn indices<'a>(mut groups: impl Iterator<Item = &'a IpAddr>) -> io::Result<Vec<u32>> {
    if groups.next().is_none() {
        return Ok(Vec::new());
    }
    let places = interfaces()?.places;
    let mut indices: Vec<_> = places.iter().map(|(index, _)| *index).collect();
    indices.dedup();
    Ok(indices)
}

impl<S: fmt::Debug> fmt::Debug for Datagrams<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sockets = formatter.debug_struct("Datagrams");
        sockets.field("sockets", &self.sockets);
        sockets
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl<S: PollDatagrams> DatagramSocket for Datagrams<S> {
    fn local_address(&self) -> io::Result<SocketAddr> {
        let first = self.sockets.first().map(|(address, _)| *address);
        first.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.sockets.iter().map(|(address, _)| *address).collect())
    }

    async fn receive(&self, buffer: &mut BytesMut) -> io::Result<Received> {
        poll_fn(|context| {
            self.receive_by(buffer, |socket, room| socket.poll_receive(context, room))
        })
        .await
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>> {
        let received = self.receive_by(buffer, |socket, room| match socket.try_receive(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            received => Poll::Ready(received),
        });
        match received {
            Poll::Ready(received) => received.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<Option<Undelivered>> {
        for (_, socket) in &self.sockets {
            let mut undelivered = match socket.try_undelivered(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                told => told?,
            };
            undelivered.to = canonical(undelivered.to);
            return Ok(Some(undelivered));
        }
        Ok(None)
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<usize> {
        let Some((bound, socket)) = self.sender(to, from) else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let mut to = to;
        if to.is_ipv4() != bound.is_ipv4() {
            to.set_ip(in_family(to.ip(), bound.is_ipv4()));
        }
        let mut from = source(bound, from);
        loop {
            match socket.send(bytes, to, from).await {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is about an earlier datagram.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Err(error);
                }
                // This machine does not have the address any more.
                Err(_) if from.is_some() => from = None,
                sent => return sent,
            }
        }
    }

    async fn send_many(&self, datagrams: &Transmits, first: usize) -> io::Result<Sent> {
        if let Some((socket, batch)) = self.batch(datagrams, first)
            && batch.count() > 1
        {
            loop {
                match socket.send_batch(batch).await {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(Some(count)) => {
                        let stopped = count < batch.count();
                        return Ok(Sent { count, stopped });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        let of_earlier = error.kind() == io::ErrorKind::ConnectionRefused;
                        if of_earlier || batch.from().is_none() {
                            return Err(error);
                        }
                        // The first alone may leave from elsewhere.
                        break;
                    }
                }
            }
        }
        self.send_one(datagrams, first).await
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        own_addresses()
    }

    fn interfaces(&self) -> io::Result<Interfaces> {
        let mut all = interfaces()?;
        // Those of a family without groups come and go as they like.
        let of_family = |v4| {
            let mut groups = self.options.iter().flat_map(|options| &options.groups);
            groups.any(|group| group.is_ipv4() == v4)
        };
        let (v4, v6) = (of_family(true), of_family(false));
        all.places.retain(|(_, address)| match address {
            Some(_) => v4,
            None => v6,
        });
        Ok(all)
    }

    fn rejoin(&mut self) -> io::Result<()> {
        let now = indices(self.options.iter().flat_map(|options| &options.groups))?;
        let mut at = mem::replace(&mut self.joined_at, now.clone());
        at.extend(now);
        let mut all = Ok(());
        let bound = self.sockets.iter().zip(&self.options).zip(&mut self.groups);
        for (((_, socket), options), groups) in bound {
            // Before others join: what is closed later may end the membership that the system
            // takes for its own, as it has the number of the same interface.
            groups.clear();
            let joined = rejoin(&socket.socket(), options, &at);
            match joined.and_then(|joined| joined.into_iter().map(S::new).collect()) {
                Ok(joined) => *groups = joined,
                Err(error) => all = Err(error),
            }
        }
        all
    }
}
