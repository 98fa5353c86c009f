//! Subscriptions that last for a time only.

use alloc::vec::Vec;
use core::hash::Hash;
use core::time::Duration;

use super::Subscriptions;
use super::slot::{FOR_EVER, Until};

/// The first whole second that is not before a time.
fn seconds(time: Duration) -> Until {
    let up = u64::from(time.subsec_nanos() > 0);
    let seconds = time.as_secs().saturating_add(up);
    Until::try_from(seconds).unwrap_or(FOR_EVER - 1)
}

impl<S: Copy + Eq + Hash> Subscriptions<S> {
    /// Limits the time for which a subscription lasts, from now on, or with `None` lifts that
    /// limit; and says whether there is such a subscription. Until it is called one lasts until
    /// it is ended. What ends by itself is removed by [`remove_expired`](Self::remove_expired),
    /// at the first whole second of the clock past its lease.
    pub fn lease(
        &mut self,
        now: Duration,
        key: impl AsRef<[u8]>,
        subscriber: S,
        lease: Option<Duration>,
    ) -> bool {
        let Some(id) = self.id(key.as_ref()) else {
            return false;
        };
        let known = self.subscribers.get_mut(&subscriber);
        let Some(slot) = known.and_then(|known| known.slots.get_mut(&id)) else {
            return false;
        };
        slot.until = FOR_EVER;
        if let Some(lease) = lease {
            slot.until = seconds(now.saturating_add(lease));
            self.leases.first = self.leases.first.min(slot.until);
            self.leases.longest = self.leases.longest.max(lease);
        }
        true
    }

    /// Removes the subscriptions whose leases have run out, and says how many there were. It
    /// looks at all of them, once a second at most, and at none before
    /// [`next_expiry`](Self::next_expiry). Should the clock go back, none lasts for longer than
    /// its lease from then on.
    pub fn remove_expired(&mut self, now: Duration) -> usize {
        let went_back = now < self.leases.now;
        self.leases.now = now;
        if self.leases.first == FOR_EVER {
            return 0;
        }
        let whole = now.as_secs();
        if !went_back && whole < u64::from(self.leases.first) {
            return 0;
        }
        let latest = seconds(now.saturating_add(self.leases.longest));
        let (mut first, mut expired) = (FOR_EVER, Vec::new());
        for (who, known) in &mut self.subscribers {
            for (id, slot) in &mut known.slots {
                if slot.until == FOR_EVER {
                    continue;
                }
                slot.until = slot.until.min(latest);
                match u64::from(slot.until) <= whole {
                    true => expired.push((*id, *who)),
                    false => first = first.min(slot.until),
                }
            }
        }
        self.leases.first = first;
        let count = expired.len();
        for (id, who) in expired {
            let channel = self.channels.get(id);
            if let Some(key) = channel.map(|channel| channel.key().to_vec()) {
                self.unsubscribe(key, who);
            }
        }
        count
    }

    /// Before this time [`remove_expired`](Self::remove_expired) finds nothing, a reading of
    /// the monotonic clock; at this time it may find nothing either.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        let first = self.leases.first;
        (first != FOR_EVER).then(|| Duration::from_secs(first.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    const SECOND: Duration = Duration::from_secs(1);

    fn subscribed(keys: &[&str]) -> Subscriptions<u32> {
        let mut subscriptions = Subscriptions::new();
        for key in keys {
            let new = subscriptions.subscribe(key, 1, &Limits::default());
            assert_eq!(new, Ok(true));
        }
        subscriptions
    }

    #[test]
    fn what_is_not_renewed_ends_and_the_rest_stays() {
        let mut all = subscribed(&["a", "b", "plain"]);
        assert_eq!(all.next_expiry(), None);
        let half = SECOND / 2;
        assert!(all.lease(half, "a", 1, Some(SECOND * 10)));
        assert!(all.lease(half, "b", 1, Some(SECOND * 20)));
        assert!(!all.lease(half, "b", 2, Some(SECOND)) && !all.lease(half, "c", 1, None));
        assert_eq!(all.next_expiry(), Some(SECOND * 11));
        assert_eq!(all.remove_expired(SECOND * 11 - half), 0);
        // Renewed, and with a lease no more.
        assert!(all.lease(SECOND * 10, "a", 1, Some(SECOND * 10)));
        assert_eq!(all.remove_expired(SECOND * 11), 0);
        assert_eq!(all.next_expiry(), Some(SECOND * 20));
        assert_eq!(all.remove_expired(SECOND * 20), 1);
        assert_eq!((all.count("a"), all.count("b"), all.len()), (0, 1, 2));
        assert!(all.lease(SECOND * 20, "b", 1, None));
        assert_eq!(all.remove_expired(SECOND * 1_000_000), 0);
        assert_eq!((all.next_expiry(), all.count("b")), (None, 1));
        assert_eq!(all.count("plain"), 1);
    }

    #[test]
    fn a_clock_that_goes_back_keeps_nothing_for_longer_than_its_lease() {
        let mut all = subscribed(&["a"]);
        let late = SECOND * 1_000_000;
        all.remove_expired(late);
        assert!(all.lease(late, "a", 1, Some(SECOND * 60)));
        assert_eq!(all.remove_expired(SECOND), 0);
        assert_eq!(all.next_expiry(), Some(SECOND * 61));
        assert_eq!(all.remove_expired(SECOND * 61), 1);
        assert!(all.is_empty());
    }

    #[test]
    fn who_subscribes_again_after_the_end_is_new() {
        let mut all = subscribed(&["a"]);
        assert!(all.lease(SECOND, "a", 1, Some(SECOND)));
        assert_eq!(all.remove_expired(SECOND * 2), 1);
        assert_eq!(all.subscribe("a", 1, &Limits::default()), Ok(true));
        assert_eq!(
            (all.next_expiry(), all.remove_expired(SECOND * 9)),
            (None, 0)
        );
    }
}
