//! Who gives way when a table is full.

use crate::hashes::{HashMap, Hashes, reseed};
use crate::network::{Network, Origin};

/// How much of a table the entries of each network take, and how much of that nothing
/// vouches for. A weight is whatever the table is limited by: entries, or bytes.
///
/// Without something that vouches for anybody, the age of an entry says nothing: whoever
/// forges addresses would displace all others by newcomers. So an entry gives way only
/// where its network takes far more than any other has to, which is a network that a
/// sender can be heard from, as a rule, and no set of forged addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowds {
    networks: HashMap<Network, Crowd>,
    /// The most that the unverified entries of one network take, or more.
    largest: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    entries: usize,
    /// The weight of the entries that nothing vouches for.
    unverified: usize,
}

impl Crowds {
    /// A network that takes less than this part of a table displaces nobody, and nobody
    /// is displaced in it.
    const PART: usize = 8;

    /// None yet, with this hasher for networks.
    pub(crate) fn new(hashes: Hashes) -> Self {
        Self {
            networks: HashMap::with_hasher(hashes),
            largest: 0,
        }
    }

    /// Hashes networks otherwise.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        reseed(&mut self.networks, hashes);
    }

    /// Counts an entry.
    pub(crate) fn add(&mut self, origin: Origin, weight: usize) {
        let Some(network) = origin.network else {
            return;
        };
        let crowd = self.networks.entry(network).or_default();
        crowd.entries = crowd.entries.saturating_add(1);
        self.grow(origin, weight);
    }

    /// An entry that is counted takes more.
    pub(crate) fn grow(&mut self, origin: Origin, weight: usize) {
        if let Some(network) = origin.network
            && !origin.verified
            && let Some(crowd) = self.networks.get_mut(&network)
        {
            crowd.unverified = crowd.unverified.saturating_add(weight);
            self.largest = self.largest.max(crowd.unverified);
        }
    }

    /// An entry that is counted takes less, or something vouches for what it takes.
    pub(crate) fn shrink(&mut self, origin: Origin, weight: usize) {
        if let Some(network) = origin.network
            && !origin.verified
            && let Some(crowd) = self.networks.get_mut(&network)
        {
            crowd.unverified = crowd.unverified.saturating_sub(weight);
        }
    }

    /// An entry is gone, of which so much was still counted.
    pub(crate) fn remove(&mut self, origin: Origin, weight: usize) {
        self.shrink(origin, weight);
        let Some(network) = origin.network else {
            return;
        };
        if let Some(crowd) = self.networks.get_mut(&network) {
            crowd.entries = crowd.entries.saturating_sub(1);
            if crowd.entries == 0 {
                self.networks.remove(&network);
            }
        }
        let (len, capacity) = (self.networks.len(), self.networks.capacity());
        if len == 0 {
            *self = Self::default();
        } else if capacity / 4 > len.max(4) {
            self.networks.shrink_to(len.saturating_mul(2));
        }
    }

    /// The number of entries of a network.
    pub(crate) fn entries(&self, network: Option<Network>) -> usize {
        let crowd = network.and_then(|network| self.networks.get(&network));
        crowd.map_or(0, |crowd| crowd.entries)
    }

    /// The network whose unverified entries are to make room in a full table of `max` for
    /// one of such a weight from elsewhere.
    pub(crate) fn crowded(
        &mut self,
        newcomer: Origin,
        weight: usize,
        max: usize,
    ) -> Option<Network> {
        let network = newcomer.network?;
        let own = self.networks.get(&network);
        let own = own.map_or(0, |crowd| crowd.unverified);
        let enough = (max / Self::PART).max(own.saturating_add(weight));
        // So as not to look at all of them for each newcomer of a flood.
        if self.largest <= enough {
            return None;
        }
        let all = self.networks.iter();
        let most = all.max_by_key(|(network, crowd)| (crowd.unverified, **network));
        let (most, crowd) = most?;
        self.largest = crowd.unverified;
        (crowd.unverified > enough && *most != network).then_some(*most)
    }

    /// Bytes of memory that one more network takes: a table that is full doubles.
    pub(crate) fn growth(&self) -> usize {
        match self.networks.len() < self.networks.capacity() {
            true => 0,
            false => self.networks.allocation_size(),
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.networks.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: u8) -> Origin {
        Origin {
            network: Some(Network::V4([192, 0, 2, host])),
            verified: false,
        }
    }

    #[test]
    fn only_a_network_that_takes_far_more_than_another_gives_way() {
        let mut crowds = Crowds::default();
        for _ in 0..13 {
            crowds.add(origin(1), 1);
        }
        crowds.add(origin(2), 12);
        assert_eq!(
            crowds.crowded(origin(3), 1, 100),
            Some(Network::V4([192, 0, 2, 1]))
        );
        // Not for one of its own, nor for a network that has as much.
        assert_eq!(crowds.crowded(origin(1), 1, 100), None);
        assert_eq!(crowds.crowded(origin(2), 1, 100), None);
        assert_eq!(crowds.crowded(Origin::default(), 1, 100), None);
        // An eighth is nobody's concern.
        crowds.remove(origin(1), 1);
        assert_eq!(crowds.crowded(origin(3), 1, 100), None);
        assert_eq!(crowds.entries(origin(1).network), 12);
    }

    #[test]
    fn who_is_vouched_for_counts_as_an_entry_only() {
        let mut crowds = Crowds::default();
        let verified = Origin {
            verified: true,
            ..origin(1)
        };
        for _ in 0..50 {
            crowds.add(verified, 1);
        }
        crowds.add(origin(1), 20);
        crowds.shrink(origin(1), 20);
        assert_eq!(crowds.crowded(origin(3), 1, 100), None);
        assert_eq!(crowds.entries(verified.network), 51);
        for _ in 0..51 {
            crowds.remove(verified, 1);
        }
        assert_eq!(crowds.bytes(), 0);
    }
}
