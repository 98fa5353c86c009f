//! What a gateway is subscribed to at NATS: one subscription for each uri or pattern, however many
//! subscribers it has here, for as long as it has any.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use netaio_driver::core::Wildcards;
use tokio::sync::OnceCell;
use tokio::task::AbortHandle;

/// What subscribers name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// A uri as it is.
    Uri(Bytes),
    /// All uris that a pattern matches.
    Pattern(Bytes),
}

/// A subscription at NATS.
#[derive(Default)]
pub(crate) struct Interest {
    /// The task that delivers what comes, once there is one. It ends with the interest.
    pub(crate) task: OnceCell<Task>,
}

/// A task that ends when nobody has this any more.
pub(crate) struct Task(pub(crate) AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Interests(Mutex<All>);

#[derive(Default)]
struct All {
    topics: BTreeMap<Topic, Numbered>,
    /// The patterns among them.
    wildcards: Wildcards,
    /// How many have been added so far.
    added: u64,
    /// Up to where they were looked through.
    swept: Option<Topic>,
}

/// An interest, and when it was added.
struct Numbered {
    number: u64,
    interest: Arc<Interest>,
}

impl Interests {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That of a topic, which is added if there is none.
    pub(crate) fn of(&self, topic: &Topic) -> Arc<Interest> {
        let mut all = self.lock();
        if let Some(known) = all.topics.get(topic) {
            return known.interest.clone();
        }
        let interest = Arc::<Interest>::default();
        let numbered = Numbered {
            number: all.added,
            interest: interest.clone(),
        };
        all.added = all.added.saturating_add(1);
        all.topics.insert(topic.clone(), numbered);
        if let Topic::Pattern(pattern) = topic {
            all.wildcards.insert(pattern);
        }
        interest
    }

    /// Whether it is this topic's subscription that delivers what comes for a uri: of all whose topics
    /// match it, the oldest one does, so that subscribers get it once.
    pub(crate) fn delivers(&self, topic: &Topic, uri: &[u8]) -> bool {
        let all = self.lock();
        let Some(own) = all.topics.get(topic) else {
            return false;
        };
        let is_older = |other: &Numbered| other.number < own.number;
        let exact = Topic::Uri(Bytes::copy_from_slice(uri));
        if *topic != exact && all.topics.get(&exact).is_some_and(is_older) {
            return false;
        }
        let mut delivers = true;
        all.wildcards.find(uri, |wildcard| {
            let other = Topic::Pattern(Bytes::copy_from_slice(wildcard));
            let is_before = other != *topic && all.topics.get(&other).is_some_and(is_older);
            delivers = delivers && !is_before;
        });
        delivers
    }

    /// Whether there are patterns: without one a uri has one topic at most.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.lock().wildcards.is_empty()
    }

    /// Looks through some, where the last time has ended, and removes those that nobody needs any
    /// more.
    pub(crate) fn sweep(&self, most: usize, is_needed: impl Fn(&Topic) -> bool) {
        let mut all = self.lock();
        let from = match all.swept.take() {
            Some(topic) => Bound::Excluded(topic),
            None => Bound::Unbounded,
        };
        let next = all.topics.range((from, Bound::Unbounded));
        let next: Vec<Topic> = next.map(|(topic, _)| topic.clone()).take(most).collect();
        for topic in &next {
            if !is_needed(topic) {
                all.topics.remove(topic);
                if let Topic::Pattern(pattern) = topic {
                    all.wildcards.remove(pattern);
                }
            }
        }
        // Those behind the last are looked through the next time, else the first again.
        if next.len() == most {
            all.swept = next.into_iter().next_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &'static str) -> Topic {
        Topic::Uri(Bytes::from_static(text.as_bytes()))
    }

    fn pattern(text: &'static str) -> Topic {
        Topic::Pattern(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn of_all_that_match_one_delivers() {
        let interests = Interests::default();
        let topics = [pattern("a/*"), uri("a/b"), pattern("**"), uri("b")];
        for topic in &topics {
            let first = interests.of(topic);
            assert!(Arc::ptr_eq(&first, &interests.of(topic)));
        }
        let delivering = |name: &str| {
            let delivers = |topic: &&Topic| interests.delivers(topic, name.as_bytes());
            topics.iter().filter(delivers).cloned().collect::<Vec<_>>()
        };
        assert_eq!(delivering("a/b"), [pattern("a/*")]);
        interests.sweep(10, |topic| *topic != pattern("a/*"));
        assert_eq!(delivering("a/b"), [uri("a/b")]);
        interests.sweep(10, |topic| *topic != uri("a/b"));
        assert_eq!(delivering("a/b"), [pattern("**")]);
    }

    #[test]
    fn a_sweep_goes_on_where_the_last_one_ended() {
        let interests = Interests::default();
        for name in ["a", "b", "c", "d", "e"] {
            interests.of(&uri(name));
        }
        let seen = Mutex::new(Vec::new());
        for _ in 0..3 {
            interests.sweep(2, |topic| {
                seen.lock().unwrap().push(topic.clone());
                *topic != uri("b")
            });
        }
        let expected = ["a", "b", "c", "d", "e"].map(uri);
        assert_eq!(seen.into_inner().unwrap(), expected);
        assert_eq!(interests.lock().topics.len(), 4);
    }
}
