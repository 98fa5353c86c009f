//! A replay log that threads share.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use super::{ReplayGuard, ReplayLog};
use crate::error::ReplayRefusal;
use crate::now::Now;
use crate::place::Place;

/// A [`ReplayLog`] behind a lock. Needs the cargo feature `std`. The lock is held
/// for a look-up and an insertion, never while a MAC is computed.
#[derive(Debug)]
pub struct ReplayWindow(Mutex<ReplayLog>);

impl ReplayWindow {
    /// For clocks that differ by at most `skew`, in whole seconds and up to 34
    /// years, and for this many messages.
    #[must_use]
    pub fn new(skew: Duration, entries: usize) -> Self {
        ReplayLog::new(skew, entries).into()
    }
}

impl From<ReplayLog> for ReplayWindow {
    fn from(log: ReplayLog) -> Self {
        Self(Mutex::new(log))
    }
}

impl ReplayGuard for ReplayWindow {
    fn admit(
        &self,
        mac: &[u8; 32],
        ts: u32,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal> {
        // No panic leaves a log half changed.
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.admit(mac, ts, now, from)
    }
}
