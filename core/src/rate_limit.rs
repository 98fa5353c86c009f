//! How many messages each of many senders may have in a time.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// Lets each of many have so many messages at once, and as many in each time: a bucket of
/// tokens for each, of those that have used some.
///
/// The table is bounded. Where it is full the one goes that has most of its tokens, which then
/// has all of them again: those who send much are remembered longest.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_core::RateLimiter;
///
/// // Two at once, then one each 500 ms, for up to 1,000 senders.
/// let mut limiter = RateLimiter::new(2, Duration::from_secs(1), 1_000);
/// let ms = Duration::from_millis;
/// assert!(limiter.admit(ms(0), "a").is_ok() && limiter.admit(ms(0), "a").is_ok());
/// // How long it has to wait.
/// assert_eq!(limiter.admit(ms(100), "a"), Err(ms(400)));
/// assert!(limiter.admit(ms(100), "b").is_ok());
/// assert!(limiter.admit(ms(500), "a").is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter<K> {
    /// The time in which one token comes.
    interval: Duration,
    /// The time in which a bucket fills.
    burst: Duration,
    max: usize,
    /// When the bucket of each is full again: in the future, but for those who go next.
    full_at: BTreeMap<K, Duration>,
    /// The same, the fullest first.
    by_time: BTreeSet<(Duration, K)>,
}

impl<K: Copy + Ord> RateLimiter<K> {
    /// `messages` at once and in each `time`, for at most `max` senders at a time. No messages
    /// are none; no time is no limit; and one sender is known at least.
    #[must_use]
    pub fn new(messages: u32, time: Duration, max: usize) -> Self {
        Self {
            interval: time.checked_div(messages).unwrap_or(Duration::MAX),
            burst: match messages {
                0 => Duration::ZERO,
                _ => time,
            },
            max: max.max(1),
            full_at: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }

    /// Takes one token of a sender, at a reading of the monotonic clock.
    ///
    /// # Errors
    /// It has none left: how long it takes until it has.
    pub fn admit(&mut self, now: Duration, sender: K) -> Result<(), Duration> {
        let known = self.full_at.get(&sender).copied();
        let full_at = known.unwrap_or(now).max(now).saturating_add(self.interval);
        let latest = now.saturating_add(self.burst);
        if full_at > latest {
            return Err(full_at.saturating_sub(latest));
        }
        match known {
            Some(known) => {
                self.by_time.remove(&(known, sender));
            }
            None => self.make_room(now),
        }
        self.full_at.insert(sender, full_at);
        self.by_time.insert((full_at, sender));
        Ok(())
    }

    /// The senders that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    /// Forgets up to two whose buckets are full, and the fullest if there is no room else.
    fn make_room(&mut self, now: Duration) {
        for _ in 0..2 {
            let Some(&(full_at, sender)) = self.by_time.first() else {
                return;
            };
            if full_at > now && self.len() < self.max {
                return;
            }
            self.by_time.pop_first();
            self.full_at.remove(&sender);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn each_has_its_burst_and_then_its_rate() {
        let mut limiter = RateLimiter::new(10, ms(1000), 8);
        for sender in 0..3 {
            for _ in 0..10 {
                assert_eq!(limiter.admit(ms(5000), sender), Ok(()));
            }
            assert_eq!(limiter.admit(ms(5000), sender), Err(ms(100)));
            assert_eq!(limiter.admit(ms(5099), sender), Err(ms(1)));
            assert_eq!(limiter.admit(ms(5100), sender), Ok(()));
            assert_eq!(limiter.admit(ms(5100), sender), Err(ms(100)));
        }
        // A pause gives no more than the burst.
        let admitted = (0..20).filter(|_| limiter.admit(ms(60_000), 1).is_ok());
        assert_eq!(admitted.count(), 10);
        // A clock that goes back gives nothing.
        assert!(limiter.admit(ms(0), 1).is_err());
    }

    #[test]
    fn nothing_and_everything_may_be_admitted() {
        let mut none = RateLimiter::new(0, ms(1000), 8);
        assert!(none.admit(ms(0), 1).is_err() && none.is_empty());
        let mut all = RateLimiter::new(1, Duration::ZERO, 8);
        assert!((0..1000).all(|_| all.admit(ms(0), 1).is_ok()));
    }

    #[test]
    fn the_table_is_bounded_and_keeps_who_sends_much() {
        let mut limiter = RateLimiter::new(4, ms(1000), 100);
        while limiter.admit(ms(0), 0).is_ok() {}
        for sender in 1..10_000 {
            assert_eq!(limiter.admit(ms(0), sender), Ok(()));
            assert!(limiter.len() <= 100 && limiter.by_time.len() == limiter.len());
        }
        assert!(limiter.admit(ms(0), 0).is_err());
        // Those whose buckets are full take no room.
        for sender in 0..200 {
            assert_eq!(limiter.admit(ms(10_000), sender), Ok(()));
        }
        for sender in 0..60 {
            let _ = limiter.admit(ms(20_000), sender);
        }
        assert!(limiter.len() < 100);
    }
}
