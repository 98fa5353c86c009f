//! The groups that UDP sockets join.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};

use socket2::SockRef;

use super::open::{open, share_port};
use crate::runtime::{DatagramOptions, Interface};

/// Joins the groups, and returns the sockets that receive from them where this one, which is
/// bound to `options.address`, does not do that too.
pub(super) fn join(
    socket: &SockRef<'_>,
    place: &Place,
    options: &DatagramOptions,
) -> io::Result<Vec<UdpSocket>> {
    if joins_itself(options) {
        for group in &options.groups {
            place.join(socket, *group)?;
        }
        return Ok(Vec::new());
    }
    let port = options.address.port();
    let open_group = |group: &IpAddr| {
        let socket = open(options)?;
        // Every socket of a group receives all of its datagrams.
        socket.set_reuse_address(true)?;
        share_port(&socket)?;
        socket.bind(&place.address(*group, port).into())?;
        place.join(&SockRef::from(&socket), *group)?;
        Ok(socket.into())
    };
    options.groups.iter().map(open_group).collect()
}

/// Joins the groups anew, and sends to them by the interface that is the right one now. They may
/// have been joined at any of the interfaces that have these numbers.
pub(super) fn rejoin(
    socket: &SockRef<'_>,
    options: &DatagramOptions,
    interfaces: &[u32],
) -> io::Result<Vec<UdpSocket>> {
    let place = Place::of(options)?;
    place.set_outgoing(socket, options.multicast_ttl)?;
    if joins_itself(options) {
        for group in &options.groups {
            place.leave(socket, *group, interfaces);
        }
    }
    join(socket, &place, options)
}

/// A socket that is bound to an address receives from no group, except on Windows.
fn joins_itself(options: &DatagramOptions) -> bool {
    options.address.ip().is_unspecified() || cfg!(windows)
}

/// The interface where groups are joined, as each family names it.
pub(super) enum Place {
    V4(Ipv4Addr),
    V6(u32),
}

impl Place {
    /// The wildcard address and index 0 leave the choice to the system.
    pub(super) fn of(options: &DatagramOptions) -> io::Result<Self> {
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
    pub(super) fn set_outgoing(&self, socket: &SockRef<'_>, ttl: u8) -> io::Result<()> {
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
            io::Error::new(kind(&error), message)
        })
    }

    /// Leaves a group wherever it may have been joined: the interface may be gone, and a
    /// membership there would be in the way of one at its successor.
    fn leave(&self, socket: &SockRef<'_>, group: IpAddr, interfaces: &[u32]) {
        match (self, group) {
            (Self::V4(address), IpAddr::V4(group)) => {
                let _ = socket.leave_multicast_v4(&group, address);
                for index in interfaces {
                    leave_at(socket, group, *index);
                }
            }
            // Whatever the interface was.
            (_, IpAddr::V6(group)) => drop(socket.leave_multicast_v6(&group, 0)),
            _ => {}
        }
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

/// Leaves a group where it was joined at the interface with this number. Some systems name
/// interfaces by addresses only.
fn leave_at(socket: &SockRef<'_>, group: Ipv4Addr, index: u32) {
    let _ = (socket, group, index);
    #[cfg(not(any(
        target_os = "aix",
        target_os = "haiku",
        target_os = "illumos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "redox",
        target_os = "solaris",
        target_os = "nto",
        target_os = "espidf",
        target_os = "vita",
        target_os = "cygwin",
        target_os = "wasi",
        target_os = "horizon"
    )))]
    {
        let interface = socket2::InterfaceIndexOrAddress::Index(index);
        let _ = socket.leave_multicast_v4_n(&group, &interface);
    }
}

/// The kind of an error of joining.
fn kind(error: &io::Error) -> io::ErrorKind {
    /// The standard library has no kind for it; it is the same on all systems that have it.
    const ENODEV: i32 = 19;

    match error.raw_os_error() {
        Some(ENODEV) if cfg!(unix) => io::ErrorKind::NetworkUnreachable,
        _ => error.kind(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 13, 39);

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
