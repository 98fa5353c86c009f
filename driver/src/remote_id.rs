//! The ids of remotes.

use std::net::SocketAddr;

/// The id of a remote: the number of a connection, within its server or client, or
/// an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RemoteId {
    Connection {
        number: u64,
        remote: Option<SocketAddr>,
    },
    Datagram(SocketAddr),
}

impl RemoteId {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Connection { remote, .. } => *remote,
            Self::Datagram(address) => Some(*address),
        }
    }
}
