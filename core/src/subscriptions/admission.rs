//! Who is taken in, and who gives way.

use core::hash::Hash;

use super::channel::Channel;
use super::channels::Channels;
use super::memory::map_growth;
use super::{SubscribeError, Subscriber, Subscriptions};
use crate::limits::Limits;
use crate::network::{Network, Origin};

impl<S: Copy + Eq + Hash> Subscriptions<S> {
    /// The most that give way to one newcomer, whose key may be longer than theirs.
    pub(super) const FOR_ONE: usize = 16;

    /// Those that gave way, and are remembered; the oldest make room.
    pub(super) const DISPLACED: usize = 64;

    /// Whether one more subscription of a subscriber is within the limits.
    pub(super) fn check_limits(
        &self,
        key: &[u8],
        id: Option<u32>,
        known: Option<&Subscriber>,
        origin: Origin,
        limits: &Limits,
    ) -> Result<(), SubscribeError> {
        let (len, max) = (key.len(), limits.subscription_key());
        if len > max {
            return Err(SubscribeError::KeyTooLong { len, max });
        }
        let max = limits.subscriptions();
        if known.map_or(0, |known| known.slots.len()) >= max {
            return Err(SubscribeError::TooMany { max });
        }
        let max = limits.subscriber_key_bytes();
        if known.map_or(0, |known| known.key_bytes).saturating_add(len) > max {
            return Err(SubscribeError::TooManyOwnBytes { max });
        }
        if known.is_none()
            && let Some(max) = limits.subscribers_per_address()
            && self.crowds.entries(origin.network) >= max
        {
            return Err(SubscribeError::TooManyOfAddress { max });
        }
        let max = limits.subscription_keys().min(Self::MAX);
        if id.is_none() && self.channels.len() >= max {
            return Err(SubscribeError::TooManyKeys { max });
        }
        let max = limits.subscription_key_bytes();
        if id.is_none() && self.key_bytes.saturating_add(len) > max {
            return Err(SubscribeError::TooManyKeyBytes { max });
        }
        let max = limits.subscribers().min(Self::MAX);
        if known.is_none() && self.subscribers.len() >= max {
            return Err(SubscribeError::TooManySubscribers { max });
        }
        let max = limits.subscription_bytes();
        let more = self.key_growth(len, id);
        let more = more.saturating_add(self.subscriber_growth(known));
        if self.bytes().saturating_add(more) > max {
            return Err(SubscribeError::TooManyBytes { max });
        }
        Ok(())
    }

    /// Whether a subscription that nothing vouches for would be refused, since others hold what
    /// is missing.
    pub(crate) fn is_full_for(&self, key: &[u8], who: S, origin: Origin, limits: &Limits) -> bool {
        let id = self.id(key);
        let known = self.subscribers.get(&who);
        let holds = |id: u32| known.is_some_and(|known| known.slots.contains_key(&id));
        if id.is_some_and(holds) {
            return false;
        }
        let checked = self.check_limits(key, id, known, origin, limits);
        checked.is_err_and(SubscribeError::is_shared)
    }

    /// Takes a subscriber in, without subscriptions.
    pub(super) fn welcome(&mut self, who: S, origin: Origin) {
        let number = self.next;
        self.crowds.add(origin, Self::SUBSCRIBER_WEIGHT);
        if let Some(network) = origin.network
            && !origin.verified
        {
            self.next = number.wrapping_add(1);
            self.unverified.insert((network, number), who);
        }
        let subscriber = Subscriber {
            origin,
            number,
            ..Subscriber::default()
        };
        self.subscribers.insert(who, subscriber);
    }

    /// Something vouches for a subscriber from here on.
    pub(super) fn verify(&mut self, who: S) {
        if let Some(known) = self.subscribers.get_mut(&who)
            && !known.origin.verified
        {
            self.crowds.shrink(known.origin, Self::weight(known));
            if let Some(network) = known.origin.network {
                self.unverified.remove(&(network, known.number));
            }
            known.origin.verified = true;
        }
    }

    /// Removes a subscriber that nothing vouches for to make room for one from elsewhere, and
    /// says whether there was one to remove.
    pub(super) fn displace(&mut self, key: &[u8], newcomer: Origin, limits: &Limits) -> bool {
        let weight = Self::SUBSCRIBER_WEIGHT
            .saturating_add(Self::PAIR_WEIGHT)
            .saturating_add(key.len());
        let max = limits.subscription_bytes();
        let who = match self.crowds.crowded(newcomer, weight, max) {
            Some(network) => {
                let all = (network, 0)..=(network, u64::MAX);
                self.unverified.range(all).next().map(|(_, who)| *who)
            }
            // The newest: who was there before a flood of forged addresses stays.
            None if newcomer.verified => {
                let all = self.unverified.iter();
                let newest = all.max_by_key(|((_, number), _)| *number);
                newest.map(|(_, who)| *who)
            }
            None => None,
        };
        let Some(who) = who else {
            return false;
        };
        self.remove(who);
        if self.displaced.len() >= Self::DISPLACED {
            self.displaced.pop_front();
        }
        self.displaced.push_back(who);
        true
    }

    /// The next subscriber that gave way to another, with all its subscriptions, until
    /// it returns `None`. Of those that nobody asked for the last 64 are kept.
    pub fn poll_displaced(&mut self) -> Option<S> {
        self.displaced.pop_front()
    }

    /// Bytes that an allocation takes besides its own.
    pub(super) const ALLOCATION: usize = size_of::<[usize; 2]>();
    /// Bytes that a key takes besides its own, unless it is short.
    pub(super) const KEY: usize = Self::ALLOCATION;
    /// Bytes of the smallest table of a subscriber's own.
    pub(super) const FIRST_TABLE: usize = 80 + Self::ALLOCATION;
    /// Bytes of an entry of the tree of those that nothing vouches for: its nodes are
    /// at least half full.
    pub(super) const UNVERIFIED: usize = 2 * size_of::<((Network, u64), S)>();
    /// What a subscriber, and a subscription besides the key, count for among those of
    /// their network.
    pub(super) const SUBSCRIBER_WEIGHT: usize =
        size_of::<(S, Subscriber)>() + Self::UNVERIFIED + Self::FIRST_TABLE;
    pub(super) const PAIR_WEIGHT: usize = Channels::<S>::EACH + Self::KEY;

    /// Bytes that a key takes more for one more subscriber. Tables that are full double.
    pub(super) fn key_growth(&self, len: usize, id: Option<u32>) -> usize {
        if let Some(id) = id {
            let channel = self.channels.get(id);
            let room = channel.map_or(0, Channel::next_room);
            return room.saturating_mul(size_of::<Option<S>>());
        }
        len.saturating_add(Self::KEY)
            .saturating_add(self.channels.growth())
    }

    /// Bytes that one more subscription of a subscriber takes.
    pub(super) fn subscriber_growth(&self, known: Option<&Subscriber>) -> usize {
        match known {
            Some(known) => map_growth(&known.slots),
            None => map_growth(&self.subscribers)
                .saturating_add(Self::FIRST_TABLE)
                .saturating_add(Self::UNVERIFIED)
                .saturating_add(self.crowds.growth()),
        }
    }

    /// What a subscriber counts for among those of its network.
    pub(super) fn weight(subscriber: &Subscriber) -> usize {
        let pairs = subscriber.slots.len().saturating_mul(Self::PAIR_WEIGHT);
        pairs
            .saturating_add(subscriber.key_bytes)
            .saturating_add(Self::SUBSCRIBER_WEIGHT)
    }

    /// Bytes of memory that the subscriptions take: the keys, and all tables with the
    /// room that they have to spare.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let keys = self.channels.len().saturating_mul(Self::KEY);
        let slots = self.channel_room.saturating_mul(size_of::<Option<S>>());
        let unverified = self.unverified.len().saturating_mul(Self::UNVERIFIED);
        [
            keys,
            self.channels.bytes(),
            slots,
            self.subscribers.allocation_size(),
            self.table_bytes,
            unverified,
            self.crowds.bytes(),
        ]
        .into_iter()
        .fold(self.key_bytes, usize::saturating_add)
    }
}
