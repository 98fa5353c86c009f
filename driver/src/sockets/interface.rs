//! The network interfaces of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::get_if_addrs;

use crate::runtime::Interface;

/// The addresses of this machine, those of the loopback interface aside; see
/// [`DatagramSocket::own_addresses`](crate::DatagramSocket::own_addresses).
///
/// # Errors
/// The system does not say.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<_> = get_if_addrs()?
        .iter()
        .filter(|interface| !interface.is_loopback())
        .map(if_addrs::Interface::ip)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

impl Interface {
    /// An IPv4 address of the interface, by which the options of IPv4 name it.
    pub(super) fn v4_address(&self) -> io::Result<Ipv4Addr> {
        if let Self::Address(IpAddr::V4(address)) = self {
            return Ok(*address);
        }
        self.find(|found| match found.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })?
        .ok_or_else(|| self.missing("IPv4 address"))
    }

    /// The index of the interface, by which the options of IPv6 name it.
    pub(super) fn index(&self) -> io::Result<u32> {
        if let Self::Index(index) = self {
            return Ok(*index);
        }
        self.find(|found| found.index)?
            .ok_or_else(|| self.missing("address"))
    }

    /// The first value that `good` finds in the entries of the interface.
    fn find<T>(
        &self,
        good: impl FnMut(&if_addrs::Interface) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let all = get_if_addrs()?;
        let Some(found) = all.iter().find(|found| self.is(found)) else {
            return Ok(None);
        };
        // An interface is listed once for each of its addresses.
        let mut same = all.iter().filter(|other| other.name == found.name);
        Ok(same.find_map(good))
    }

    fn is(&self, found: &if_addrs::Interface) -> bool {
        match self {
            Self::Address(address) => found.ip() == *address,
            Self::Index(index) => found.index == Some(*index),
            Self::Name(name) => found.name == *name,
        }
    }

    fn missing(&self, what: &str) -> io::Error {
        let message = format!("this machine has no network interface {self}, or it has no {what}");
        io::Error::new(io::ErrorKind::AddrNotAvailable, message)
    }
}
