//! Network interfaces.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network interface of this machine: where multicast groups are joined, and
/// where datagrams to them leave.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use netaio_driver::Interface;
///
/// assert_eq!(Interface::from("127.0.0.1"), Ipv4Addr::LOCALHOST.into());
/// assert_eq!(Interface::from("2"), Interface::Index(2));
/// assert_eq!(Interface::from("eth0"), Interface::Name("eth0".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interface {
    /// The one that has this address.
    Address(IpAddr),
    /// The one with this index, which an IPv6 address may carry as its scope.
    Index(u32),
    /// The one of this name, as `eth0`.
    Name(String),
}

impl From<IpAddr> for Interface {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<Ipv4Addr> for Interface {
    fn from(address: Ipv4Addr) -> Self {
        Self::Address(address.into())
    }
}

impl From<Ipv6Addr> for Interface {
    fn from(address: Ipv6Addr) -> Self {
        Self::Address(address.into())
    }
}

impl From<u32> for Interface {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

/// An address where the text is one, else an index, else a name.
impl From<&str> for Interface {
    fn from(text: &str) -> Self {
        match (text.parse(), text.parse()) {
            (Ok(address), _) => Self::Address(address),
            (_, Ok(index)) => Self::Index(index),
            _ => Self::Name(text.to_owned()),
        }
    }
}

impl From<String> for Interface {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Index(index) => index.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

/// The network interfaces of this machine, as far as sockets depend on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interfaces {
    /// The [own addresses](crate::DatagramSocket::own_addresses) of this machine, in order.
    pub own: Vec<IpAddr>,
    /// Where groups may be joined, in order: the number of each interface that has an address,
    /// with each of its IPv4 addresses, by which the options of IPv4 name it, and once without
    /// where it has one of IPv6.
    pub places: Vec<(u32, Option<Ipv4Addr>)>,
}

impl Interfaces {
    /// Interfaces with these own addresses, where nothing is known of groups.
    #[must_use]
    pub fn new(own: Vec<IpAddr>) -> Self {
        Self {
            own,
            places: Vec::new(),
        }
    }
}
