//! What time is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest warm-up.
const WARM_UP: Duration = Duration::from_secs(1);

/// A time to measure, after a warm-up. It may end earlier than it was to.
pub(super) struct Window {
    begun: Instant,
    warm_up: Duration,
    /// In nanoseconds since it has begun.
    end: AtomicU64,
}

impl Window {
    /// One that begins now. The warm-up is a tenth of the time, or a second where that is less.
    pub(super) fn begin(time: Duration) -> Self {
        let warm_up = WARM_UP.min(time / 10);
        let end = nanoseconds(warm_up.saturating_add(time));
        Self {
            begun: Instant::now(),
            warm_up,
            end: AtomicU64::new(end),
        }
    }

    /// When the warm-up has begun.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// The end of the warm-up.
    pub(super) fn start(&self) -> Instant {
        self.begun + self.warm_up
    }

    pub(super) fn end(&self) -> Instant {
        self.begun + Duration::from_nanos(self.end.load(Ordering::Relaxed))
    }

    /// Ends it now, if it has not ended.
    pub(super) fn close(&self) {
        let now = nanoseconds(self.begun.elapsed());
        self.end.fetch_min(now, Ordering::Relaxed);
    }

    /// What is measured: nothing where it was closed during the warm-up.
    pub(super) fn measured(&self) -> Duration {
        self.end().saturating_duration_since(self.start())
    }
}

/// 584 years at most.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
