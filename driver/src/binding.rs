//! Binding at all addresses of a name.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// How often all are bound anew where the free port of the first is taken at another one.
const TRIES: usize = 16;

/// Binds something at each address, with one port: where that is to be a free one, the first
/// gets it, and the others have the same. Returns what is bound, each with its address; at
/// least one.
///
/// An address that this machine does not have is left out where another one is bound: it may
/// be without IPv6, say, and the name has both families.
///
/// # Errors
/// None can be bound, or one is taken: what listens at some addresses of a name and not at
/// others, where somebody else does, would be two servers under one name.
pub(crate) async fn bind_all<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    mut bind: impl FnMut(SocketAddr) -> F,
    local: impl Fn(&T) -> io::Result<SocketAddr>,
) -> io::Result<Vec<(SocketAddr, T)>> {
    let mut tries = 0_usize;
    'again: loop {
        tries = tries.saturating_add(1);
        let mut bound: Vec<(SocketAddr, T)> = Vec::new();
        let mut missing = Vec::new();
        for wanted in addresses {
            let free = bound.first().filter(|_| wanted.port() == 0);
            let free = free.map(|(first, _)| first.port());
            let mut address = *wanted;
            address.set_port(free.unwrap_or(address.port()));
            if bound.iter().any(|(other, _)| *other == address) {
                continue;
            }
            match bind(address).await {
                Ok(socket) => bound.push((local(&socket)?, socket)),
                Err(error) if is_missing(&error) => missing.push((address, error)),
                Err(error) => {
                    let taken = error.kind() == io::ErrorKind::AddrInUse;
                    if taken && free.is_some() && tries < TRIES {
                        continue 'again;
                    }
                    return Err(name(addresses, address, error));
                }
            }
        }
        if bound.is_empty() {
            let last = missing.pop();
            let none = || io::ErrorKind::AddrNotAvailable.into();
            return Err(last.map_or_else(none, |(at, error)| name(addresses, at, error)));
        }
        for (address, error) in missing {
            tracing::warn!(%address, %error, "this address of the name is left out");
        }
        return Ok(bound);
    }
}

/// Says which of several addresses an error is about.
fn name(addresses: &[SocketAddr], address: SocketAddr, error: io::Error) -> io::Error {
    match addresses.len() {
        0 | 1 => error,
        _ => io::Error::new(error.kind(), format!("{address}: {error}")),
    }
}

/// Whether an address cannot be bound because this machine does not have it, or its family.
fn is_missing(error: &io::Error) -> bool {
    // The standard library has no kind for a family that the system lacks.
    const NO_FAMILY: &[i32] = match cfg!(windows) {
        true => &[10_047],
        // EAFNOSUPPORT: Linux, the BSDs and macOS, illumos.
        false => &[97, 47, 124],
    };
    let no_family = |code| NO_FAMILY.contains(&code);
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error().is_some_and(no_family)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{Future, ready};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// What binding at the addresses comes to where `bind` says what each does, and free ports
    /// are counted from 100.
    fn bound(
        addresses: &[&str],
        bind: impl Fn(SocketAddr) -> io::Result<()>,
    ) -> Result<Vec<SocketAddr>, String> {
        let addresses: Vec<_> = addresses.iter().map(|text| at(text)).collect();
        let free = RefCell::new(100..);
        let bind = |mut address: SocketAddr| {
            if address.port() == 0 {
                address.set_port(free.borrow_mut().next().unwrap());
            }
            ready(bind(address).map(|()| address))
        };
        let binding = pin!(bind_all(&addresses, bind, |address| Ok(*address)));
        match binding.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(bound) => bound
                .map(|all| all.into_iter().map(|(address, _)| address).collect())
                .map_err(|error| error.to_string()),
            Poll::Pending => panic!("nothing is waited for"),
        }
    }

    fn taken(address: SocketAddr) -> io::Result<()> {
        let message = format!("{address} is taken");
        Err(io::Error::new(io::ErrorKind::AddrInUse, message))
    }

    #[test]
    fn all_addresses_have_one_port_and_each_is_bound_once() {
        let all = bound(&["[::1]:0", "127.0.0.1:0", "[::1]:0"], |_| Ok(()));
        assert_eq!(all, Ok(vec![at("[::1]:100"), at("127.0.0.1:100")]));
        let all = bound(&["[::1]:5", "127.0.0.1:6"], |_| Ok(()));
        assert_eq!(all, Ok(vec![at("[::1]:5"), at("127.0.0.1:6")]));
    }

    #[test]
    fn a_free_port_is_free_at_all_of_them() {
        let all = bound(&["[::1]:0", "127.0.0.1:0"], |address| match address {
            SocketAddr::V4(v4) if v4.port() < 103 => taken(address),
            _ => Ok(()),
        });
        assert_eq!(all, Ok(vec![at("[::1]:103"), at("127.0.0.1:103")]));
        let never = |address: SocketAddr| match address.is_ipv4() {
            true => taken(address),
            false => Ok(()),
        };
        let error = bound(&["[::1]:0", "127.0.0.1:0"], never).unwrap_err();
        assert_eq!(error, "127.0.0.1:115: 127.0.0.1:115 is taken");
    }

    #[test]
    fn one_that_is_taken_is_an_error_and_one_that_is_not_there_is_left_out() {
        let v4 = |of_v4: fn(SocketAddr) -> io::Result<()>| {
            bound(&["127.0.0.1:5", "[::1]:5"], move |address| {
                match address.is_ipv4() {
                    true => of_v4(address),
                    false => Ok(()),
                }
            })
        };
        assert!(v4(taken).unwrap_err().starts_with("127.0.0.1:5: "));
        let missing = |_| Err(io::ErrorKind::AddrNotAvailable.into());
        assert_eq!(v4(missing), Ok(vec![at("[::1]:5")]));
        assert!(bound(&["127.0.0.1:5", "[::1]:5"], missing).is_err());
        assert!(bound(&[], |_| Ok(())).is_err());
    }
}
