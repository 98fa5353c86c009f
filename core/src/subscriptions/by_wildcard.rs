//! Subscribers of many keys at once.

use alloc::vec::Vec;
use core::hash::Hash;

use super::error::SubscribeError;
use super::wildcards::Wildcards;
use super::{Subscribers, Subscriptions};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::network::Origin;

/// Subscribers by wildcards, within the same limits as keys and theirs.
#[derive(Clone, Debug)]
pub(crate) struct WildcardSubscriptions<S> {
    subscriptions: Subscriptions<S>,
    /// Those that have lost their subscribers are forgotten when they are half of it.
    wildcards: Wildcards,
}

impl<S: Copy + Eq + Hash> WildcardSubscriptions<S> {
    pub(crate) fn new() -> Self {
        Self {
            subscriptions: Subscriptions::new(),
            wildcards: Wildcards::new(),
        }
    }

    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        self.subscriptions.set_hashes(hashes);
    }

    /// As [`Subscriptions::subscribe_from`].
    pub(crate) fn subscribe_from(
        &mut self,
        wildcard: &[u8],
        subscriber: S,
        origin: Origin,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        if !Wildcards::is_wildcard(wildcard) {
            return Err(SubscribeError::NoWildcard);
        }
        let is_new = self
            .subscriptions
            .subscribe_from(wildcard, subscriber, origin, limits)?;
        if is_new && self.subscriptions.count(wildcard) == 1 {
            self.wildcards.insert(wildcard);
        }
        // Others may have given way.
        self.prune();
        Ok(is_new)
    }

    /// The number of wildcards that have subscribers.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// The number of a wildcard's own subscribers.
    pub(crate) fn count(&self, wildcard: &[u8]) -> usize {
        self.subscriptions.count(wildcard)
    }

    pub(crate) fn unsubscribe(&mut self, wildcard: &[u8], subscriber: S) -> bool {
        let was_there = self.subscriptions.unsubscribe(wildcard, subscriber);
        self.prune();
        was_there
    }

    /// Ends all subscriptions of a subscriber.
    pub(crate) fn remove(&mut self, subscriber: S) {
        if self.subscriptions.remove(subscriber) > 0 {
            self.prune();
        }
    }

    /// The subscribers of all wildcards that a key matches, and those of the key itself, each
    /// once. None where no wildcard has any.
    pub(crate) fn join(&self, key: &[u8], exact: Subscribers<'_, S>) -> Option<Vec<S>>
    where
        S: Ord,
    {
        if self.wildcards.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        self.wildcards.find(key, |wildcard| {
            found.extend(self.subscriptions.subscribers(wildcard));
        });
        if found.is_empty() {
            return None;
        }
        found.sort_unstable();
        found.dedup();
        let mut all: Vec<S> = exact.collect();
        let of_key: alloc::collections::BTreeSet<S> = all.iter().copied().collect();
        all.extend(
            found
                .into_iter()
                .filter(|subscriber| !of_key.contains(subscriber)),
        );
        Some(all)
    }

    fn prune(&mut self) {
        const FEW: usize = 16;
        let max = self
            .subscriptions
            .len()
            .saturating_mul(2)
            .saturating_add(FEW);
        if self.wildcards.len() > max || self.subscriptions.is_empty() {
            self.wildcards = Wildcards::new();
            for wildcard in self.subscriptions.keys() {
                self.wildcards.insert(wildcard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin {
        network: None,
        verified: true,
    };

    fn subscribe(wildcards: &mut WildcardSubscriptions<u32>, pattern: &str, who: u32) -> bool {
        let limits = Limits::default();
        let subscribed = wildcards.subscribe_from(pattern.as_bytes(), who, ORIGIN, &limits);
        subscribed.unwrap()
    }

    fn join(wildcards: &WildcardSubscriptions<u32>, key: &str) -> Vec<u32> {
        let joined = wildcards.join(key.as_bytes(), Subscribers::default());
        joined.unwrap_or_default()
    }

    #[test]
    fn segments_are_matched_one_by_one() {
        let mut wildcards = WildcardSubscriptions::new();
        assert!(subscribe(&mut wildcards, "sensors/*/readings", 1));
        assert!(!subscribe(&mut wildcards, "sensors/*/readings", 1));
        assert!(subscribe(&mut wildcards, "sensors/**", 2));
        assert!(subscribe(&mut wildcards, "*/7/*", 3));
        assert!(subscribe(&mut wildcards, "**", 4));
        for (key, expected) in [
            ("sensors/7/readings", &[1, 2, 3, 4][..]),
            ("sensors/8/readings", &[1, 2, 4]),
            ("sensors/8/readings/x", &[2, 4]),
            ("sensors", &[4]),
            ("sensors/", &[2, 4]),
            ("sensors//readings", &[1, 2, 4]),
            ("rooms/7/x", &[3, 4]),
            ("", &[4]),
        ] {
            assert_eq!(join(&wildcards, key), expected, "{key}");
        }
        // Each once, and those of the key itself first.
        let (mut exact, limits) = (Subscriptions::new(), Limits::default());
        exact.subscribe("rooms/7/x", 9, &limits).unwrap();
        exact.subscribe("rooms/7/x", 4, &limits).unwrap();
        let joined = wildcards.join(b"rooms/7/x", exact.subscribers("rooms/7/x"));
        assert_eq!(joined, Some([9, 4, 3].into()));
    }

    #[test]
    fn what_is_no_wildcard_is_refused() {
        let mut wildcards = WildcardSubscriptions::new();
        let limits = Limits::default();
        let deep = ["*"; 17].join("/");
        for pattern in ["", "a", "a/b", "a*", "*a/b", "**/a", "a/***", &deep] {
            let subscribed = wildcards.subscribe_from(pattern.as_bytes(), 1, ORIGIN, &limits);
            assert_eq!(subscribed, Err(SubscribeError::NoWildcard), "{pattern}");
        }
        assert!(wildcards.wildcards.is_empty());
    }

    #[test]
    fn patterns_go_with_their_subscribers() {
        let mut wildcards = WildcardSubscriptions::new();
        for who in 0..1000 {
            let pattern = alloc::format!("a/{who}/*");
            assert!(subscribe(&mut wildcards, &pattern, who));
        }
        for who in 0..1000 {
            let key = alloc::format!("a/{who}/b");
            assert_eq!(join(&wildcards, &key), [who]);
            wildcards.remove(who);
            assert!(join(&wildcards, &key).is_empty());
            let left = usize::try_from(999 - who).unwrap();
            assert!(wildcards.wildcards.len() <= 2 * left + 16);
        }
        assert!(subscribe(&mut wildcards, "*", 1) && wildcards.unsubscribe(b"*", 1));
        assert!(wildcards.wildcards.is_empty() && !wildcards.unsubscribe(b"*", 1));
    }
}
