//! The system's clocks, read for the core.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netaio_core::Now;

/// The origin of every monotonic reading of this process.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// What time it is.
pub(crate) fn now() -> Now {
    let origin = origin();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Now::new(origin.elapsed(), unix.unwrap_or_default().as_secs())
}

/// The instant of a monotonic reading. One that the clock cannot express lies a
/// century ahead.
pub(crate) fn instant(monotonic: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let origin = origin();
    origin.checked_add(monotonic.min(CENTURY)).unwrap_or(origin)
}
