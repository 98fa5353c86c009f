//! Addresses as the system has them.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::sys::socket::SockaddrStorage;

/// The address of either family; `None` of any other.
pub(super) fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in();
    let v4 = v4.map(|address| SocketAddrV4::from(*address).into());
    let v6 = || storage.as_sockaddr_in6();
    v4.or_else(|| v6().map(|address| SocketAddrV6::from(*address).into()))
}
