//! Own addresses: datagrams that are looped back to their sender.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::runtime::Interfaces;

/// The addresses that a node's own datagrams come from.
#[derive(Default)]
pub(super) struct OwnAddresses {
    /// Where the node is bound.
    local: Vec<SocketAddr>,
    /// The addresses of this machine.
    machine: Vec<IpAddr>,
    /// Where what the node sends to its group comes back from.
    echoes: Vec<SocketAddr>,
    /// Datagrams from this machine are ignored.
    ignored: bool,
    /// Other sockets may be bound to the node's addresses.
    shared: bool,
}

impl OwnAddresses {
    pub(super) fn new(local: Vec<SocketAddr>, ignored: bool, shared: bool) -> Self {
        Self {
            local,
            ignored,
            shared,
            ..Self::default()
        }
    }

    /// Takes over which interfaces this machine has, and returns where what the node sends to
    /// its group comes back from, if it is not as before.
    pub(super) fn update(&mut self, interfaces: &Interfaces) -> Option<&[SocketAddr]> {
        self.machine.clone_from(&interfaces.own);
        let local = self.local.iter();
        let echoes: Vec<_> = local.flat_map(|node| echoes(*node, interfaces)).collect();
        if self.echoes == echoes {
            return None;
        }
        self.echoes = echoes;
        Some(&self.echoes)
    }

    /// Whether datagrams of this machine are ignored.
    pub(super) fn are_ignored(&self) -> bool {
        self.ignored
    }

    /// Whether what comes from there is ignored.
    pub(super) fn ignores(&self, from: SocketAddr) -> bool {
        if !self.ignored {
            return false;
        }
        let of_machine = self.machine.contains(&from.ip());
        let mut nodes = self.local.iter().filter(|_| !self.shared);
        of_machine || nodes.any(|node| is_same(*node, from))
    }

    /// Whether what comes from there is what the node has sent to its group.
    pub(super) fn is_echo(&self, from: SocketAddr) -> bool {
        self.echoes.contains(&from)
    }
}

/// The addresses that what a socket bound to `node` sends to a group comes back from, on a
/// machine with these interfaces.
fn echoes(node: SocketAddr, interfaces: &Interfaces) -> Vec<SocketAddr> {
    if !node.ip().is_unspecified() {
        return vec![node];
    }
    let port = node.port();
    let loopback = match node {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let own = || interfaces.own.iter().copied();
    let all = own().chain([loopback]);
    let all = all.map(|ip| SocketAddr::new(ip, port));
    // Those of a link have a scope, the interface they are at.
    let of_links = own().filter_map(|ip| match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(ip),
        _ => None,
    });
    let scoped = of_links.flat_map(|ip| {
        let places = interfaces.places.iter();
        let places = places.filter(|(_, address)| address.is_none());
        places.map(move |(index, _)| SocketAddrV6::new(ip, port, 0, *index).into())
    });
    all.chain(scoped).collect()
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

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn machine(own: &[&str]) -> Interfaces {
        Interfaces::new(own.iter().map(|ip| ip.parse().unwrap()).collect())
    }

    #[test]
    fn what_comes_back_comes_from_the_address_or_from_any_of_the_machine() {
        let mut found = machine(&["192.0.2.1", "192.0.2.2"]);
        let bound = address("192.0.2.1:8888");
        assert_eq!(echoes(bound, &found), [bound]);
        let all = ["192.0.2.1:8888", "192.0.2.2:8888", "127.0.0.1:8888"];
        assert_eq!(echoes(address("0.0.0.0:8888"), &found), all.map(address));
        let none = machine(&[]);
        assert_eq!(echoes(address("[::]:1"), &none), [address("[::1]:1")]);
        found.own = vec!["fe80::7".parse().unwrap()];
        found.places = vec![(3, None), (4, Some(Ipv4Addr::LOCALHOST))];
        let all = ["[fe80::7]:1", "[::1]:1", "[fe80::7%3]:1"];
        assert_eq!(echoes(address("[::]:1"), &found), all.map(address));
    }

    #[test]
    fn own_addresses_change_with_the_machine() {
        let node = address("0.0.0.0:8888");
        let mut own = OwnAddresses::new(vec![node], true, false);
        let one = machine(&["192.0.2.1"]);
        let first = ["192.0.2.1:8888", "127.0.0.1:8888"].map(address);
        assert_eq!(own.update(&one), Some(&first[..]));
        assert_eq!(own.update(&one), None);
        assert!(own.ignores(first[0]) && own.is_echo(first[0]));
        assert!(own.update(&machine(&["192.0.2.2"])).is_some());
        assert!(!own.ignores(first[0]) && !own.is_echo(first[0]));
        assert!(own.ignores(address("192.0.2.2:1")) && own.is_echo(address("192.0.2.2:8888")));
    }

    #[test]
    fn own_addresses_are_those_of_the_node_and_of_its_machine() {
        let ignores = |node: &str, from: &str, ignored, shared| {
            let mut own = OwnAddresses::new(vec![address(node)], ignored, shared);
            own.update(&machine(&["192.0.2.1"]));
            own.ignores(address(from))
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
            assert_eq!(ignores(node, from, true, false), expected, "{node}, {from}");
        }
        let (node, machine) = ("127.0.0.1:8888", "192.0.2.1:1");
        assert!(!ignores(node, node, true, true) && ignores(node, machine, true, true));
        assert!(!ignores(node, node, false, false) && !ignores(node, machine, false, false));
    }
}
