//! When to try again what has failed: delays that grow, with jitter, and an end.

use core::time::Duration;

use rand_core::Rng;

use crate::Now;

/// How attempts are spaced, and how many of them there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    first: Duration,
    factor: u32,
    maximum: Duration,
    jitter: bool,
    tries: Option<u32>,
}

impl BackoffConfig {
    /// The same delay between all attempts, whose number is not limited.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self {
            first: delay,
            factor: 1,
            maximum: Duration::MAX,
            jitter: false,
            tries: None,
        }
    }

    /// The delay after the first failure, and the least time between a success and
    /// the next attempt.
    #[must_use]
    pub const fn with_first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Each further failure multiplies the delay by this factor; 0 counts as 1. It
    /// is 1 unless set.
    #[must_use]
    pub const fn with_factor(mut self, factor: u32) -> Self {
        self.factor = match factor {
            0 => 1,
            factor => factor,
        };
        self
    }

    /// No delay is longer than this, the first included. There is no maximum unless
    /// set.
    #[must_use]
    pub const fn with_maximum(mut self, maximum: Duration) -> Self {
        self.maximum = maximum;
        self
    }

    /// Full jitter: each delay is drawn evenly between zero and what it would be
    /// otherwise, so that clients which lost the same server do not return to it in
    /// step. `false` unless set.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many attempts may fail in a row; `None` for no limit, as is the case
    /// unless set. With 0 there is no attempt at all.
    #[must_use]
    pub const fn with_tries(mut self, tries: Option<u32>) -> Self {
        self.tries = tries;
        self
    }

    /// The delay after the first failure, without jitter.
    #[must_use]
    pub fn first(&self) -> Duration {
        self.first.min(self.maximum)
    }

    /// What the delay is multiplied by after each further failure.
    #[must_use]
    pub const fn factor(&self) -> u32 {
        self.factor
    }

    /// The longest delay.
    #[must_use]
    pub const fn maximum(&self) -> Duration {
        self.maximum
    }

    /// Whether delays are drawn by a generator.
    #[must_use]
    pub const fn jitter(&self) -> bool {
        self.jitter
    }

    /// How many attempts may fail in a row, if that is limited.
    #[must_use]
    pub const fn tries(&self) -> Option<u32> {
        self.tries
    }

    fn drawn<R: Rng + ?Sized>(&self, delay: Duration, rng: &mut R) -> Duration {
        if !self.jitter {
            return delay;
        }
        // Past 584 years of nanoseconds nobody notices the difference.
        let nanoseconds = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let product = u128::from(nanoseconds).saturating_mul(u128::from(rng.next_u64()));
        Duration::from_nanos((product >> 64) as u64)
    }
}

/// The state of something that is tried until it succeeds: a connection, say.
///
/// - Getters: [`next`](Self::next), [`failures`](Self::failures).
/// - Inputs: [`success`](Self::success), [`lost`](Self::lost),
///   [`failure`](Self::failure). Those that may draw a delay take a generator;
///   without [jitter](BackoffConfig::with_jitter) they draw nothing.
///
/// ```
/// use std::time::Duration;
///
/// use chacha20::ChaCha12Rng;
/// use netaio_core::rand_core::SeedableRng;
/// use netaio_core::{Backoff, BackoffConfig, Now};
///
/// let mut rng = ChaCha12Rng::from_seed([7; 32]); // in earnest: from the operating system
/// let second = Duration::from_secs(1);
/// let config = BackoffConfig::new(second)
///     .with_factor(2)
///     .with_maximum(5 * second)
///     .with_tries(Some(4));
/// let mut backoff = Backoff::new(config);
/// let mut now = Now::default();
/// let mut delays = Vec::new();
/// while let Some(at) = backoff.next(now) {
///     delays.push(at - now.monotonic);
///     now.monotonic = at; // a loop waits until then, and tries
///     backoff.failure(now, &mut rng);
/// }
/// assert_eq!(delays, [0, 1, 2, 4].map(Duration::from_secs));
/// assert_eq!(backoff.failures(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    config: BackoffConfig,
    /// Since the last success.
    failures: u32,
    /// The delay of the next failure, without jitter.
    delay: Duration,
    /// A monotonic reading: no attempt is made before.
    not_before: Duration,
}

impl Backoff {
    /// A state in which the first attempt may be made at once.
    #[must_use]
    pub fn new(config: BackoffConfig) -> Self {
        Self {
            config,
            failures: 0,
            delay: config.first(),
            not_before: Duration::ZERO,
        }
    }

    /// When the next attempt may be made, as a monotonic reading that is not before
    /// `now`; `None` where as many have failed as may.
    #[must_use]
    pub fn next(&self, now: Now) -> Option<Duration> {
        let over = self
            .config
            .tries
            .is_some_and(|tries| self.failures >= tries);
        (!over).then(|| self.not_before.max(now.monotonic))
    }

    /// How many attempts have failed since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// An attempt has failed.
    pub fn failure<R: Rng + ?Sized>(&mut self, now: Now, rng: &mut R) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.deadline(self.config.drawn(self.delay, rng));
        let longer = self.delay.saturating_mul(self.config.factor);
        self.delay = longer.min(self.config.maximum);
    }

    /// An attempt has succeeded. The next one waits for the first delay: a remote
    /// that accepts and closes at once is not tried without a pause.
    pub fn success(&mut self, now: Now) {
        self.failures = 0;
        self.delay = self.config.first();
        self.not_before = now.deadline(self.delay);
    }

    /// What an attempt had achieved is lost. With jitter, the next attempt waits for
    /// up to the first delay, since others may have lost the same at this moment.
    pub fn lost<R: Rng + ?Sized>(&mut self, now: Now, rng: &mut R) {
        if self.config.jitter {
            let at = now.deadline(self.config.drawn(self.config.first(), rng));
            self.not_before = self.not_before.max(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use chacha20::ChaCha12Rng;
    use rand_core::SeedableRng;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rng() -> ChaCha12Rng {
        ChaCha12Rng::from_seed([1; 32])
    }

    fn at(seconds: u64) -> Now {
        Now::new(Duration::from_secs(seconds), 0)
    }

    /// The delays before so many attempts that all fail at once.
    fn delays(config: BackoffConfig, most: usize) -> Vec<Duration> {
        let (mut backoff, mut rng, mut now) = (Backoff::new(config), rng(), at(100));
        let mut delays = Vec::new();
        while delays.len() < most
            && let Some(at) = backoff.next(now)
        {
            delays.push(at - now.monotonic);
            now.monotonic = at;
            backoff.failure(now, &mut rng);
        }
        delays
    }

    #[test]
    fn delays_grow_by_the_factor_up_to_the_maximum() {
        let config = BackoffConfig::new(SECOND).with_factor(3);
        let seconds = [0, 1, 3, 9, 27].map(Duration::from_secs);
        assert_eq!(delays(config, 5), seconds);
        let seconds = [0, 1, 3, 8, 8].map(Duration::from_secs);
        assert_eq!(delays(config.with_maximum(8 * SECOND), 5), seconds);
        let halves = [0, 500, 500].map(Duration::from_millis);
        assert_eq!(delays(config.with_maximum(SECOND / 2), 3), halves);
        let same = [0, 1, 1, 1].map(Duration::from_secs);
        assert_eq!(delays(config.with_factor(0), 4), same);
    }

    #[test]
    fn attempts_end_with_their_number_or_never() {
        let config = BackoffConfig::new(SECOND);
        assert_eq!(delays(config.with_tries(Some(0)), 9), []);
        assert_eq!(delays(config.with_tries(Some(1)), 9), [Duration::ZERO]);
        assert_eq!(delays(config.with_tries(Some(3)), 9).len(), 3);
        assert_eq!(delays(config, 1000).len(), 1000);
    }

    #[test]
    fn delays_that_no_clock_can_express_saturate() {
        let config = BackoffConfig::new(Duration::MAX / 2).with_factor(u32::MAX);
        for config in [config, config.with_jitter(true)] {
            let mut backoff = Backoff::new(config);
            for _ in 0..3 {
                backoff.failure(at(5), &mut rng());
                assert!(backoff.next(at(5)) > Some(at(5).monotonic));
            }
        }
    }

    #[test]
    fn full_jitter_draws_from_the_whole_delay_and_from_the_seed_alone() {
        let config = BackoffConfig::new(8 * SECOND).with_jitter(true);
        let drawn = delays(config, 200);
        assert_eq!(drawn, delays(config, 200));
        let later = drawn.get(1..).unwrap();
        assert!(later.iter().all(|delay| *delay < 8 * SECOND));
        assert!(later.iter().any(|delay| *delay < SECOND));
        assert!(later.iter().any(|delay| *delay > 7 * SECOND));
    }

    #[test]
    fn a_success_resets_the_delay_and_keeps_the_next_attempt_away() {
        let config = BackoffConfig::new(2 * SECOND)
            .with_factor(2)
            .with_tries(Some(3));
        let (mut backoff, mut rng) = (Backoff::new(config), rng());
        backoff.failure(at(0), &mut rng);
        backoff.failure(at(2), &mut rng);
        assert_eq!(backoff.next(at(2)), Some(6 * SECOND));
        backoff.success(at(6));
        assert_eq!(backoff.failures(), 0);
        // Without jitter a loss adds nothing.
        backoff.lost(at(7), &mut rng);
        assert_eq!(backoff.next(at(7)), Some(8 * SECOND));
        assert_eq!(backoff.next(at(50)), Some(50 * SECOND));
        backoff.failure(at(50), &mut rng);
        assert_eq!(backoff.next(at(50)), Some(52 * SECOND));
    }

    #[test]
    fn with_jitter_a_loss_is_not_followed_by_an_attempt_of_all_at_once() {
        let config = BackoffConfig::new(8 * SECOND).with_jitter(true);
        let mut rng = rng();
        let mut next = || {
            let mut backoff = Backoff::new(config);
            backoff.success(at(0));
            backoff.lost(at(100), &mut rng);
            backoff.next(at(100)).unwrap()
        };
        let (one, other) = (next(), next());
        assert_ne!(one, other);
        let within = at(100).monotonic..at(108).monotonic;
        assert!(within.contains(&one) && within.contains(&other));
    }

    #[test]
    fn without_jitter_nothing_is_drawn() {
        let (mut backoff, mut rng) = (Backoff::new(BackoffConfig::new(SECOND)), rng());
        backoff.failure(at(0), &mut rng);
        backoff.lost(at(0), &mut rng);
        assert_eq!(rng, self::rng());
    }
}
