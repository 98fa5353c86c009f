//! Subscribers by key.

mod channel;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::hash::Hash;

use hashbrown::HashMap;
use slab::Slab;

pub use self::channel::Subscribers;

use self::channel::Channel;
use crate::limits::Limits;

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
    /// For each subscriber the ids of its channels, and its slot in each of them.
    slots: HashMap<S, HashMap<u32, u32>>,
    /// Number of pairs of a key and a subscriber.
    pairs: usize,
    /// Length of all keys together.
    key_bytes: usize,
    /// Changes so far, which stamp the channels.
    changes: u64,
    /// Slots that were written to or moved, for tests of the cost.
    #[cfg(test)]
    visited: usize,
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
    /// The key, as the uri of a message, leaves no room for what layers add to it: its
    /// subscriber could be told nothing.
    #[error("a key of {len} bytes; at most {max} leave room in a message")]
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
}

impl<S> Default for Subscriptions<S> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            channels: Slab::new(),
            slots: HashMap::new(),
            pairs: 0,
            key_bytes: 0,
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

    /// A hash map or a vector has up to twice the room that it needs.
    const SPARE: usize = 2;
    /// Bytes that a key takes besides its own, with the counters of an `Arc`.
    const KEY: usize = size_of::<Channel<S>>()
        + Self::SPARE * size_of::<(Arc<[u8]>, u32)>()
        + size_of::<[usize; 2]>();
    /// Bytes that a subscriber takes.
    const SUBSCRIBER: usize = Self::SPARE * size_of::<(S, HashMap<u32, u32>)>();
    /// Bytes that a subscription takes.
    const PAIR: usize = Self::SPARE * (size_of::<(u32, u32)>() + size_of::<Option<S>>());

    /// No subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes to a key, and says whether that is a change: `false` if the
    /// subscriber had this subscription already.
    ///
    /// # Errors
    /// The subscriber has too many subscriptions, there are too many keys or
    /// subscribers, or all of it would take too many bytes. Nothing has changed.
    pub fn subscribe(
        &mut self,
        key: impl AsRef<[u8]>,
        subscriber: S,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        let key = key.as_ref();
        let id = self.ids.get(key).copied();
        let mine = self.slots.get(&subscriber);
        if let (Some(id), Some(mine)) = (id, mine)
            && mine.contains_key(&id)
        {
            return Ok(false);
        }
        let new_key = id.is_none().then_some(key.len());
        self.check_limits(new_key, mine.map_or(0, HashMap::len), limits)?;
        let id = id.unwrap_or_else(|| self.open(key));
        if let Some(channel) = self.channels.get_mut(id as usize) {
            let slot = channel.push(subscriber);
            self.changes = self.changes.wrapping_add(1);
            channel.stamp = self.changes;
            self.slots.entry(subscriber).or_default().insert(id, slot);
            self.pairs = self.pairs.saturating_add(1);
        }
        Ok(true)
    }

    /// Whether one more subscription is within the limits, where its subscriber
    /// has `mine` already. A key that is new is of so many bytes.
    fn check_limits(
        &self,
        new_key: Option<usize>,
        mine: usize,
        limits: &Limits,
    ) -> Result<(), SubscribeError> {
        let max = limits.subscriptions();
        if mine >= max {
            return Err(SubscribeError::TooMany { max });
        }
        let max = limits.subscription_keys().min(Self::MAX);
        if new_key.is_some() && self.ids.len() >= max {
            return Err(SubscribeError::TooManyKeys { max });
        }
        let max = limits.subscribers().min(Self::MAX);
        if mine == 0 && self.slots.len() >= max {
            return Err(SubscribeError::TooManySubscribers { max });
        }
        let max = limits.subscription_bytes();
        let new_key = new_key.map_or(0, |len| len.saturating_add(self.next_key_room()));
        let subscriber = if mine == 0 { Self::SUBSCRIBER } else { 0 };
        let more = new_key
            .saturating_add(subscriber)
            .saturating_add(Self::PAIR);
        if self.bytes().saturating_add(more) > max {
            return Err(SubscribeError::TooManyBytes { max });
        }
        Ok(())
    }

    /// Bytes that the table of keys grows by, for one key more: it doubles.
    fn next_key_room(&self) -> usize {
        const FIRST: usize = 4;
        let capacity = self.channels.capacity();
        match self.channels.len() < capacity {
            true => 0,
            false => capacity.max(FIRST).saturating_mul(Self::KEY),
        }
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
        let Some(id) = self.ids.get(key.as_ref()).copied() else {
            return false;
        };
        let Some(mine) = self.slots.get_mut(&subscriber) else {
            return false;
        };
        let Some(slot) = mine.remove(&id) else {
            return false;
        };
        if mine.is_empty() {
            self.slots.remove(&subscriber);
            shrink(&mut self.slots);
        } else {
            shrink(mine);
        }
        self.clear(id, slot);
        true
    }

    /// Ends all subscriptions of a subscriber, and says how many there were.
    pub fn remove(&mut self, subscriber: S) -> usize {
        let Some(mine) = self.slots.remove(&subscriber) else {
            return 0;
        };
        shrink(&mut self.slots);
        let count = mine.len();
        for (id, slot) in mine {
            self.clear(id, slot);
        }
        count
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
        self.pairs = self.pairs.saturating_sub(1);
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
            channel.compact(|subscriber, slot| {
                let mine = self.slots.get_mut(&subscriber);
                if let Some(place) = mine.and_then(|mine| mine.get_mut(&id)) {
                    *place = slot;
                }
            });
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(channel) = self.channels.try_remove(id as usize) {
            self.key_bytes = self.key_bytes.saturating_sub(channel.key().len());
            self.ids.remove(channel.key());
            shrink(&mut self.ids);
        }
        if self.channels.is_empty() {
            self.channels = Slab::new();
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

    /// Bytes of memory that the subscriptions take: those of the keys, and a
    /// constant for each key, each subscriber and each subscription. The
    /// constants count the spare room of the tables too, so what is held is less,
    /// as a rule.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.key_bytes
            .saturating_add(self.channels.capacity().saturating_mul(Self::KEY))
            .saturating_add(self.slots.len().saturating_mul(Self::SUBSCRIBER))
            .saturating_add(self.pairs.saturating_mul(Self::PAIR))
    }
}

/// Gives memory back when a map is mostly empty. Each time, at least as many
/// entries were removed before as are moved.
fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    const FEW: usize = 16;
    let len = map.len();
    if map.capacity() > FEW && map.capacity() / 4 > len {
        map.shrink_to(len.saturating_mul(2));
    }
}
