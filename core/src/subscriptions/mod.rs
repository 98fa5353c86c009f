//! Subscribers by key.

mod admission;
mod by_wildcard;
mod channel;
mod channels;
mod error;
mod leases;
mod memory;
mod slot;
#[cfg(test)]
mod tests;
mod wildcards;

use alloc::collections::{BTreeMap, VecDeque};
use core::hash::Hash;

pub(crate) use self::by_wildcard::WildcardSubscriptions;
pub use self::channel::Subscribers;
pub use self::error::SubscribeError;
pub use self::wildcards::Wildcards;

use self::channel::Channel;
use self::channels::Channels;
use self::memory::{Slots, shrink, table_bytes};
use self::slot::{FOR_EVER, Leases, Slot};
use crate::crowds::Crowds;
use crate::hashes::{HashMap, Hashes, reseed};
use crate::limits::Limits;
use crate::network::{Network, Origin};

/// Keys and their subscribers.
///
/// Subscribing is what the application does in its handlers, for whoever asked;
/// netaio's own messages do nothing by themselves. A subscriber is whatever the
/// application says: the number of a connection in the drivers, an address on a
/// datagram socket.
///
/// A key is copied when it gets its first subscriber, so a key that is a slice of
/// a received message does not keep the receive buffer alive. Subscribing,
/// unsubscribing and, for each of its subscriptions, the removal of a subscriber
/// take amortized constant time, however many others there are.
///
/// ```
/// use netaio_core::{Limits, Subscriptions};
///
/// let limits = Limits::default();
/// let mut subscriptions = Subscriptions::new();
/// subscriptions.subscribe("news", 7, &limits)?;
/// subscriptions.subscribe("news", 3, &limits)?;
/// assert!(subscriptions.subscribers("news").eq([7, 3]));
/// assert!(subscriptions.unsubscribe("news", 7));
/// // Who is not subscribed may unsubscribe all the same.
/// assert!(!subscriptions.unsubscribe("news", 7));
/// # Ok::<(), netaio_core::SubscribeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscriptions<S> {
    /// By their keys and their ids. Each has at least one subscriber.
    channels: Channels<S>,
    subscribers: HashMap<S, Subscriber>,
    /// Those that nothing vouches for, the oldest of each network first.
    unverified: BTreeMap<(Network, u64), S>,
    /// The number of the next one that nothing vouches for.
    next: u64,
    crowds: Crowds,
    /// Those that gave way to others, until somebody asks.
    displaced: VecDeque<S>,
    /// Length of all keys together.
    key_bytes: usize,
    /// Slots that the channels have memory for.
    channel_room: usize,
    /// Bytes of the tables that subscribers have of their own.
    table_bytes: usize,
    /// Changes so far, which stamp the channels.
    changes: u64,
    leases: Leases,
    /// Slots that were written to or moved, for tests of the cost.
    #[cfg(test)]
    visited: usize,
}

/// What is known of a subscriber.
#[derive(Clone, Debug, Default)]
struct Subscriber {
    /// The ids of its channels, its slot in each of them, and until when it has it.
    slots: Slots,
    /// Length of the keys that it is subscribed to.
    key_bytes: usize,
    origin: Origin,
    /// Its number among those that nothing vouches for.
    number: u64,
}

impl<S: Copy> Default for Subscriptions<S> {
    fn default() -> Self {
        Self {
            channels: Channels::new(Hashes::default()),
            subscribers: HashMap::default(),
            unverified: BTreeMap::new(),
            next: 0,
            crowds: Crowds::default(),
            displaced: VecDeque::new(),
            key_bytes: 0,
            channel_room: 0,
            table_bytes: 0,
            changes: 0,
            leases: Leases::default(),
            #[cfg(test)]
            visited: 0,
        }
    }
}

impl<S: Copy + Eq + Hash> Subscriptions<S> {
    /// The most keys, and the most subscribers, whatever the limits: ids and slots
    /// have 32 bits, and up to half of the slots of a channel are empty.
    const MAX: usize = (u32::MAX / 2) as usize;

    /// No subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the places of all entries to ones that no remote knows.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        self.channels.set_hashes(hashes);
        reseed(&mut self.subscribers, hashes);
        self.crowds.set_hashes(hashes);
    }

    /// Subscribes to a key, and says whether that is a change: `false` if the
    /// subscriber had this subscription already.
    ///
    /// # Errors
    /// The key is too long, the subscriber has too many subscriptions or too long keys,
    /// there are too many keys or subscribers, or all of it would take too many bytes.
    /// Nothing has changed.
    pub fn subscribe(
        &mut self,
        key: impl AsRef<[u8]>,
        subscriber: S,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        let origin = Origin {
            network: None,
            verified: true,
        };
        self.subscribe_from(key, subscriber, origin, limits)
    }

    /// As [`subscribe`](Self::subscribe), for a subscriber that comes from somewhere. Where
    /// there are as many as there may be, the oldest unverified subscriber of the network
    /// that has far more than others [gives way](Limits::subscribers).
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), or there are too many from this network. Where
    /// others gave way and there is not enough room nevertheless, they are gone.
    pub fn subscribe_from(
        &mut self,
        key: impl AsRef<[u8]>,
        subscriber: S,
        origin: Origin,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        let key = key.as_ref();
        if origin.verified {
            self.verify(subscriber);
        }
        let mut displaced = 0;
        loop {
            let id = self.id(key);
            let known = self.subscribers.get(&subscriber);
            if let (Some(id), Some(known)) = (id, known)
                && known.slots.contains_key(&id)
            {
                return Ok(false);
            }
            match self.check_limits(key, id, known, origin, limits) {
                Ok(()) => {
                    self.insert(key, id, subscriber, origin);
                    return Ok(true);
                }
                Err(error) => {
                    let may_displace = error.is_shared() && displaced < Self::FOR_ONE;
                    if !may_displace || !self.displace(key, origin, limits) {
                        return Err(error);
                    }
                    displaced = displaced.saturating_add(1);
                }
            }
        }
    }

    /// Takes a subscription in.
    fn insert(&mut self, key: &[u8], id: Option<u32>, who: S, origin: Origin) {
        let id = id.unwrap_or_else(|| self.open(key));
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let room = channel.room();
        let slot = channel.push(who);
        self.changes = self.changes.wrapping_add(1);
        channel.stamp = self.changes;
        self.channel_room = self
            .channel_room
            .saturating_add(channel.room().saturating_sub(room));
        if !self.subscribers.contains_key(&who) {
            self.welcome(who, origin);
        }
        if let Some(known) = self.subscribers.get_mut(&who) {
            let before = table_bytes(&known.slots);
            let until = FOR_EVER;
            known.slots.insert(id, Slot { index: slot, until });
            known.key_bytes = known.key_bytes.saturating_add(key.len());
            let more = table_bytes(&known.slots).saturating_sub(before);
            self.table_bytes = self.table_bytes.saturating_add(more);
            let weight = Self::PAIR_WEIGHT.saturating_add(key.len());
            self.crowds.grow(known.origin, weight);
        }
    }

    /// Makes a channel for a key that has none, and returns its id.
    fn open(&mut self, key: &[u8]) -> u32 {
        self.key_bytes = self.key_bytes.saturating_add(key.len());
        self.channels.open(key)
    }

    /// Ends a subscription, and says whether there was one.
    pub fn unsubscribe(&mut self, key: impl AsRef<[u8]>, subscriber: S) -> bool {
        let key = key.as_ref();
        let Some(id) = self.id(key) else {
            return false;
        };
        let Some(known) = self.subscribers.get_mut(&subscriber) else {
            return false;
        };
        if known.slots.len() == 1 && known.slots.contains_key(&id) {
            return self.remove(subscriber) > 0;
        }
        let before = table_bytes(&known.slots);
        let Some(slot) = known.slots.remove(&id) else {
            return false;
        };
        shrink(&mut known.slots);
        let less = before.saturating_sub(table_bytes(&known.slots));
        known.key_bytes = known.key_bytes.saturating_sub(key.len());
        let weight = Self::PAIR_WEIGHT.saturating_add(key.len());
        self.crowds.shrink(known.origin, weight);
        self.table_bytes = self.table_bytes.saturating_sub(less);
        self.clear(id, slot.index);
        true
    }

    /// Ends all subscriptions of a subscriber, and says how many there were.
    pub fn remove(&mut self, subscriber: S) -> usize {
        let Some(known) = self.subscribers.remove(&subscriber) else {
            return 0;
        };
        self.crowds.remove(known.origin, Self::weight(&known));
        if let Some(network) = known.origin.network {
            self.unverified.remove(&(network, known.number));
        }
        self.table_bytes = self.table_bytes.saturating_sub(table_bytes(&known.slots));
        shrink(&mut self.subscribers);
        let count = known.slots.len();
        for (id, slot) in known.slots {
            self.clear(id, slot.index);
        }
        if self.subscribers.is_empty() {
            self.reset();
        }
        count
    }

    /// Gives the memory of empty tables back.
    fn reset(&mut self) {
        *self = Self {
            channels: Channels::new(self.channels.hashes()),
            subscribers: HashMap::with_hasher(*self.subscribers.hasher()),
            crowds: Crowds::new(self.channels.hashes()),
            next: self.next,
            changes: self.changes,
            displaced: core::mem::take(&mut self.displaced),
            #[cfg(test)]
            visited: self.visited,
            ..Self::default()
        };
    }

    /// Empties a slot of a channel, and removes the channel with its last
    /// subscriber.
    fn clear(&mut self, id: u32, slot: u32) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.clear(slot);
        self.changes = self.changes.wrapping_add(1);
        channel.stamp = self.changes;
        #[cfg(test)]
        {
            self.visited += 1;
        }
        if channel.len() == 0 {
            self.close(id);
        } else if channel.is_sparse() {
            #[cfg(test)]
            {
                self.visited += channel.len();
            }
            let room = channel.room();
            channel.compact(|subscriber, slot| {
                let known = self.subscribers.get_mut(&subscriber);
                if let Some(place) = known.and_then(|known| known.slots.get_mut(&id)) {
                    place.index = slot;
                }
            });
            let less = room.saturating_sub(channel.room());
            self.channel_room = self.channel_room.saturating_sub(less);
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(channel) = self.channels.close(id) {
            self.key_bytes = self.key_bytes.saturating_sub(channel.key().len());
            self.channel_room = self.channel_room.saturating_sub(channel.room());
        }
    }

    /// The subscribers of a key, in the order in which they subscribed. It yields
    /// [`count`](Self::count) of them.
    #[must_use]
    pub fn subscribers(&self, key: impl AsRef<[u8]>) -> Subscribers<'_, S> {
        self.channel(key.as_ref())
            .map_or_else(Subscribers::default, Channel::subscribers)
    }

    /// Number of subscribers of a key.
    #[must_use]
    pub fn count(&self, key: impl AsRef<[u8]>) -> usize {
        self.channel(key.as_ref()).map_or(0, Channel::len)
    }

    /// A number that these subscribers of a key have had since the last change, and no other
    /// set of subscribers ever; none where there are none.
    pub(crate) fn stamp(&self, key: &[u8]) -> Option<u64> {
        self.channel(key).map(|channel| channel.stamp)
    }

    #[inline]
    fn channel(&self, key: &[u8]) -> Option<&Channel<S>> {
        self.channels.find(key)
    }

    fn id(&self, key: &[u8]) -> Option<u32> {
        self.channel(key).map(|channel| channel.id)
    }

    /// All keys.
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.channels.iter().map(Channel::key)
    }

    /// Number of keys that somebody is subscribed to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether nobody is subscribed to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }
}
