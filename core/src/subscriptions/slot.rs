//! What is known of one subscription.

use core::time::Duration;

/// When a subscription ends by itself, in whole seconds of the monotonic clock.
pub(super) type Until = u32;

/// One that ends when it is told to.
pub(super) const FOR_EVER: Until = Until::MAX;

/// A subscription of a subscriber.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Its slot in the channel.
    pub(super) index: u32,
    pub(super) until: Until,
}

/// What is known of when subscriptions end.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    /// None ends before this.
    pub(super) first: Until,
    /// The last time that was given.
    pub(super) now: Duration,
    /// The longest lease so far.
    pub(super) longest: Duration,
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            first: FOR_EVER,
            now: Duration::ZERO,
            longest: Duration::ZERO,
        }
    }
}
