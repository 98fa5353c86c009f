//! Addresses for datagrams.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use netaio_driver::{BuildError, Runtime};

/// The address that datagrams are sent to or received at: the first IPv4 address of a
/// name, since netaio itself supports no other, else the first address.
///
/// # Errors
/// The name does not resolve, or not in time.
pub(crate) async fn resolve_within<R: Runtime>(
    address: &str,
    timeout: Duration,
) -> io::Result<SocketAddr> {
    let until = Instant::now().checked_add(timeout);
    let mut found = pin!(resolve::<R>(address));
    let mut late = pin!(async {
        match until {
            Some(until) => R::sleep_until(until).await,
            None => std::future::pending().await,
        }
    });
    std::future::poll_fn(|context| match found.as_mut().poll(context) {
        Poll::Pending => late.as_mut().poll(context).map(|()| {
            let problem = format!("the name was not resolved within {timeout:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, problem))
        }),
        found => found,
    })
    .await
}

async fn resolve<R: Runtime>(address: &str) -> io::Result<SocketAddr> {
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
