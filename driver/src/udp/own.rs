//! What a node sent itself, and hears again.

use std::net::{IpAddr, SocketAddr};

/// Where datagrams come from that are to be ignored.
#[derive(Default)]
pub(super) struct OwnAddresses {
    /// Whoever sends from these is this machine.
    pub(super) machine: Vec<IpAddr>,
    /// Where the node is bound to, if no other socket may be.
    pub(super) node: Option<SocketAddr>,
}

impl OwnAddresses {
    pub(super) fn contains(&self, from: SocketAddr) -> bool {
        self.machine.contains(&from.ip()) || self.node.is_some_and(|node| is_same(node, from))
    }
}

/// Whether what a socket with this address sends comes from that one. From the
/// wildcard address it comes from one that the system chooses: on the loopback
/// interface, from a loopback address.
fn is_same(node: SocketAddr, from: SocketAddr) -> bool {
    let chosen = node.ip().is_unspecified() && from.ip().is_loopback();
    node.port() == from.port() && (node.ip() == from.ip() || chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_itself_and_its_machine_and_nobody_else() {
        let address = |text: &str| text.parse().unwrap();
        let is_own = |node: &str, from: &str| {
            let own = OwnAddresses {
                machine: vec![[192, 0, 2, 1].into()],
                node: Some(address(node)),
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
