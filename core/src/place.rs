//! Where messages come from and go to.

use core::hash::{Hash, Hasher};
use core::net::SocketAddr;

use crate::network::Network;

/// Names one link of a [`Node`](crate::Node), for as long as the node lives: no two
/// links of a node share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    /// Its number: links are counted from 0 as they are made.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The link of this [number](Self::number): for event loops whose registrations carry
    /// a number. A number that no link has names none, and does nothing.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// What tells the remotes of one node apart: the link that leads to them, or an
/// address that datagrams come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The other end of a link.
    Link {
        /// The link.
        link: LinkId,
        /// The address of its other end, if the transport has addresses.
        address: Option<SocketAddr>,
    },
    /// An address that a datagram socket sends to and hears from.
    Datagram(SocketAddr),
}

impl Place {
    /// The other end of a link.
    #[inline]
    pub(crate) fn of_link(link: LinkId, address: Option<SocketAddr>) -> Self {
        Self::Link { link, address }
    }
}

/// In few writes: each message is hashed, and tells few things apart. A link has one address.
impl Hash for Place {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        match self {
            Self::Link { link, .. } => state.write_u64(link.0),
            Self::Datagram(SocketAddr::V4(address)) => {
                let ip = u64::from(address.ip().to_bits());
                state.write_u64(ip << 16 | u64::from(address.port()));
            }
            Self::Datagram(SocketAddr::V6(address)) => {
                state.write_u128(address.ip().to_bits());
                let scope = u64::from(address.scope_id());
                state.write_u64(scope << 32 | u64::from(address.flowinfo()));
                state.write_u16(address.port());
            }
        }
    }
}

impl Place {
    /// The address, if there is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Link { address, .. } => *address,
            Self::Datagram(address) => Some(*address),
        }
    }

    /// The network of the address, if there is one.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        self.address().map(|address| Network::of(address.ip()))
    }

    /// The link, unless datagrams lead there.
    #[must_use]
    pub fn link(&self) -> Option<LinkId> {
        match self {
            Self::Link { link, .. } => Some(*link),
            Self::Datagram(_) => None,
        }
    }
}
