//! Subscribers by key.

mod channel;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::hash::{BuildHasher, Hash};

use slab::Slab;

pub use self::channel::Subscribers;

use self::channel::Channel;
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
    ids: HashMap<Arc<[u8]>, u32>,
    /// By their ids. Each has at least one subscriber.
    channels: Slab<Channel<S>>,
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
    /// Slots that were written to or moved, for tests of the cost.
    #[cfg(test)]
    visited: usize,
}

/// The slots of a subscriber, by the ids of their channels: remotes choose neither.
type Slots = hashbrown::HashMap<u32, u32>;

/// What is known of a subscriber.
#[derive(Clone, Debug, Default)]
struct Subscriber {
    /// The ids of its channels, and its slot in each of them.
    slots: Slots,
    /// Length of the keys that it is subscribed to.
    key_bytes: usize,
    origin: Origin,
    /// Its number among those that nothing vouches for.
    number: u64,
}

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The link that leads there has ended, or is another node's.
    #[error("its connection has ended, or is another node's")]
    NotConnected,
    /// The subscriber has [`Limits::subscriptions`] already.
    #[error("{max} subscriptions of one connection already")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// There are [`Limits::subscription_keys`] keys already.
    #[error("{max} subscription keys already")]
    TooManyKeys {
        /// The limit.
        max: usize,
    },
    /// The subscriptions would take more than [`Limits::subscription_bytes`].
    #[error("the subscriptions would take more than {max} bytes")]
    TooManyBytes {
        /// The limit.
        max: usize,
    },
    /// All keys would be longer than [`Limits::subscription_key_bytes`] together.
    #[error("all subscription keys would be longer than {max} bytes")]
    TooManyKeyBytes {
        /// The limit.
        max: usize,
    },
    /// The subscriber's keys would be longer than [`Limits::subscriber_key_bytes`]
    /// together.
    #[error("the keys of one connection would be longer than {max} bytes")]
    TooManyOwnBytes {
        /// The limit.
        max: usize,
    },
    /// The key is longer than [`Limits::subscription_key`]; or, as the uri of a message, it
    /// leaves no room for what layers add to it, so that its subscriber could be told
    /// nothing.
    #[error("a key of {len} bytes; at most {max} may be subscribed to")]
    KeyTooLong {
        /// The length of the key, in bytes.
        len: usize,
        /// The longest that a key may be, in bytes.
        max: usize,
    },
    /// There are [`Limits::subscribers`] already.
    #[error("{max} subscribers already")]
    TooManySubscribers {
        /// The limit.
        max: usize,
    },
    /// There are [`Limits::subscribers_per_address`] from this network already.
    #[error("{max} subscribers from this address already")]
    TooManyOfAddress {
        /// The limit.
        max: usize,
    },
}

impl SubscribeError {
    /// Whether others hold what is missing.
    fn is_shared(self) -> bool {
        matches!(
            self,
            Self::TooManyKeys { .. }
                | Self::TooManyKeyBytes { .. }
                | Self::TooManyBytes { .. }
                | Self::TooManySubscribers { .. }
        )
    }
}

impl<S> Default for Subscriptions<S> {
    fn default() -> Self {
        Self {
            ids: HashMap::default(),
            channels: Slab::new(),
            subscribers: HashMap::default(),
            unverified: BTreeMap::new(),
            next: 0,
            crowds: Crowds::default(),
            displaced: VecDeque::new(),
            key_bytes: 0,
            channel_room: 0,
            table_bytes: 0,
            changes: 0,
            #[cfg(test)]
            visited: 0,
        }
    }
}

impl<S: Copy + Eq + Hash> Subscriptions<S> {
    /// The most keys, and the most subscribers, whatever the limits: ids and slots
    /// have 32 bits, and up to half of the slots of a channel are empty.
    const MAX: usize = (u32::MAX / 2) as usize;

    /// The most that give way to one newcomer, whose key may be longer than theirs.
    const FOR_ONE: usize = 16;

    /// Those that gave way, and are remembered; the oldest make room.
    const DISPLACED: usize = 64;

    /// Bytes that an allocation takes besides its own.
    const ALLOCATION: usize = size_of::<[usize; 2]>();
    /// Bytes that a key takes besides its own: the counters of an `Arc`.
    const KEY: usize = size_of::<[usize; 2]>() + Self::ALLOCATION;
    /// Bytes of an entry of the slab of channels, with its tag.
    const CHANNEL: usize = size_of::<Channel<S>>() + size_of::<usize>();
    /// Bytes of the first slots of a channel.
    const CHANNEL_ROOM: usize = Channel::<S>::FIRST_ROOM * size_of::<Option<S>>();
    /// Bytes of the smallest table of a subscriber's own.
    const FIRST_TABLE: usize = 64 + Self::ALLOCATION;
    /// Bytes of an entry of the tree of those that nothing vouches for: its nodes are
    /// at least half full.
    const UNVERIFIED: usize = 2 * size_of::<((Network, u64), S)>();
    /// What a subscriber, and a subscription besides the key, count for among those of
    /// their network.
    const SUBSCRIBER_WEIGHT: usize =
        size_of::<(S, Subscriber)>() + Self::UNVERIFIED + Self::FIRST_TABLE;
    const PAIR_WEIGHT: usize = Self::CHANNEL + Self::KEY + Self::CHANNEL_ROOM;

    /// No subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the places of all entries to ones that no remote knows.
    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        reseed(&mut self.ids, hashes);
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
            let id = self.ids.get(key).copied();
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

    /// Whether one more subscription of a subscriber is within the limits.
    fn check_limits(
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
        if id.is_none() && self.ids.len() >= max {
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

    /// Bytes that a key takes more for one more subscriber. Tables that are full double.
    fn key_growth(&self, len: usize, id: Option<u32>) -> usize {
        if let Some(id) = id {
            let channel = self.channels.get(id as usize);
            let room = channel.map_or(0, Channel::next_room);
            return room.saturating_mul(size_of::<Option<S>>());
        }
        let channels = match self.channels.len() < self.channels.capacity() {
            true => 0,
            false => self.channels.capacity().max(Channel::<S>::FIRST_ROOM),
        };
        len.saturating_add(Self::KEY)
            .saturating_add(Self::CHANNEL_ROOM)
            .saturating_add(channels.saturating_mul(Self::CHANNEL))
            .saturating_add(map_growth(&self.ids))
    }

    /// Bytes that one more subscription of a subscriber takes.
    fn subscriber_growth(&self, known: Option<&Subscriber>) -> usize {
        match known {
            Some(known) => map_growth(&known.slots),
            None => map_growth(&self.subscribers)
                .saturating_add(Self::FIRST_TABLE)
                .saturating_add(Self::UNVERIFIED)
                .saturating_add(self.crowds.growth()),
        }
    }

    /// Takes a subscription in.
    fn insert(&mut self, key: &[u8], id: Option<u32>, who: S, origin: Origin) {
        let id = id.unwrap_or_else(|| self.open(key));
        let Some(channel) = self.channels.get_mut(id as usize) else {
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
            known.slots.insert(id, slot);
            known.key_bytes = known.key_bytes.saturating_add(key.len());
            let more = table_bytes(&known.slots).saturating_sub(before);
            self.table_bytes = self.table_bytes.saturating_add(more);
            let weight = Self::PAIR_WEIGHT.saturating_add(key.len());
            self.crowds.grow(known.origin, weight);
        }
    }

    /// Takes a subscriber in, without subscriptions.
    fn welcome(&mut self, who: S, origin: Origin) {
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
    fn verify(&mut self, who: S) {
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

    /// What a subscriber counts for among those of its network.
    fn weight(subscriber: &Subscriber) -> usize {
        let pairs = subscriber.slots.len().saturating_mul(Self::PAIR_WEIGHT);
        pairs
            .saturating_add(subscriber.key_bytes)
            .saturating_add(Self::SUBSCRIBER_WEIGHT)
    }

    /// Removes a subscriber to make room for one from elsewhere, and says whether there was
    /// one to remove.
    fn displace(&mut self, key: &[u8], newcomer: Origin, limits: &Limits) -> bool {
        let weight = Self::SUBSCRIBER_WEIGHT
            .saturating_add(Self::PAIR_WEIGHT)
            .saturating_add(key.len());
        let max = limits.subscription_bytes();
        let Some(network) = self.crowds.crowded(newcomer, weight, max) else {
            return false;
        };
        let mut oldest = self.unverified.range((network, 0)..=(network, u64::MAX));
        let Some((_, who)) = oldest.next() else {
            return false;
        };
        let who = *who;
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

    /// Makes a channel for a key that has none, and returns its id.
    fn open(&mut self, key: &[u8]) -> u32 {
        let key: Arc<[u8]> = key.into();
        self.key_bytes = self.key_bytes.saturating_add(key.len());
        let id = self.channels.insert(Channel::new(key.clone()));
        let id = u32::try_from(id).unwrap_or(u32::MAX);
        self.ids.insert(key, id);
        id
    }

    /// Ends a subscription, and says whether there was one.
    pub fn unsubscribe(&mut self, key: impl AsRef<[u8]>, subscriber: S) -> bool {
        let key = key.as_ref();
        let Some(id) = self.ids.get(key).copied() else {
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
        self.clear(id, slot);
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
            self.clear(id, slot);
        }
        if self.subscribers.is_empty() {
            self.reset();
        }
        count
    }

    /// Gives the memory of empty tables back.
    fn reset(&mut self) {
        *self = Self {
            ids: HashMap::with_hasher(*self.ids.hasher()),
            subscribers: HashMap::with_hasher(*self.subscribers.hasher()),
            crowds: Crowds::new(*self.ids.hasher()),
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
        let Some(channel) = self.channels.get_mut(id as usize) else {
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
                    *place = slot;
                }
            });
            let less = room.saturating_sub(channel.room());
            self.channel_room = self.channel_room.saturating_sub(less);
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(channel) = self.channels.try_remove(id as usize) {
            self.key_bytes = self.key_bytes.saturating_sub(channel.key().len());
            self.channel_room = self.channel_room.saturating_sub(channel.room());
            self.ids.remove(channel.key());
            shrink(&mut self.ids);
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

    fn channel(&self, key: &[u8]) -> Option<&Channel<S>> {
        self.channels.get(*self.ids.get(key)? as usize)
    }

    /// Number of keys that somebody is subscribed to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nobody is subscribed to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Bytes of memory that the subscriptions take: the keys, and all tables with the
    /// room that they have to spare.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let keys = self.ids.len().saturating_mul(Self::KEY);
        let channels = self.channels.capacity().saturating_mul(Self::CHANNEL);
        let slots = self.channel_room.saturating_mul(size_of::<Option<S>>());
        let unverified = self.unverified.len().saturating_mul(Self::UNVERIFIED);
        [
            keys,
            self.ids.allocation_size(),
            channels,
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

/// Bytes that a subscriber's own table takes.
fn table_bytes(slots: &Slots) -> usize {
    match slots.allocation_size() {
        0 => 0,
        bytes => bytes.saturating_add(size_of::<[usize; 2]>()),
    }
}

/// Bytes that a map grows by, for one entry more: one that is full doubles, unless at most
/// half of it are entries and the rest are marks of those that were removed.
fn map_growth<K: Eq + Hash, V, B: BuildHasher>(map: &hashbrown::HashMap<K, V, B>) -> usize {
    /// Entries that a map has memory for once there is one in it.
    const FIRST: usize = 4;
    let bytes = map.allocation_size();
    // Each has a byte of control, and of sixteen places two stay free.
    let entry = size_of::<(K, V)>().saturating_add(1);
    let places = bytes.checked_div(entry).unwrap_or(0);
    let half = (places / 16).saturating_mul(7);
    match map.len() < map.capacity() || map.len() < half {
        true => 0,
        false => bytes.max(FIRST.saturating_mul(size_of::<(K, V)>())),
    }
}

/// Gives memory back when a map is mostly empty. Each time, at least as many
/// entries were removed before as are moved.
fn shrink<K: Eq + Hash, V, B: BuildHasher>(map: &mut hashbrown::HashMap<K, V, B>) {
    const FEW: usize = 16;
    let len = map.len();
    if map.capacity() > FEW && map.capacity() / 4 > len {
        map.shrink_to(len.saturating_mul(2));
    }
}
