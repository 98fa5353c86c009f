//! What is known of each of many senders.

use core::net::IpAddr;

use slab::Slab;

use crate::hashes::{HashMap, Hashes};

/// A sender is a [`Network`](crate::Network), here as numbers: they are compared for each
/// datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    /// The address, or the first half of one of IPv6.
    bits: u64,
    is_ipv4: bool,
}

impl Sender {
    #[inline]
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self {
                bits: ip.to_bits().into(),
                is_ipv4: true,
            },
            IpAddr::V6(ip) => Self {
                bits: (ip.to_bits() >> 64) as u64,
                is_ipv4: false,
            },
        }
    }
}

/// A value for each of many senders. Handling one message asks for that of its sender several
/// times, so the one that was found last is found again without a look into the table.
#[derive(Debug)]
pub(super) struct Senders<T> {
    slots: HashMap<Sender, usize>,
    values: Slab<T>,
    /// The one that was found last.
    last: Option<(Sender, usize)>,
}

impl<T> Senders<T> {
    /// None yet. `hashes`: the places of the table are to be known to nobody.
    pub(super) fn new(hashes: Hashes) -> Self {
        Self {
            slots: HashMap::with_hasher(hashes),
            values: Slab::new(),
            last: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What is known of a sender.
    #[inline]
    pub(super) fn get_mut(&mut self, sender: Sender) -> Option<&mut T> {
        let slot = match self.last {
            Some((last, slot)) if last == sender => slot,
            _ => {
                let slot = *self.slots.get(&sender)?;
                self.last = Some((sender, slot));
                slot
            }
        };
        self.values.get_mut(slot)
    }

    /// Adds a sender that is not known.
    pub(super) fn insert(&mut self, sender: Sender, value: T) {
        let slot = self.values.insert(value);
        self.slots.insert(sender, slot);
    }

    pub(super) fn remove(&mut self, sender: Sender) {
        self.last.take_if(|(last, _)| *last == sender);
        if let Some(slot) = self.slots.remove(&sender) {
            self.values.try_remove(slot);
        }
    }

    /// What is known of all of them.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::network::Network;

    fn sender(number: u8) -> Sender {
        Sender::of([192, 0, 2, number].into())
    }

    #[test]
    fn a_sender_is_a_network() {
        let ips = [
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "192.0.2.2",
            "::c000:201",
            "2001:db8::1",
            "2001:db8::2:3:4:5",
            "2001:db8:0:1::1",
        ];
        let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        for (one, other) in ips
            .iter()
            .flat_map(|one| ips.iter().map(move |it| (*one, *it)))
        {
            let same = Network::of(one) == Network::of(other);
            assert_eq!(Sender::of(one) == Sender::of(other), same, "{one} {other}");
        }
    }

    #[test]
    fn each_sender_has_its_own_until_it_is_removed() {
        let mut senders = Senders::new(Hashes::default());
        assert!(senders.get_mut(sender(1)).is_none());
        for number in 1..=3 {
            senders.insert(sender(number), number);
        }
        for number in [2, 2, 3, 1, 1] {
            assert_eq!(senders.get_mut(sender(number)), Some(&mut { number }));
        }
        // The one that was found last.
        senders.remove(sender(1));
        assert!(senders.get_mut(sender(1)).is_none());
        // Another has its place.
        senders.insert(sender(4), 4);
        senders.remove(sender(9));
        assert!(senders.get_mut(sender(1)).is_none());
        assert_eq!(senders.get_mut(sender(4)), Some(&mut 4));
        let all: u8 = senders.values_mut().map(|value| *value).sum();
        assert_eq!((senders.len(), all), (3, 9));
    }
}
