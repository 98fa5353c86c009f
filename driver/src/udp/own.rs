//! Own addresses: datagrams that are looped back to their sender.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The senders of datagrams that are ignored.
#[derive(Default)]
pub(super) struct OwnAddresses {
    /// The addresses of this machine.
    pub(super) machine: Vec<IpAddr>,
    /// The addresses of the node, unless other sockets may be bound to them.
    pub(super) node: Vec<SocketAddr>,
}

impl OwnAddresses {
    pub(super) fn contains(&self, from: SocketAddr) -> bool {
        let of_machine = self.machine.contains(&from.ip());
        of_machine || self.node.iter().any(|node| is_same(*node, from))
    }
}

/// The addresses that what a socket bound to `node` sends to a group comes back from, on a
/// machine with these addresses.
pub(super) fn echoes(node: SocketAddr, machine: &[IpAddr]) -> Vec<SocketAddr> {
    if !node.ip().is_unspecified() {
        return vec![node];
    }
    let loopback = match node {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let all = machine.iter().copied().chain([loopback]);
    all.map(|ip| SocketAddr::new(ip, node.port())).collect()
}

/// Whether a datagram from `from` may be one that a socket bound to `node` sent. For the
/// wildcard address the system chooses the sender's address: on the loopback interface,
/// a loopback address.
fn is_same(node: SocketAddr, from: SocketAddr) -> bool {
    let chosen = node.ip().is_unspecified() && from.ip().is_loopback();
    node.port() == from.port() && (node.ip() == from.ip() || chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_comes_from_the_address_or_from_any_of_the_machine() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let machine = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let bound = address("192.0.2.1:8888");
        assert_eq!(echoes(bound, &machine), [bound]);
        let all = ["192.0.2.1:8888", "192.0.2.2:8888", "127.0.0.1:8888"];
        assert_eq!(echoes(address("0.0.0.0:8888"), &machine), all.map(address));
        assert_eq!(echoes(address("[::]:1"), &[]), [address("[::1]:1")]);
    }

    #[test]
    fn own_addresses_are_those_of_the_node_and_of_its_machine() {
        let address = |text: &str| text.parse().unwrap();
        let is_own = |node: &str, from: &str| {
            let own = OwnAddresses {
                machine: vec![[192, 0, 2, 1].into()],
                node: vec![address(node)],
            };
            own.contains(address(from))
        };
        for (node, from, expected) in [
            ("127.0.0.1:8888", "127.0.0.1:8888", true),
            ("127.0.0.1:8888", "127.0.0.1:8889", false),
            ("127.0.0.1:8888", "127.0.0.2:8888", false),
            ("127.0.0.1:8888", "192.0.2.1:1", true),
            ("0.0.0.0:8888", "127.0.0.1:8888", true),
            ("0.0.0.0:8888", "127.0.0.1:8889", false),
            ("0.0.0.0:8888", "192.0.2.2:8888", false),
            ("[::]:8888", "[::1]:8888", true),
        ] {
            assert_eq!(is_own(node, from), expected, "{node}, {from}");
        }
        assert!(!OwnAddresses::default().contains(address("127.0.0.1:8888")));
    }
}
