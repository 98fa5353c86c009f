//! The network interfaces of this machine.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::get_if_addrs;

use crate::runtime::{Interface, Interfaces};

/// The interfaces of this machine; see
/// [`DatagramSocket::interfaces`](crate::DatagramSocket::interfaces).
///
/// # Errors
/// The system does not say.
pub fn interfaces() -> io::Result<Interfaces> {
    let all = get_if_addrs()?;
    let places = all.iter().map(|interface| {
        let index = interface.index.unwrap_or_default();
        match interface.ip() {
            IpAddr::V4(address) => (index, Some(address)),
            IpAddr::V6(_) => (index, None),
        }
    });
    let places: BTreeSet<_> = places.collect();
    Ok(Interfaces {
        own: own(&all),
        places: places.into_iter().collect(),
    })
}

/// The addresses of this machine, those of the loopback interface aside; see
/// [`DatagramSocket::own_addresses`](crate::DatagramSocket::own_addresses).
///
/// # Errors
/// The system does not say.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    Ok(own(&get_if_addrs()?))
}

fn own(all: &[if_addrs::Interface]) -> Vec<IpAddr> {
    let own = all.iter().filter(|interface| !interface.is_loopback());
    let own: BTreeSet<_> = own.map(if_addrs::Interface::ip).collect();
    own.into_iter().collect()
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
