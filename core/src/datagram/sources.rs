//! Which of its addresses a node is known by to whom.

use core::net::{IpAddr, SocketAddr};

use crate::hashes::{HashMap, Hashes};

/// The address of this node that each remote sent to last. What goes there leaves from it: on
/// a socket with several addresses the system would choose another one, and whoever asked
/// would take the answer for somebody else's.
///
/// It is kept in two halves. Who is heard goes into the newer one; where that is full it
/// becomes the older one, whose entries are forgotten unless their remotes are heard again.
#[derive(Debug)]
pub(super) struct Sources {
    newer: HashMap<SocketAddr, IpAddr>,
    older: HashMap<SocketAddr, IpAddr>,
    /// Entries of one half.
    max: usize,
}

impl Sources {
    /// Remembers so many at most, and at least half of them.
    pub(super) fn new(max: usize, hashes: Hashes) -> Self {
        Self {
            newer: HashMap::with_hasher(hashes),
            older: HashMap::with_hasher(hashes),
            max: max.div_ceil(2),
        }
    }

    /// Notes where a datagram came to.
    pub(super) fn heard(&mut self, remote: SocketAddr, local: Option<IpAddr>) {
        let Some(local) = local else {
            return;
        };
        if let Some(known) = self.newer.get_mut(&remote) {
            *known = local;
            return;
        }
        if self.newer.len() >= self.max {
            let empty = HashMap::with_hasher(*self.newer.hasher());
            self.older = core::mem::replace(&mut self.newer, empty);
        }
        self.newer.insert(remote, local);
    }

    /// Where what goes to a remote leaves from.
    pub(super) fn get(&self, remote: SocketAddr) -> Option<IpAddr> {
        let newer = self.newer.get(&remote);
        newer.or_else(|| self.older.get(&remote)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    fn local(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn the_last_address_counts() {
        let mut sources = Sources::new(4, Hashes::default());
        assert_eq!(sources.get(remote(1)), None);
        sources.heard(remote(1), local(1));
        sources.heard(remote(1), local(2));
        sources.heard(remote(1), None);
        assert_eq!(sources.get(remote(1)), local(2));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut sources = Sources::new(4, Hashes::default());
        for port in 1..=4 {
            sources.heard(remote(port), local(1));
        }
        assert!((1..=4).all(|port| sources.get(remote(port)) == local(1)));
        sources.heard(remote(1), local(3));
        let known = |sources: &Sources, port| sources.get(remote(port)).is_some();
        assert!(known(&sources, 1) && !known(&sources, 2) && known(&sources, 3));
        assert_eq!(sources.get(remote(1)), local(3));
        for port in 5..=1000 {
            sources.heard(remote(port), local(1));
            assert!(sources.newer.len() + sources.older.len() <= 4);
        }
    }
}
