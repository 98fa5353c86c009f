//! Who wants to be told of what.

use alloc::vec::Vec;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::limits::Limits;

/// Keys and their subscribers.
///
/// Subscribing is what the application does in its handlers, for whoever asked;
/// netaio's own messages do nothing by themselves. A subscriber is whatever the
/// application says: the number of a connection in the drivers, an address on a
/// datagram socket.
///
/// ```
/// use netaio_core::{Limits, Subscriptions};
///
/// let limits = Limits::default();
/// let mut subscriptions = Subscriptions::new();
/// subscriptions.subscribe("news", 7, &limits)?;
/// subscriptions.subscribe("news", 3, &limits)?;
/// assert_eq!(subscriptions.subscribers(b"news"), [7, 3]);
/// assert!(subscriptions.unsubscribe(b"news", 7));
/// // Whoever is not subscribed may take it back all the same.
/// assert!(!subscriptions.unsubscribe(b"news", 7));
/// # Ok::<(), netaio_core::SubscribeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subscriptions<S> {
    /// Subscribers in the order of their coming, so that what is sent leaves in
    /// an order that a run can repeat.
    by_key: HashMap<Bytes, Vec<S>>,
    by_subscriber: HashMap<S, Vec<Bytes>>,
}

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
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
    /// The link that leads there has ended, or is another node's.
    #[error("its connection has ended, or is another node's")]
    NotConnected,
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
            by_key: HashMap::new(),
            by_subscriber: HashMap::new(),
        }
    }
}

impl<S: Copy + Eq + core::hash::Hash> Subscriptions<S> {
    /// No subscriptions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes to a key, and says whether that was new.
    ///
    /// # Errors
    /// The subscriber has too many subscriptions, or there are too many keys or
    /// subscribers.
    pub fn subscribe(
        &mut self,
        key: impl AsRef<[u8]>,
        subscriber: S,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        let key = Bytes::copy_from_slice(key.as_ref());
        let mine = self
            .by_subscriber
            .get(&subscriber)
            .map_or(&[][..], |keys| keys);
        if mine.contains(&key) {
            return Ok(false);
        }
        let max = limits.subscriptions();
        if mine.len() >= max {
            return Err(SubscribeError::TooMany { max });
        }
        let max = limits.subscription_keys();
        if self.by_key.len() >= max && !self.by_key.contains_key(&key) {
            return Err(SubscribeError::TooManyKeys { max });
        }
        let max = limits.subscribers();
        if self.by_subscriber.len() >= max && mine.is_empty() {
            return Err(SubscribeError::TooManySubscribers { max });
        }
        self.by_subscriber
            .entry(subscriber)
            .or_default()
            .push(key.clone());
        self.by_key.entry(key).or_default().push(subscriber);
        Ok(true)
    }

    /// Takes a subscription back, and says whether there was one.
    pub fn unsubscribe(&mut self, key: &[u8], subscriber: S) -> bool {
        if !self.forget(key, subscriber) {
            return false;
        }
        if let Some(keys) = self.by_subscriber.get_mut(&subscriber) {
            keys.retain(|mine| mine != key);
            if keys.is_empty() {
                self.by_subscriber.remove(&subscriber);
            }
        }
        true
    }

    /// Takes all subscriptions of one that is gone back, and says how many there
    /// were.
    pub fn remove(&mut self, subscriber: S) -> usize {
        let keys = self.by_subscriber.remove(&subscriber).unwrap_or_default();
        for key in &keys {
            self.forget(key, subscriber);
        }
        keys.len()
    }

    /// Removes a subscriber from a key, and the key with its last subscriber.
    fn forget(&mut self, key: &[u8], subscriber: S) -> bool {
        let Some(subscribers) = self.by_key.get_mut(key) else {
            return false;
        };
        let Some(at) = subscribers.iter().position(|other| *other == subscriber) else {
            return false;
        };
        subscribers.remove(at);
        if subscribers.is_empty() {
            self.by_key.remove(key);
        }
        true
    }

    /// The subscribers of a key, in the order of their coming.
    #[must_use]
    pub fn subscribers(&self, key: &[u8]) -> &[S] {
        self.by_key.get(key).map_or(&[], |subscribers| subscribers)
    }

    /// Number of keys that somebody is subscribed to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether nobody is subscribed to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_are_idempotent_both_ways() {
        let limits = Limits::default();
        let mut subscriptions = Subscriptions::new();
        assert_eq!(subscriptions.subscribe("k", 1, &limits), Ok(true));
        assert_eq!(subscriptions.subscribe("k", 1, &limits), Ok(false));
        assert_eq!(subscriptions.subscribers(b"k"), [1]);
        assert!(!subscriptions.is_empty());
        assert!(subscriptions.unsubscribe(b"k", 1) && !subscriptions.unsubscribe(b"k", 1));
        assert!(!subscriptions.unsubscribe(b"never", 1));
        assert!(subscriptions.is_empty() && subscriptions.by_subscriber.is_empty());
    }

    #[test]
    fn one_that_is_gone_leaves_nothing_behind() {
        let limits = Limits::default();
        let mut subscriptions = Subscriptions::new();
        for key in ["a", "b", "c"] {
            for subscriber in [1, 2] {
                subscriptions.subscribe(key, subscriber, &limits).unwrap();
            }
        }
        subscriptions.unsubscribe(b"b", 2);
        assert_eq!((subscriptions.remove(1), subscriptions.remove(1)), (3, 0));
        assert_eq!(
            (subscriptions.len(), subscriptions.subscribers(b"b")),
            (2, &[][..])
        );
        assert_eq!(subscriptions.remove(2), 2);
        assert!(subscriptions.is_empty() && subscriptions.by_subscriber.is_empty());
    }

    #[test]
    fn all_limits_hold() {
        let limits = Limits::default()
            .with_subscriptions(2)
            .and_then(|limits| limits.with_subscription_keys(3))
            .and_then(|limits| limits.with_subscribers(2))
            .unwrap();
        let mut subscriptions = Subscriptions::new();
        for (key, subscriber) in [("a", 1), ("b", 1), ("c", 2)] {
            subscriptions.subscribe(key, subscriber, &limits).unwrap();
        }
        let too_many = Err(SubscribeError::TooMany { max: 2 });
        assert_eq!(subscriptions.subscribe("c", 1, &limits), too_many);
        assert_eq!(subscriptions.subscribe("a", 1, &limits), Ok(false));
        let too_many_keys = Err(SubscribeError::TooManyKeys { max: 3 });
        assert_eq!(subscriptions.subscribe("d", 2, &limits), too_many_keys);
        assert_eq!(subscriptions.subscribe("a", 2, &limits), Ok(true));
        let too_many_subscribers = Err(SubscribeError::TooManySubscribers { max: 2 });
        assert_eq!(
            subscriptions.subscribe("a", 3, &limits),
            too_many_subscribers
        );
        subscriptions.remove(1);
        assert_eq!(subscriptions.subscribe("a", 3, &limits), Ok(true));
    }
}
