//! Addresses for datagrams.

use std::io;
use std::net::SocketAddr;

use netaio_driver::{BuildError, Runtime};

/// The address that datagrams are sent to or received at: the first IPv4 address of a
/// name, since netaio itself supports no other, else the first address.
pub(crate) async fn resolve<R: Runtime>(address: &str) -> io::Result<SocketAddr> {
    let found = R::resolve(address).await?;
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first())
        .copied()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// The same, for an address of this machine's own.
pub(crate) async fn own_address<R: Runtime>(address: &str) -> Result<SocketAddr, BuildError> {
    let resolved = resolve::<R>(address).await;
    resolved.map_err(|source| BuildError::Bind {
        address: address.to_owned(),
        source,
    })
}
