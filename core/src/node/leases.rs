//! Subscriptions of addresses, for as long as they are renewed.

use core::time::Duration;

use super::Node;
use crate::network::Origin;
use crate::now::Now;
use crate::place::Place;

impl<H: Clone> Node<H> {
    /// Limits the time for which a subscription of an address lasts to what is asked for, from
    /// now on, and returns what is granted: no more than
    /// [`Limits::subscription_lease`](crate::Limits::subscription_lease). Without a lease the
    /// subscription lasts until it is ended, and so does one of a link, whose connection is its
    /// lease.
    ///
    /// A [`DatagramLink`](crate::DatagramLink) calls it by itself, where the answer to a
    /// `SUBSCRIBE_URI` is a `CONFIRM_SUBSCRIBE`: with what the request asks for, and for its
    /// uri. `None` is returned, and nothing granted, where there is no subscription of this
    /// key.
    pub fn lease(
        &mut self,
        now: Now,
        key: &[u8],
        who: Place,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        if who.link().is_some() {
            return None;
        }
        let longest = self.config.wire.limits.subscription_lease();
        let granted = asked.map(|asked| asked.min(longest));
        let known = self.subscriptions.lease(now.monotonic, key, who, granted);
        granted.filter(|_| known)
    }

    /// Notes who asks to be subscribed, and says whether it has to show first that it
    /// receives.
    pub(super) fn asks_to_subscribe(
        &mut self,
        now: Now,
        who: Place,
        key: &[u8],
        receives: bool,
    ) -> bool {
        let vouched = self.config.outer.authenticates() || self.discovery.peers().is_vouched(who);
        if vouched {
            return false;
        }
        if receives {
            self.receiving.insert(who, now.monotonic);
            return false;
        }
        let origin = Origin {
            network: who.network(),
            verified: false,
        };
        let limits = &self.config.wire.limits;
        self.subscriptions.is_full_for(key, who, origin, limits)
    }
}
