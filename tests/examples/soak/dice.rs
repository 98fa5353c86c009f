//! Choices that are the same in every run.

use std::ops::Range;
use std::time::Duration;

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A generator of choices.
pub(crate) struct Dice(pub(crate) ChaCha8Rng);

impl Dice {
    /// The same number gives the same choices.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number of a range that is not empty.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        range.start + self.0.next_u64() % (range.end - range.start)
    }

    /// As [`number`](Self::number), for lengths.
    pub(crate) fn length(&mut self, range: Range<usize>) -> usize {
        self.number(range.start as u64..range.end as u64) as usize
    }

    /// True so many times of a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.number(0..100) < percent
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }
}
