//! UDP sockets.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use netaio_core::Transmits;

use super::{Interface, Interfaces};

/// A UDP socket.
///
/// One task receives at a time, and any number send meanwhile: if two wait for a
/// datagram, only the last one that was polled has to be woken.
///
/// An error belongs to one datagram, and does not end the socket: go on after
/// it. Some systems, for one, report with a later call, of either direction,
/// that an earlier datagram reached a closed port
/// ([`ConnectionRefused`](io::ErrorKind::ConnectionRefused), on Windows
/// [`ConnectionReset`](io::ErrorKind::ConnectionReset)). A loop
/// that goes on after errors has to yield to other tasks: an error may come again at
/// once.
pub trait DatagramSocket: Send + Sync + 'static {
    /// The address that the socket is bound to. Datagrams are sent from its
    /// port.
    ///
    /// # Errors
    /// The system does not say.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// All addresses that it is bound to, the [first](Self::local_address) one first.
    ///
    /// # Errors
    /// The system does not say.
    fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![self.local_address()?])
    }

    /// Waits for a datagram and appends it to the buffer, which grows by no more
    /// than it needs. None is ever cut short. Cancel-safe.
    ///
    /// # Errors
    /// Nothing could be received this time; the buffer is as it was.
    fn receive(&self, buffer: &mut BytesMut) -> impl Future<Output = io::Result<Received>> + Send;

    /// As [`receive`](Self::receive), but returns `None` instead of waiting. It
    /// may do so although a datagram came after the last call of `receive`.
    ///
    /// # Errors
    /// Nothing could be received this time; the buffer is as it was.
    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>>;

    /// Takes what the network says of a datagram that it could not deliver, and appends to the
    /// buffer what it quotes of it. There may be some after any error of the other methods,
    /// if [that was asked for](DatagramOptions::undelivered); where the system tells of none,
    /// it is always `None`. Who says so may be anybody who has seen the datagram, or who
    /// guesses well.
    ///
    /// # Errors
    /// Nothing could be received this time; the buffer is as it was.
    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<Option<Undelivered>> {
        let _ = buffer;
        Ok(None)
    }

    /// Sends the bytes as one datagram, and waits where the system has no room
    /// for it at the moment. Returns how many were sent: all of them. Where it is to leave
    /// `from` one of the addresses that the socket is bound to, it does so as far as the
    /// system can, and while this machine has that address.
    /// Cancel-safe: dropped early, nothing is sent.
    ///
    /// # Errors
    /// The datagram is too long (past 65,507 bytes over IPv4), there is no route
    /// to the address, or the system refuses for the sake of an earlier
    /// datagram.
    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Sends the datagrams of a collection from an index on, in their order, as
    /// [`send`](Self::send) does each: as many as the system takes with one call, the first at
    /// least. Unless a runtime does otherwise, that one. Cancel-safe: dropped early, nothing is
    /// sent.
    ///
    /// # Errors
    /// As [`send`](Self::send), of the first.
    fn send_many(
        &self,
        datagrams: &Transmits,
        first: usize,
    ) -> impl Future<Output = io::Result<Sent>> + Send {
        self.send_one(datagrams, first)
    }

    /// Sends the datagram of a collection at an index, as [`send`](Self::send) does.
    ///
    /// # Errors
    /// As [`send`](Self::send), or there is none at the index.
    fn send_one(
        &self,
        datagrams: &Transmits,
        index: usize,
    ) -> impl Future<Output = io::Result<Sent>> + Send {
        async move {
            let (to, bytes) = datagrams.get(index).ok_or(io::ErrorKind::InvalidInput)?;
            self.send(bytes, to, datagrams.source(index)).await?;
            let (count, stopped) = (1, false);
            Ok(Sent { count, stopped })
        }
    }

    /// The addresses of this machine by which datagrams that it sends come back
    /// to it. Those of the loopback interface are not among them: nodes that
    /// use it have no other address. What a socket
    /// itself sent to a group there comes back from its
    /// [`local_address`](Self::local_address), or from the loopback address and
    /// its port.
    ///
    /// Nothing is sent to find them. The addresses of a machine may change while a
    /// socket is open. A sender's address does not prove who sent.
    ///
    /// # Errors
    /// The system does not say.
    fn own_addresses(&self) -> io::Result<Vec<IpAddr>>;

    /// The interfaces of this machine, as far as the socket depends on them: where they change,
    /// its groups are to be [joined anew](Self::rejoin). Unless a runtime says otherwise, there
    /// are the own addresses only.
    ///
    /// # Errors
    /// The system does not say.
    fn interfaces(&self) -> io::Result<Interfaces> {
        Ok(Interfaces::new(self.own_addresses()?))
    }

    /// Leaves the groups and joins them again, at the interface where a socket that is opened
    /// now would join them: a membership ends, and nobody says so, with its interface, even if
    /// that is made anew. Datagrams to groups leave there from now on. What was received from a
    /// group before may be lost.
    ///
    /// Does nothing unless a runtime does something.
    ///
    /// # Errors
    /// A group cannot be joined, or its interface does not exist. Memberships in other groups
    /// may have been left or lasted; all are joined when this is called again and succeeds.
    fn rejoin(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Its length in bytes, which may be 0.
    pub len: usize,
    /// Its sender. An IPv4 address has the form of one, whatever the socket is.
    pub from: SocketAddr,
    /// The address of this machine that it came to, where the socket is bound to several and
    /// the system says it: on Linux, Android, macOS and iOS. An answer leaves from there.
    pub local: Option<IpAddr>,
}

impl Received {
    /// One that came to the only address of a socket.
    #[must_use]
    pub fn new(len: usize, from: SocketAddr) -> Self {
        Self {
            len,
            from,
            local: None,
        }
    }
}

/// What was sent of [several](DatagramSocket::send_many) datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How many, from the first on.
    pub count: usize,
    /// Something kept the next one from being sent with them: there was no room for it, or an
    /// error, which may have been about an earlier datagram. It is not told with the next call:
    /// the system may have something to [say](DatagramSocket::try_undelivered) now.
    pub stopped: bool,
}

/// A datagram that the network could not deliver.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// Where it was sent to. An IPv4 address has the form of one, whatever the socket is.
    pub to: SocketAddr,
    /// How many bytes of its beginning are quoted.
    pub len: usize,
    /// Why, as the system says it.
    pub error: io::Error,
}

/// How a UDP socket is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatagramOptions {
    /// Where datagrams come to and are sent from. Port 0 is a free port.
    ///
    /// The wildcard address, `0.0.0.0` or `::`, receives what is sent to any
    /// address of this machine; `::` to those of both families, where the system can do
    /// that. Any other receives nothing else, and the groups'
    /// traffic nevertheless: most systems keep that from a socket with an
    /// address, so that a second one is opened for every group.
    pub address: SocketAddr,
    /// The other addresses of a name, to be bound besides, with the same port where that is to
    /// be a free one. One that this machine does not have is left out where another one is
    /// bound. None unless set.
    pub others: Vec<SocketAddr>,
    /// The multicast groups to join, each where there is an address of its family. None
    /// unless set.
    pub groups: Vec<IpAddr>,
    /// Joins no group as the socket is opened: [`DatagramSocket::rejoin`] does, when there is an
    /// interface. `false` unless set.
    pub join_later: bool,
    /// Where groups are joined, and where datagrams to groups leave. Unless set,
    /// the interface that has [`address`](Self::address); with the wildcard
    /// address, the one that the system chooses.
    pub interface: Option<Interface>,
    /// How far datagrams to groups go, in networks: 0 is this machine only, 1 the
    /// networks it is in, more as far as routers help. 1 unless set.
    pub multicast_ttl: u8,
    /// Whether other sockets may be bound to the same address and port, if they
    /// allow it too. `false` unless set.
    ///
    /// All of them receive what is sent to a group, which lets several nodes of
    /// one machine discover others on one port. But what is sent to the address
    /// goes to one of them, which the system chooses: nodes that also take requests
    /// should have addresses of their own, as 127.0.0.1 and 127.0.0.2, on one port.
    /// Those need no option.
    ///
    /// Where the system has `SO_REUSEPORT`, only programs of the same user share
    /// a port with this one.
    pub shared_port: bool,
    /// Whether it is told what the network [could not deliver](DatagramSocket::try_undelivered):
    /// on Linux and Android. Whoever guesses the port can then make sends and receives fail
    /// now and then, each of which is to be tried again. `false` unless set.
    pub undelivered: bool,
    /// The bytes of datagrams that the system keeps until they are received. It may
    /// use fewer without an error. Unless set, its default.
    pub receive_buffer: Option<usize>,
}

impl DatagramOptions {
    /// A socket with an address, and no group.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            others: Vec::new(),
            groups: Vec::new(),
            join_later: false,
            interface: None,
            multicast_ttl: 1,
            shared_port: false,
            undelivered: false,
            receive_buffer: None,
        }
    }
}
