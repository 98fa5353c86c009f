//! What was measured, in a histogram that all share.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use netaio_core::SendError;
use netaio_driver::RequestError;

use super::window::{Window, nanoseconds};
use crate::error::CliError;

/// The longest latency that is told from longer ones, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// Significant figures of latencies.
const FIGURES: u8 = 3;

/// The samples that a caller keeps until it takes the lock for all of them.
const KEPT: usize = 128;

/// How old a sample may get meanwhile, where others follow.
const OLD: Duration = Duration::from_millis(100);

/// The sums of all callers, or of all subscribers.
pub(super) struct Totals(Mutex<Sums>);

pub(super) struct Sums {
    /// In nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// Those that ended within the time that is measured.
    pub(super) within: u64,
    /// By kind.
    pub(super) errors: BTreeMap<&'static str, u64>,
    /// One of them.
    pub(super) error: Option<CliError>,
}

impl Sums {
    /// # Errors
    /// Never: the histogram's bounds are constants.
    pub(super) fn new() -> Result<Self, CliError> {
        let latency = Histogram::new_with_bounds(1, LONGEST, FIGURES)
            .map_err(|error| CliError::Start(io::Error::other(error)))?;
        Ok(Self {
            latency,
            within: 0,
            errors: BTreeMap::new(),
            error: None,
        })
    }
}

impl Totals {
    /// # Errors
    /// Never, as [`Sums::new`].
    pub(super) fn new() -> Result<Self, CliError> {
        Ok(Self(Mutex::new(Sums::new()?)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Sums> {
        // They are consistent between two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an error. The last one of a kind that ends everything is shown, else the first.
    pub(super) fn add_error(&self, error: CliError) {
        use RequestError::{Closed, Send};
        // The end of a connection is one thing, whether a request had been sent before or not.
        let error = match error {
            CliError::Request(Closed(reason) | Send(SendError::Closed(reason))) => {
                CliError::Lost(reason)
            }
            error => error,
        };
        let mut sums = self.lock();
        let count = sums.errors.entry(kind(&error)).or_default();
        *count = count.saturating_add(1);
        if sums.error.is_none() || is_end(&error) {
            sums.error = Some(error);
        }
    }
}

/// Samples of one caller or subscriber, which takes a lock for many of them at once.
pub(super) struct Samples {
    totals: Arc<Totals>,
    window: Arc<Window>,
    kept: Vec<u64>,
    within: u64,
    given: Instant,
}

impl Samples {
    pub(super) fn new(totals: Arc<Totals>, window: Arc<Window>) -> Self {
        Self {
            totals,
            given: window.begun(),
            window,
            kept: Vec::with_capacity(KEPT),
            within: 0,
        }
    }

    /// Adds what took from the one time to the other, where that is after the warm-up.
    pub(super) fn add(&mut self, from: Instant, to: Instant) {
        if to < self.window.start() {
            return;
        }
        self.kept
            .push(nanoseconds(to.saturating_duration_since(from)));
        if to <= self.window.end() {
            self.within = self.within.saturating_add(1);
        }
        if self.kept.len() >= KEPT || to.saturating_duration_since(self.given) >= OLD {
            self.given = to;
            self.give();
        }
    }

    /// Gives the sums what is kept.
    pub(super) fn give(&mut self) {
        let mut sums = self.totals.lock();
        for nanoseconds in self.kept.drain(..) {
            sums.latency.saturating_record(nanoseconds);
        }
        sums.within = sums.within.saturating_add(std::mem::take(&mut self.within));
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        self.give();
    }
}

/// Whether a connection has ended, and with it all that it is asked.
pub(super) fn is_end(error: &CliError) -> bool {
    use RequestError::{Closed, Send};
    matches!(
        error,
        CliError::Lost(_) | CliError::Request(Closed(_) | Send(SendError::Closed(_)))
    )
}

/// How errors are counted: there are few kinds, whatever a server answers.
fn kind(error: &CliError) -> &'static str {
    match error {
        error if is_end(error) => "connection ended",
        CliError::Request(RequestError::TimedOut(_)) => "timed out",
        CliError::Request(RequestError::Undelivered(_)) => "not delivered",
        CliError::Request(_) => "not sent",
        CliError::Answer(answer) => answer.0.message_type.base_name().unwrap_or("other answer"),
        _ => "other answer",
    }
}
