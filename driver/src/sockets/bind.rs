//! UDP sockets.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::iter::once;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use socket2::{SockRef, Socket};

use super::groups::{self, Place};
use super::open::{open, share_port};
use super::packet_info;
use crate::binding::bind_all;
use crate::runtime::DatagramOptions;

/// The length of the longest datagram, in bytes.
const LARGEST: usize = 65_535;

/// Sockets of one address that never block.
#[derive(Debug)]
pub struct BoundDatagrams {
    /// The one to send from.
    pub socket: UdpSocket,
    /// Its address.
    pub address: SocketAddr,
    /// Those that receive from groups, where [`socket`](Self::socket) does not
    /// do that too.
    pub groups: Vec<UdpSocket>,
    /// What was asked for, with the address that it is bound to as the only one.
    pub(super) options: DatagramOptions,
}

/// Opens what [`Runtime::bind_datagrams`](crate::Runtime::bind_datagrams) is to: sockets for
/// each of the addresses.
///
/// # Errors
/// An address cannot be bound, or a group not be joined. Where no interface leads to a group, its
/// kind is [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable).
pub fn bind_datagrams(options: &DatagramOptions) -> io::Result<Vec<BoundDatagrams>> {
    let addresses = once(&options.address).chain(&options.others);
    let addresses: Vec<_> = addresses.copied().collect();
    for address in &addresses {
        if address.ip().is_multicast() {
            let problem = "is a group: bind to an address of this machine, and join the group";
            return Err(invalid(address, problem));
        }
    }
    for group in &options.groups {
        if !group.is_multicast() {
            return Err(invalid(group, "is no multicast group"));
        }
        let mut families = addresses.iter().map(SocketAddr::is_ipv4);
        if !families.any(|is_ipv4| group.is_ipv4() == is_ipv4) {
            let problem = "is not of the family of the socket's address";
            return Err(invalid(group, problem));
        }
    }
    let bind = |address: SocketAddr| {
        let mut options = options.clone();
        options.address = address;
        let is_ipv4 = address.is_ipv4();
        options.groups.retain(|group| group.is_ipv4() == is_ipv4);
        ready(bind_one(&options))
    };
    let bound = pin!(bind_all(&addresses, bind, |bound| Ok(bound.address)));
    // Nothing here waits for anything.
    let bound = match bound.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bound) => bound?,
        Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
    };
    Ok(bound.into_iter().map(|(_, bound)| bound).collect())
}

/// Opens the sockets of the first address.
fn bind_one(options: &DatagramOptions) -> io::Result<BoundDatagrams> {
    let address = options.address;
    let place = Place::of(options)?;
    let socket = open(options)?;
    if address.is_ipv4() {
        socket.set_broadcast(true)?;
    }
    if options.shared_port {
        share_port(&socket)?;
    }
    place.set_outgoing(&SockRef::from(&socket), options.multicast_ttl)?;
    prepare(&socket, address)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if options.undelivered {
        super::error_queue::tell_undelivered(&socket, address.is_ipv4())?;
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let bound_to = socket.local_addr()?;

    let options = DatagramOptions {
        address: bound_to,
        others: Vec::new(),
        ..options.clone()
    };
    let memberships = match options.join_later {
        true => Vec::new(),
        false => groups::join(&SockRef::from(&socket), &place, &options)?,
    };
    Ok(BoundDatagrams {
        socket,
        address: bound_to,
        groups: memberships,
        options,
    })
}

/// Takes a socket that is bound already, and in no group: for
/// [`Runtime::adopt_datagrams`](crate::Runtime::adopt_datagrams).
///
/// # Errors
/// The system refuses.
pub fn adopt_datagrams(socket: UdpSocket) -> io::Result<BoundDatagrams> {
    let address = socket.local_addr()?;
    socket.set_nonblocking(true)?;
    let socket = Socket::from(socket);
    prepare(&socket, address)?;
    Ok(BoundDatagrams {
        socket: socket.into(),
        address,
        groups: Vec::new(),
        options: DatagramOptions::new(address),
    })
}

/// Sets what is the same for all sockets: they are to be bound to this address, or are.
fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // On macOS a socket sends no datagram longer than its send buffer, which is 9 KiB
    // by default.
    if socket.send_buffer_size()? < LARGEST {
        socket.set_send_buffer_size(LARGEST)?;
    }
    // On a socket with one address there is nothing to tell.
    if address.ip().is_unspecified() {
        packet_info::tell_local_addresses(socket, address.is_ipv4())?;
    }
    Ok(())
}

fn invalid(address: &impl fmt::Display, problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{address} {problem}"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 13, 39);

    #[test]
    fn options_reach_the_socket() {
        let mut options = DatagramOptions::new(([127, 0, 0, 1], 0).into());
        options.multicast_ttl = 3;
        options.interface = Some(Ipv4Addr::LOCALHOST.into());
        options.receive_buffer = Some(10_000);
        let bound = bind_datagrams(&options).unwrap().remove(0);
        assert!(bound.groups.is_empty());
        let socket = SockRef::from(&bound.socket);
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
        assert_eq!(socket.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
        assert!(socket.multicast_loop_v4().unwrap());
        assert!(socket.broadcast().unwrap());
        assert!(socket.send_buffer_size().unwrap() >= LARGEST);
        // Linux doubles it for its bookkeeping.
        let size = socket.recv_buffer_size().unwrap();
        assert!((10_000..=20_000).contains(&size), "{size}");
    }

    #[test]
    fn an_address_and_every_group_have_sockets_of_their_own() {
        let mut options = DatagramOptions::new(([127, 0, 0, 1], 0).into());
        options.groups = vec![GROUP.into()];
        options.receive_buffer = Some(10_000);
        let bound = bind_datagrams(&options).unwrap().remove(0);
        if cfg!(windows) {
            assert!(bound.groups.is_empty());
            return;
        }
        let port = bound.socket.local_addr().unwrap().port();
        let [group] = &bound.groups[..] else {
            panic!("one socket for one group: {bound:?}");
        };
        assert_eq!(group.local_addr().unwrap(), (GROUP, port).into());
        let socket = SockRef::from(group);
        assert!(socket.recv_buffer_size().unwrap() <= 20_000);
        #[cfg(target_os = "linux")]
        assert!(!socket.multicast_all_v4().unwrap());
    }
}
