//! What is known of each of many senders.

use core::hash::{Hash, Hasher};
use core::net::IpAddr;
use core::time::Duration;

use super::answers::Answers;
use super::bucket::Bucket;
use crate::hashes::Hashes;
use crate::lines::{Line, Lines};

/// A sender is a [`Network`](crate::Network), here as numbers: they are compared for each
/// datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// The address, or the first half of one of IPv6.
    bits: u64,
    is_ipv4: bool,
}

/// In one write. No network of IPv6 that is in use has the bits of an IPv4 address.
impl Hash for Sender {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        state.write_u64(self.bits);
    }
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

/// What is known of a sender, in one line of the processor's caches: each datagram asks for it,
/// and where there are many senders no cache has it. Each part is there or not for itself.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Known {
    bits: u64,
    /// Handlers that run for it, for whose answers room is kept.
    pub(super) calls: u32,
    is_ipv4: bool,
    is_heard: bool,
    is_spender: bool,
    /// What the node answers it by itself.
    pub(super) answers: Answers,
    /// What else is sent to it.
    pub(super) spent: Bucket,
}

/// What is known of each of many senders: of those that something came from, and of those that
/// something is sent to, which are counted apart. Handling one message asks for its sender
/// several times, so the one that was found last is found again without a look into the table.
#[derive(Debug)]
pub(super) struct Senders {
    table: Lines<Known>,
    /// Where the one is that was found last.
    last: usize,
    heard: usize,
    spenders: usize,
}

impl Known {
    fn new(sender: Sender) -> Self {
        Self {
            bits: sender.bits,
            calls: 0,
            is_ipv4: sender.is_ipv4,
            is_heard: false,
            is_spender: false,
            answers: Answers::default(),
            spent: Bucket::default(),
        }
    }
}

impl Line for Known {
    type Key = Sender;

    #[inline]
    fn key(&self) -> Sender {
        Sender {
            bits: self.bits,
            is_ipv4: self.is_ipv4,
        }
    }
}

impl Senders {
    /// None yet. `hashes`: the places of the table are to be known to nobody.
    pub(super) fn new(hashes: Hashes) -> Self {
        Self {
            table: Lines::new(hashes),
            last: 0,
            heard: 0,
            spenders: 0,
        }
    }

    /// How many of them something came from.
    pub(super) fn heard(&self) -> usize {
        self.heard
    }

    /// To how many of them something is sent.
    pub(super) fn spenders(&self) -> usize {
        self.spenders
    }

    #[inline]
    fn find(&mut self, sender: Sender) -> Option<&mut Known> {
        let last = self.table.get(self.last);
        if last.is_none_or(|last| last.key() != sender) {
            self.last = self.table.find(sender)?;
        }
        self.table.get_mut(self.last)
    }

    /// Fetches what is known of a sender from memory, where it may have to be.
    #[inline]
    pub(super) fn expect(&mut self, sender: Sender) {
        if !self.table.is_in_caches() {
            self.last = self.table.find(sender).unwrap_or(self.last);
        }
    }

    /// A sender that something came from.
    #[inline]
    pub(super) fn get_heard(&mut self, sender: Sender) -> Option<&mut Answers> {
        let known = self.find(sender).filter(|known| known.is_heard);
        known.map(|known| &mut known.answers)
    }

    /// A sender that something is sent to.
    #[inline]
    pub(super) fn get_spender(&mut self, sender: Sender) -> Option<&mut Known> {
        self.find(sender).filter(|known| known.is_spender)
    }

    /// Something came from a sender of which that was not known.
    pub(super) fn insert_heard(&mut self, sender: Sender, answers: Answers) {
        let Some(known) = self.find_or_insert(sender) else {
            return;
        };
        known.answers = answers;
        if !core::mem::replace(&mut known.is_heard, true) {
            self.heard = self.heard.saturating_add(1);
        }
    }

    /// Something is to be sent to a sender of which that was not known.
    pub(super) fn insert_spender(&mut self, sender: Sender) -> Option<&mut Known> {
        let known = self.find_or_insert(sender)?;
        if !core::mem::replace(&mut known.is_spender, true) {
            self.spenders = self.spenders.saturating_add(1);
        }
        self.find(sender)
    }

    fn find_or_insert(&mut self, sender: Sender) -> Option<&mut Known> {
        if self.find(sender).is_none() {
            self.last = self.table.insert(Known::new(sender));
        }
        self.find(sender)
    }

    /// Forgets that something came from a sender.
    pub(super) fn remove_heard(&mut self, sender: Sender) {
        let Some(known) = self.find(sender).filter(|known| known.is_heard) else {
            return;
        };
        (known.is_heard, known.answers) = (false, Answers::default());
        if !known.is_spender {
            self.table.remove(sender);
        }
        self.heard = self.heard.saturating_sub(1);
    }

    /// Forgets what is sent to a sender.
    pub(super) fn remove_spender(&mut self, sender: Sender) {
        let Some(known) = self.find(sender).filter(|known| known.is_spender) else {
            return;
        };
        (known.is_spender, known.calls, known.spent) = (false, 0, Bucket::default());
        if !known.is_heard {
            self.table.remove(sender);
        }
        self.spenders = self.spenders.saturating_sub(1);
    }

    /// All that something came from.
    pub(super) fn all_heard(&mut self) -> impl Iterator<Item = &mut Answers> {
        let heard = self.table.iter_mut().filter(|known| known.is_heard);
        heard.map(|known| &mut known.answers)
    }
}

/// A time in nanoseconds, which takes half the memory: up to 584 years.
#[inline]
pub(super) fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(time.subsec_nanos().into())
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
        assert!(senders.get_heard(sender(1)).is_none());
        let answers = |credit| Answers {
            credit,
            ..Answers::default()
        };
        for number in 1..=3 {
            senders.insert_heard(sender(number), answers(number.into()));
        }
        for number in [2, 2, 3, 1, 1] {
            let credit = senders.get_heard(sender(number)).map(|it| it.credit);
            assert_eq!(credit, Some(number.into()));
        }
        // The one that was found last.
        senders.remove_heard(sender(1));
        assert!(senders.get_heard(sender(1)).is_none());
        // Another may have its place.
        senders.insert_heard(sender(4), answers(4));
        senders.remove_heard(sender(9));
        assert!(senders.get_heard(sender(1)).is_none());
        let all: u64 = senders.all_heard().map(|it| it.credit).sum();
        assert_eq!((senders.heard(), all), (3, 9));
    }

    #[test]
    fn among_many_the_expected_are_found_as_others_are() {
        let mut senders = Senders::new(Hashes::default());
        let sender = |number: u32| Sender::of(number.to_be_bytes().into());
        for number in 0..6000 {
            senders.insert_spender(sender(number)).unwrap().calls = number;
        }
        for expected in [3, 9000, 4] {
            senders.expect(sender(expected));
        }
        for number in [4, 3, 5] {
            let calls = senders.get_spender(sender(number)).map(|it| it.calls);
            assert_eq!(calls, Some(number));
        }
        assert!(senders.get_spender(sender(9000)).is_none());
    }

    #[test]
    fn what_came_and_what_is_sent_are_known_apart() {
        let mut senders = Senders::new(Hashes::default());
        senders.insert_heard(sender(1), Answers::default());
        assert!(senders.get_spender(sender(1)).is_none());
        senders.insert_spender(sender(1)).unwrap().calls = 3;
        senders.insert_spender(sender(2)).unwrap().calls = 4;
        assert!(senders.get_heard(sender(2)).is_none());
        assert_eq!((senders.heard(), senders.spenders()), (1, 2));
        assert_eq!(senders.all_heard().count(), 1);
        senders.remove_heard(sender(1));
        senders.remove_heard(sender(2));
        assert!(senders.get_heard(sender(1)).is_none());
        assert_eq!(senders.get_spender(sender(1)).map(|it| it.calls), Some(3));
        // Nothing of it comes back.
        senders.insert_heard(sender(1), Answers::default());
        senders.remove_spender(sender(1));
        assert_eq!(senders.insert_spender(sender(1)).unwrap().calls, 0);
        for number in [1, 2] {
            senders.remove_heard(sender(number));
            senders.remove_spender(sender(number));
        }
        assert_eq!((senders.heard(), senders.spenders()), (0, 0));
        assert!(senders.table.is_empty());
    }

    #[test]
    fn a_sender_takes_one_line() {
        assert_eq!(size_of::<Known>(), 64);
        assert_eq!(nanoseconds(Duration::new(2, 3)), 2_000_000_003);
        assert_eq!(nanoseconds(Duration::MAX), u64::MAX);
    }
}
