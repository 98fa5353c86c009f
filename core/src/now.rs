//! The time that every input carries.

use core::num::NonZeroU64;
use core::time::Duration;

/// What time it is, as the caller read it: the core has no clock of its own.
///
/// Both readings come with every input, so a run can be replayed to the byte
/// from its recorded inputs, and a simulation may let a year pass in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// A reading of a clock that never goes back, from any origin that stays
    /// the same for one [`Link`](crate::Link) and its [`Node`](crate::Node).
    /// All deadlines are readings of this clock.
    ///
    /// Should it go back all the same, the management of peers and the budget of
    /// replies do not wait until it has caught up: rounds and refills are one
    /// period away at most from the time that is given, and peers expire within
    /// two timeouts.
    pub monotonic: Duration,
    /// Seconds since the Unix epoch, for the timestamps in auth fields. It may
    /// jump; only those timestamps depend on it, and the replay windows that check
    /// them.
    pub unix: u64,
}

impl Now {
    /// Both readings at once.
    #[must_use]
    pub const fn new(monotonic: Duration, unix: u64) -> Self {
        Self { monotonic, unix }
    }

    /// The system's readings at this moment: the monotonic clock since `start`, which stays
    /// the same for a node, and seconds of the Unix time, which count from 1970 on. With
    /// the feature `std`.
    ///
    /// ```
    /// use netaio_core::Now;
    /// use std::time::Instant;
    ///
    /// let start = Instant::now();
    /// let now = Now::since(start);
    /// assert!(now.monotonic <= start.elapsed());
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn since(start: std::time::Instant) -> Self {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::new(start.elapsed(), unix.unwrap_or_default().as_secs())
    }

    /// The deadline `after` from now. A duration too long for the clock means
    /// "never", so it saturates.
    #[must_use]
    pub const fn deadline(&self, after: Duration) -> Duration {
        self.monotonic.saturating_add(after)
    }
}
/// A reading of the monotonic clock in half of the room, also where there may be none: for
/// what every link keeps. It is exact for 584 years.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(
    /// Nanoseconds, and one more.
    NonZeroU64,
);

impl From<Duration> for Moment {
    #[inline]
    fn from(reading: Duration) -> Self {
        let seconds = reading.as_secs().saturating_mul(NANOSECONDS);
        let nanoseconds = seconds.saturating_add(u64::from(reading.subsec_nanos()));
        Self(NonZeroU64::MIN.saturating_add(nanoseconds))
    }
}

impl From<Moment> for Duration {
    #[inline]
    fn from(Moment(number): Moment) -> Self {
        Self::from_nanos(number.get().saturating_sub(1))
    }
}

/// Those of a second.
const NANOSECONDS: u64 = 1_000_000_000;
