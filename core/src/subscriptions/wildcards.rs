//! Subscribers of many keys at once.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;

use super::error::SubscribeError;
use super::{Subscribers, Subscriptions};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::network::Origin;

/// Subscribers by patterns of keys, found segment by segment: `*` is one segment, and `**`, at
/// the end, all that follows, one segment at least. Segments are what is between two `/`.
#[derive(Clone, Debug)]
pub(crate) struct Wildcards<S> {
    /// Patterns and their subscribers, within the same limits as keys and theirs.
    patterns: Subscriptions<S>,
    root: Segment,
    /// The patterns that the tree has: those that have lost their subscribers are forgotten
    /// when they are half of them.
    in_tree: usize,
}

/// What patterns have in common up to one of their segments.
#[derive(Clone, Debug, Default)]
struct Segment {
    named: BTreeMap<Box<[u8]>, Segment>,
    any: Option<Box<Segment>>,
    /// The pattern that ends here.
    ends: Option<Arc<[u8]>>,
    /// The pattern that takes all that follows.
    rest: Option<Arc<[u8]>>,
}

impl<S: Copy + Eq + Hash> Wildcards<S> {
    /// The most segments of a pattern: a look-up goes no deeper.
    const SEGMENTS: usize = 16;

    pub(crate) fn new() -> Self {
        Self {
            patterns: Subscriptions::new(),
            root: Segment::default(),
            in_tree: 0,
        }
    }

    pub(crate) fn set_hashes(&mut self, hashes: Hashes) {
        self.patterns.set_hashes(hashes);
    }

    /// As [`Subscriptions::subscribe_from`].
    pub(crate) fn subscribe_from(
        &mut self,
        pattern: &[u8],
        subscriber: S,
        origin: Origin,
        limits: &Limits,
    ) -> Result<bool, SubscribeError> {
        if !is_pattern(pattern, Self::SEGMENTS) {
            return Err(SubscribeError::NoPattern);
        }
        let is_new = self
            .patterns
            .subscribe_from(pattern, subscriber, origin, limits)?;
        if is_new && self.patterns.count(pattern) == 1 {
            self.in_tree = self
                .in_tree
                .saturating_add(usize::from(self.root.insert(pattern)));
        }
        // Others may have given way.
        self.prune();
        Ok(is_new)
    }

    pub(crate) fn unsubscribe(&mut self, pattern: &[u8], subscriber: S) -> bool {
        let was_there = self.patterns.unsubscribe(pattern, subscriber);
        self.prune();
        was_there
    }

    /// Ends all subscriptions of a subscriber.
    pub(crate) fn remove(&mut self, subscriber: S) {
        if self.patterns.remove(subscriber) > 0 {
            self.prune();
        }
    }

    /// The subscribers of all patterns that a key matches, and those of the key itself, each
    /// once. None where no pattern has any.
    pub(crate) fn join(&self, key: &[u8], exact: Subscribers<'_, S>) -> Option<Vec<S>>
    where
        S: Ord,
    {
        if self.in_tree == 0 {
            return None;
        }
        let mut found = Vec::new();
        self.root.find(Some(key), &mut |pattern| {
            found.extend(self.patterns.subscribers(pattern));
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
        let max = self.patterns.len().saturating_mul(2).saturating_add(FEW);
        if self.in_tree > max || self.patterns.is_empty() {
            self.root = Segment::default();
            self.in_tree = 0;
            for pattern in self.patterns.ids.keys() {
                self.in_tree = self
                    .in_tree
                    .saturating_add(usize::from(self.root.insert(pattern)));
            }
        }
    }
}

impl Segment {
    /// Takes a pattern in, and says whether it was not there.
    fn insert(&mut self, pattern: &[u8]) -> bool {
        let mut place = self;
        for segment in pattern.split(|byte| *byte == b'/') {
            match segment {
                b"**" => return place.rest.replace(pattern.into()).is_none(),
                b"*" => place = place.any.get_or_insert_default(),
                name => place = place.named.entry(name.into()).or_default(),
            }
        }
        place.ends.replace(pattern.into()).is_none()
    }

    /// Hands over each pattern that matches what is left of a key.
    fn find(&self, key: Option<&[u8]>, found: &mut impl FnMut(&[u8])) {
        let Some(key) = key else {
            if let Some(pattern) = &self.ends {
                found(pattern);
            }
            return;
        };
        if let Some(pattern) = &self.rest {
            found(pattern);
        }
        let end = key.iter().position(|byte| *byte == b'/');
        let (segment, left) = match end.and_then(|end| key.split_at_checked(end)) {
            Some((segment, left)) => (segment, left.get(1..)),
            None => (key, None),
        };
        if let Some(next) = self.named.get(segment) {
            next.find(left, found);
        }
        if let Some(next) = &self.any {
            next.find(left, found);
        }
    }
}

/// Whether it has a wildcard, each of them a whole segment, and `**` the last.
fn is_pattern(pattern: &[u8], max: usize) -> bool {
    let mut segments = pattern.split(|byte| *byte == b'/').peekable();
    let (mut count, mut wildcards) = (0_usize, 0_usize);
    while let Some(segment) = segments.next() {
        count = count.saturating_add(1);
        match segment {
            b"*" => wildcards = wildcards.saturating_add(1),
            b"**" if segments.peek().is_none() => wildcards = wildcards.saturating_add(1),
            name if name.contains(&b'*') => return false,
            _ => {}
        }
    }
    wildcards > 0 && count <= max
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin {
        network: None,
        verified: true,
    };

    fn subscribe(wildcards: &mut Wildcards<u32>, pattern: &str, who: u32) -> bool {
        let limits = Limits::default();
        let subscribed = wildcards.subscribe_from(pattern.as_bytes(), who, ORIGIN, &limits);
        subscribed.unwrap()
    }

    fn join(wildcards: &Wildcards<u32>, key: &str) -> Vec<u32> {
        let joined = wildcards.join(key.as_bytes(), Subscribers::default());
        joined.unwrap_or_default()
    }

    #[test]
    fn segments_are_matched_one_by_one() {
        let mut wildcards = Wildcards::new();
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
    fn what_is_no_pattern_is_refused() {
        let mut wildcards = Wildcards::new();
        let limits = Limits::default();
        let deep = ["*"; 17].join("/");
        for pattern in ["", "a", "a/b", "a*", "*a/b", "**/a", "a/***", &deep] {
            let subscribed = wildcards.subscribe_from(pattern.as_bytes(), 1, ORIGIN, &limits);
            assert_eq!(subscribed, Err(SubscribeError::NoPattern), "{pattern}");
        }
        assert_eq!(wildcards.in_tree, 0);
    }

    #[test]
    fn patterns_go_with_their_subscribers() {
        let mut wildcards = Wildcards::new();
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
            assert!(wildcards.in_tree <= 2 * left + 16);
        }
        assert!(subscribe(&mut wildcards, "*", 1) && wildcards.unsubscribe(b"*", 1));
        assert!(wildcards.in_tree == 0 && !wildcards.unsubscribe(b"*", 1));
    }
}
