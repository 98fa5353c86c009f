//! Addresses as the system has them.

use std::net::IpAddr;
#[cfg(unix)]
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

#[cfg(unix)]
use nix::sys::socket::SockaddrStorage;

/// An address in the form that a socket of a family takes.
pub(super) fn in_family(address: IpAddr, is_ipv4: bool) -> IpAddr {
    match address {
        IpAddr::V4(v4) if !is_ipv4 => v4.to_ipv6_mapped().into(),
        address => address,
    }
}

/// The address of either family; `None` of any other.
#[cfg(unix)]
pub(super) fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in();
    let v4 = v4.map(|address| SocketAddrV4::from(*address).into());
    let v6 = || storage.as_sockaddr_in6();
    v4.or_else(|| v6().map(|address| SocketAddrV6::from(*address).into()))
}
