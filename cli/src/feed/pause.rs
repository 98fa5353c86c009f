//! When a server is connected to again.

use std::time::{Duration, Instant};

use chacha20::ChaCha20Rng;
use netaio_core::{Backoff, BackoffConfig, Now};
use rand_core::SeedableRng;

use crate::error::CliError;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);

/// A connection that lasts for less is one more failure, unless something was heard by it.
const LASTING: Duration = Duration::from_secs(5);

/// The pauses, which grow with each failure.
pub(super) struct Pause {
    backoff: Backoff,
    rng: ChaCha20Rng,
    begun: Instant,
    connected: Duration,
    is_well: bool,
}

impl Pause {
    /// For a connection that is made now.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(super) fn new() -> Result<Self, CliError> {
        let mut seed = <ChaCha20Rng as SeedableRng>::Seed::default();
        getrandom::fill(&mut seed).map_err(CliError::Random)?;
        let config = BackoffConfig::new(Duration::from_millis(100))
            .with_factor(2)
            .with_maximum(LONGEST)
            .with_jitter(true);
        Ok(Self {
            backoff: Backoff::new(config),
            rng: ChaCha20Rng::from_seed(seed),
            begun: Instant::now(),
            connected: Duration::ZERO,
            is_well: false,
        })
    }

    fn now(&self) -> Now {
        Now::new(self.begun.elapsed(), 0)
    }

    /// A connection is made.
    pub(super) fn connected(&mut self) {
        self.connected = self.begun.elapsed();
        self.is_well = false;
    }

    /// Something has come by it.
    pub(super) fn is_well(&mut self) {
        self.is_well = true;
    }

    /// The connection is lost.
    pub(super) fn lost(&mut self) {
        let now = self.now();
        let lasted = now.monotonic.saturating_sub(self.connected);
        match self.is_well || lasted >= LASTING {
            true => self.backoff.success(now),
            false => self.backoff.failure(now, &mut self.rng),
        }
    }

    /// It could not be made again.
    pub(super) fn failed(&mut self) {
        let now = self.now();
        self.backoff.failure(now, &mut self.rng);
    }

    /// When it may be tried next.
    pub(super) fn until(&self) -> Instant {
        // Tries are not limited.
        let at = self.backoff.next(self.now());
        self.begun + at.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_hangs_up_is_asked_ever_less() {
        let mut pause = Pause::new().unwrap();
        for _ in 0..20 {
            pause.connected();
            pause.lost();
        }
        assert_eq!(pause.backoff.failures(), 20);
        assert!(pause.until() < Instant::now() + LONGEST);
        pause.connected();
        pause.is_well();
        pause.lost();
        assert_eq!(pause.backoff.failures(), 0);
    }
}
