//! Clocks.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netaio_core::Now;

/// The clock of a server, a client or a UDP node: the system's, unless the builder is
/// given another, for a simulation or a replay.
///
/// Deadlines are handed to [`Runtime::sleep_until`](crate::Runtime::sleep_until): with
/// a clock of one's own, the runtime's timers have to follow it.
///
/// ```
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
///
/// use netaio_driver::Clock;
/// use netaio_driver::core::Now;
///
/// /// A clock that is set by hand.
/// struct Stopped {
///     start: Instant,
///     elapsed: Mutex<Duration>,
/// }
///
/// impl Clock for Stopped {
///     fn now(&self) -> Now {
///         let elapsed = *self.elapsed.lock().unwrap();
///         Now::new(elapsed, 1_700_000_000 + elapsed.as_secs())
///     }
///
///     fn instant(&self, monotonic: Duration) -> Instant {
///         self.start + monotonic
///     }
/// }
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time. The monotonic reading never goes back. Every task calls this once or
    /// twice a turn, on any thread.
    fn now(&self) -> Now;

    /// The instant of a monotonic reading, which may be so late that it means "never".
    fn instant(&self, monotonic: Duration) -> Instant;
}

/// The clock of one server, client or node.
#[derive(Clone, Default)]
pub(crate) struct Time(Option<Arc<dyn Clock>>);

impl Time {
    pub(crate) fn of(clock: impl Clock) -> Self {
        Self(Some(Arc::new(clock)))
    }

    pub(crate) fn now(&self) -> Now {
        match &self.0 {
            None => system::now(),
            Some(clock) => clock.now(),
        }
    }

    /// The monotonic reading alone, for which the system is asked once.
    pub(crate) fn monotonic(&self) -> Duration {
        match &self.0 {
            None => system::monotonic(),
            Some(clock) => clock.now().monotonic,
        }
    }

    /// The instant of a monotonic reading.
    pub(crate) fn instant(&self, monotonic: Duration) -> Instant {
        match &self.0 {
            None => system::instant(monotonic),
            Some(clock) => clock.instant(monotonic),
        }
    }

    /// The instant `after` from now.
    pub(crate) fn instant_after(&self, after: Duration) -> Instant {
        self.instant(self.monotonic().saturating_add(after))
    }
}

/// The system's clocks.
mod system {
    use super::*;

    /// The origin of every monotonic reading of this process.
    fn origin() -> Instant {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        *ORIGIN.get_or_init(Instant::now)
    }

    pub(super) fn now() -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now::new(monotonic(), unix.unwrap_or_default().as_secs())
    }

    pub(super) fn monotonic() -> Duration {
        origin().elapsed()
    }

    /// A reading that the clock cannot express becomes a century.
    pub(super) fn instant(monotonic: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let origin = origin();
        origin.checked_add(monotonic.min(CENTURY)).unwrap_or(origin)
    }
}
