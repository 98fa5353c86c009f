//! Which of its addresses a node is known by to whom.

use core::net::{IpAddr, SocketAddr};

use super::remembered::Remembered;
use crate::hashes::Hashes;

/// The address of this node that each remote sent to last. What goes there leaves from it: on
/// a socket with several addresses the system would choose another one, and whoever asked
/// would take the answer for somebody else's.
#[derive(Debug)]
pub(super) struct Sources(Remembered<IpAddr>);

impl Sources {
    /// Remembers so many at most, and at least half of them.
    pub(super) fn new(max: usize, hashes: Hashes) -> Self {
        Self(Remembered::new(max, hashes))
    }

    /// Notes where a datagram came to.
    pub(super) fn heard(&mut self, remote: SocketAddr, local: Option<IpAddr>) {
        if let Some(local) = local {
            self.0.set(remote, local);
        }
    }

    /// Where what goes to a remote leaves from.
    pub(super) fn get(&self, remote: SocketAddr) -> Option<IpAddr> {
        self.0.get(remote)
    }
}
