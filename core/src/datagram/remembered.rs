//! What is known of many remotes.

use core::net::SocketAddr;

use crate::hashes::{HashMap, Hashes};

/// A value for each of many remotes, so many of them at most.
///
/// They are kept in two halves. What is set goes into the newer one; where that is full it
/// becomes the older one, whose entries are forgotten unless they are set again.
#[derive(Debug)]
pub(super) struct Remembered<V> {
    newer: HashMap<SocketAddr, V>,
    older: HashMap<SocketAddr, V>,
    /// Entries of one half.
    max: usize,
}

impl<V: Copy> Remembered<V> {
    /// Remembers so many at most, and at least half of them.
    pub(super) fn new(max: usize, hashes: Hashes) -> Self {
        Self {
            newer: HashMap::with_hasher(hashes),
            older: HashMap::with_hasher(hashes),
            max: max.div_ceil(2),
        }
    }

    pub(super) fn set(&mut self, remote: SocketAddr, value: V) {
        if let Some(known) = self.newer.get_mut(&remote) {
            *known = value;
            return;
        }
        if self.newer.len() >= self.max {
            let empty = HashMap::with_hasher(*self.newer.hasher());
            self.older = core::mem::replace(&mut self.newer, empty);
        }
        self.newer.insert(remote, value);
    }

    pub(super) fn get(&self, remote: SocketAddr) -> Option<V> {
        let newer = self.newer.get(&remote);
        newer.or_else(|| self.older.get(&remote)).copied()
    }

    pub(super) fn remove(&mut self, remote: SocketAddr) {
        self.newer.remove(&remote);
        self.older.remove(&remote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    #[test]
    fn the_last_value_counts() {
        let mut values = Remembered::new(4, Hashes::default());
        assert_eq!(values.get(remote(1)), None);
        values.set(remote(1), 1);
        values.set(remote(1), 2);
        assert_eq!(values.get(remote(1)), Some(2));
        values.remove(remote(1));
        assert_eq!(values.get(remote(1)), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut values = Remembered::new(4, Hashes::default());
        for port in 1..=4 {
            values.set(remote(port), 1);
        }
        assert!((1..=4).all(|port| values.get(remote(port)) == Some(1)));
        values.set(remote(1), 3);
        let known = |values: &Remembered<u8>, port| values.get(remote(port)).is_some();
        assert!(known(&values, 1) && !known(&values, 2) && known(&values, 3));
        assert_eq!(values.get(remote(1)), Some(3));
        for port in 5..=1000 {
            values.set(remote(port), 1);
            assert!(values.newer.len() + values.older.len() <= 4);
        }
        values.remove(remote(1000));
        assert!(!known(&values, 1000) && known(&values, 999));
    }
}
