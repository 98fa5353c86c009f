//! One form for every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The form in which an address is known here: one of IPv4 that is mapped into IPv6, as a
/// socket for both families reports it, is the IPv4 address. A scope is that of a link-local
/// address, or of a group: the system reports none for others, whatever was asked for.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(_), IpAddr::V4(ip)) => (ip, address.port()).into(),
        (SocketAddr::V6(mut v6), _) => {
            if !v6.ip().is_unicast_link_local() && !v6.ip().is_multicast() {
                v6.set_scope_id(0);
            }
            v6.into()
        }
        _ => address,
    }
}

/// The addresses to bind to: one of IPv4 that is mapped into IPv6 is bound as what it is, since
/// a socket of IPv6 alone cannot have it.
pub(crate) fn own(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.into_iter().map(canonical).collect()
}

/// Where something that is sent to an address goes: its [`canonical`] form. The wildcard
/// address stands for this machine, which answers from the loopback address.
pub(crate) fn destination(address: SocketAddr) -> SocketAddr {
    let mut address = canonical(address);
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_those_of_ipv4() {
        for (text, known_as, reached_at) in [
            ("[::ffff:192.0.2.1]:5", "192.0.2.1:5", "192.0.2.1:5"),
            ("192.0.2.1:5", "192.0.2.1:5", "192.0.2.1:5"),
            ("[fe80::1%3]:5", "[fe80::1%3]:5", "[fe80::1%3]:5"),
            ("[ff02::1%3]:5", "[ff02::1%3]:5", "[ff02::1%3]:5"),
            ("[::1%1]:5", "[::1]:5", "[::1]:5"),
            ("0.0.0.0:5", "0.0.0.0:5", "127.0.0.1:5"),
            ("[::]:5", "[::]:5", "[::1]:5"),
            ("[::ffff:0.0.0.0]:5", "0.0.0.0:5", "127.0.0.1:5"),
            ("[::1]:5", "[::1]:5", "[::1]:5"),
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(canonical(address).to_string(), known_as);
            assert_eq!(destination(address).to_string(), reached_at);
        }
    }
}
