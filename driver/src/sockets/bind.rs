//! UDP sockets and the groups they join.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::iter::once;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::packet_info;
use crate::binding::bind_all;
use crate::runtime::{DatagramOptions, Interface};

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
}

/// Opens what [`Runtime::bind_datagrams`](crate::Runtime::bind_datagrams) is to: sockets for
/// each of the addresses.
///
/// # Errors
/// An address cannot be bound, or a group not be joined.
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
    // On macOS a socket sends no datagram longer than its send buffer, which is 9 KiB
    // by default.
    if socket.send_buffer_size()? < LARGEST {
        socket.set_send_buffer_size(LARGEST)?;
    }
    place.set_outgoing(&socket, options.multicast_ttl)?;
    // On a socket with one address there is nothing to tell.
    if address.ip().is_unspecified() {
        packet_info::tell_local_addresses(&socket, address.is_ipv4())?;
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if options.undelivered {
        super::error_queue::tell_undelivered(&socket, address.is_ipv4())?;
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let bound_to = socket.local_addr()?;

    // A socket that is bound to an address receives from no group, except on Windows.
    if address.ip().is_unspecified() || cfg!(windows) {
        for group in &options.groups {
            place.join(&SockRef::from(&socket), *group)?;
        }
        return Ok(BoundDatagrams {
            socket,
            address: bound_to,
            groups: Vec::new(),
        });
    }
    let port = bound_to.port();
    let open_group = |group: &IpAddr| {
        let socket = open(options)?;
        // Every socket of a group receives all of its datagrams.
        socket.set_reuse_address(true)?;
        share_port(&socket)?;
        socket.bind(&place.address(*group, port).into())?;
        place.join(&SockRef::from(&socket), *group)?;
        Ok(socket.into())
    };
    let groups: io::Result<_> = options.groups.iter().map(open_group).collect();
    Ok(BoundDatagrams {
        socket,
        address: bound_to,
        groups: groups?,
    })
}

fn open(options: &DatagramOptions) -> io::Result<Socket> {
    let domain = Domain::for_address(options.address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if options.address.is_ipv6() {
        // Some systems cannot serve both families, or are set not to.
        let both = options.address.ip().is_unspecified() && socket.set_only_v6(false).is_ok();
        if !both {
            socket.set_only_v6(true)?;
        }
    }
    // Otherwise Linux delivers what any other program has joined.
    #[cfg(target_os = "linux")]
    match options.address {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    Ok(socket)
}

/// Allows other sockets to bind to the same address and port.
///
/// `SO_REUSEADDR` would do on Linux, but for other users' programs too.
#[cfg(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
))]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Lets others bind to the same address and port.
#[cfg(not(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
)))]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// The interface where groups are joined, as each family names it.
enum Place {
    V4(Ipv4Addr),
    V6(u32),
}

impl Place {
    /// The wildcard address and index 0 leave the choice to the system.
    fn of(options: &DatagramOptions) -> io::Result<Self> {
        let chosen = match (&options.interface, options.address) {
            (Some(interface), _) => Some(interface.clone()),
            (None, address) if options.groups.is_empty() || address.ip().is_unspecified() => None,
            (None, SocketAddr::V6(address)) if address.scope_id() != 0 => {
                Some(Interface::Index(address.scope_id()))
            }
            (None, address) => Some(Interface::Address(address.ip())),
        };
        Ok(match (options.address, chosen) {
            (SocketAddr::V4(_), None) => Self::V4(Ipv4Addr::UNSPECIFIED),
            (SocketAddr::V4(_), Some(interface)) => Self::V4(interface.v4_address()?),
            (SocketAddr::V6(_), None) => Self::V6(0),
            (SocketAddr::V6(_), Some(interface)) => Self::V6(interface.index()?),
        })
    }

    /// Sends datagrams to groups by it, and loops them back to this machine.
    fn set_outgoing(&self, socket: &Socket, ttl: u8) -> io::Result<()> {
        match self {
            Self::V4(address) => {
                socket.set_multicast_if_v4(address)?;
                socket.set_multicast_ttl_v4(ttl.into())?;
                socket.set_multicast_loop_v4(true)
            }
            Self::V6(index) => {
                socket.set_multicast_if_v6(*index)?;
                socket.set_multicast_hops_v6(ttl.into())?;
                socket.set_multicast_loop_v6(true)
            }
        }
    }

    fn join(&self, socket: &SockRef<'_>, group: IpAddr) -> io::Result<()> {
        match (self, group) {
            (Self::V4(address), IpAddr::V4(group)) => socket.join_multicast_v4(&group, address),
            (Self::V6(index), IpAddr::V6(group)) => socket.join_multicast_v6(&group, *index),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
        .map_err(|error| {
            let message = format!("cannot join the group {group} on {self}: {error}");
            io::Error::new(error.kind(), message)
        })
    }

    /// The address of a socket that receives from one group only.
    fn address(&self, group: IpAddr, port: u16) -> SocketAddr {
        match (self, group) {
            (Self::V6(index), IpAddr::V6(group)) => {
                SocketAddrV6::new(group, port, 0, *index).into()
            }
            _ => (group, port).into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(Ipv4Addr::UNSPECIFIED) | Self::V6(0) => {
                formatter.write_str("the interface that the system chooses")
            }
            Self::V4(address) => write!(formatter, "the interface with {address}"),
            Self::V6(index) => write!(formatter, "the interface with index {index}"),
        }
    }
}

fn invalid(address: &impl fmt::Display, problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{address} {problem}"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

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

    #[test]
    fn groups_are_joined_at_the_address_unless_an_interface_is_set() {
        let joined_at = |address: SocketAddr, interface: Option<Interface>| {
            let mut options = DatagramOptions::new(address);
            options.groups = vec![GROUP.into()];
            options.interface = interface;
            Place::of(&options).unwrap().to_string()
        };
        let localhost = ([127, 0, 0, 1], 0).into();
        let any = ([0, 0, 0, 0], 0).into();
        let other = Ipv4Addr::new(192, 0, 2, 7);
        let at = |place: &str| format!("the interface with {place}");
        let anywhere = "the interface that the system chooses";
        assert_eq!(joined_at(any, None), anywhere);
        assert_eq!(joined_at(localhost, None), at("127.0.0.1"));
        assert_eq!(joined_at(any, Some(other.into())), at("192.0.2.7"));
        assert_eq!(joined_at(localhost, Some(other.into())), at("192.0.2.7"));

        let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 7).into();
        let any = (Ipv6Addr::UNSPECIFIED, 0).into();
        assert_eq!(joined_at(any, None), anywhere);
        assert_eq!(joined_at(scoped, None), at("index 7"));
        assert_eq!(joined_at(scoped, Some(8.into())), at("index 8"));
    }
}
