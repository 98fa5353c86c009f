//! Where a remote is: a connection, or an address.

use std::net::SocketAddr;

/// What tells remotes apart: the number of a connection, of one server or
/// client, or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Connection {
        number: u64,
        remote: Option<SocketAddr>,
    },
    Datagram(SocketAddr),
}

impl Place {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Connection { remote, .. } => *remote,
            Self::Datagram(address) => Some(*address),
        }
    }
}
