//! Addresses for datagrams.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use netaio_driver::Runtime;

/// The addresses that datagrams are sent to or received at: those of a name, its IPv4 addresses
/// first, since netaio itself supports no others. One that is mapped into IPv6 is of IPv4. At
/// least one.
///
/// # Errors
/// The name does not resolve.
pub(crate) async fn resolve<R: Runtime>(address: &str) -> io::Result<Vec<SocketAddr>> {
    let found = R::resolve(address).await?.into_iter();
    let unmapped = |address: SocketAddr| match address.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, address.port()).into(),
        IpAddr::V6(_) => address,
    };
    let mut found: Vec<_> = found.map(unmapped).collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    match found.is_empty() {
        false => Ok(found),
        true => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// The same, within a time.
///
/// # Errors
/// The name does not resolve, or not in time.
pub(crate) async fn resolve_within<R: Runtime>(
    address: &str,
    timeout: Duration,
) -> io::Result<Vec<SocketAddr>> {
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
