//! Times, counted in fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets but the last, in microseconds.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// Times, counted in buckets from 100 µs to 10 s; the same ones always, so that those of several
/// programs can be added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum: Duration,
}

impl Histogram {
    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all times.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bucket's upper bound, and how many times were no longer: those of the buckets before
    /// it are among them. The last one has no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS
            .iter()
            .map(|bound| Some(Duration::from_micros(*bound)));
        let mut total = 0_u64;
        bounds
            .chain([None])
            .zip(self.counts)
            .map(move |(bound, count)| {
                total = total.saturating_add(count);
                (bound, total)
            })
    }

    /// The upper bound of the bucket that has the time of this share of all, 0.99 for one;
    /// `None` where that has no bound, or nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share).max(1.0);
        let mut buckets = self.buckets();
        let found = buckets.find(|(_, count)| *count as f64 >= wanted);
        found.and_then(|(bound, _)| bound)
    }
}

/// A histogram that several threads add to.
#[derive(Default)]
pub(crate) struct Times {
    counts: [AtomicU64; BUCKETS],
    /// In nanoseconds.
    sum: AtomicU64,
}

impl Times {
    pub(crate) fn add(&self, time: Duration) {
        let bucket = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < time);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Histogram {
        let mut histogram = Histogram::default();
        for (count, counted) in histogram.counts.iter_mut().zip(&self.counts) {
            *count = counted.load(Ordering::Relaxed);
        }
        histogram.sum = Duration::from_nanos(self.sum.load(Ordering::Relaxed));
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_buckets_that_they_fit() {
        let times = Times::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            times.add(Duration::from_micros(micros));
        }
        let histogram = times.snapshot();
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), Duration::from_micros(20_000_202));
        let buckets: Vec<_> = histogram.buckets().collect();
        let micros = |micros| Some(Duration::from_micros(micros));
        assert_eq!(buckets[..2], [(micros(100), 2), (micros(250), 3)]);
        assert_eq!(buckets[15..], [(micros(10_000_000), 4), (None, 5)]);
        assert_eq!(histogram.quantile(0.5), micros(250));
        assert_eq!(histogram.quantile(1.0), None);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
