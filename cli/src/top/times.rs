//! How long something took, as Prometheus' histograms say it.

/// The most buckets: ours have 17.
const BUCKETS: usize = 64;

/// Times, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Times {
    /// Upper bounds in seconds, and how many times were no longer.
    buckets: Vec<(f64, f64)>,
    /// Of all times, in seconds.
    pub(super) sum: f64,
    pub(super) count: f64,
}

impl Times {
    /// Adds a bucket, as its labels say it. What is none is passed over.
    pub(super) fn add_bucket(&mut self, bound: &str, count: f64) {
        let bound = bound.parse::<f64>().ok().filter(|bound| *bound > 0.0);
        if let Some(bound) = bound
            && self.buckets.len() < BUCKETS
        {
            let at = self.buckets.partition_point(|(other, _)| *other < bound);
            self.buckets.insert(at, (bound, count));
        }
    }

    /// Those that were counted after the others.
    pub(super) fn since(&self, before: &Self) -> Self {
        let less = |now: f64, before: f64| (now - before).max(0.0);
        let count_before = |bound: f64| {
            let mut buckets = before.buckets.iter();
            let found = buckets.find(|(other, _)| *other == bound);
            found.map_or(0.0, |(_, count)| *count)
        };
        let buckets = self.buckets.iter();
        Self {
            buckets: buckets
                .map(|(bound, count)| (*bound, less(*count, count_before(*bound))))
                .collect(),
            sum: less(self.sum, before.sum),
            count: less(self.count, before.count),
        }
    }

    /// The mean, in seconds.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// Within how many seconds this share of all was: the bound of a bucket, which may be none.
    pub(super) fn within(&self, share: f64) -> Option<f64> {
        let wanted = self.count * share;
        let mut buckets = self.buckets.iter();
        let found = buckets.find(|(_, count)| *count >= wanted && *count > 0.0);
        found.map(|(bound, _)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(counts: [f64; 3], sum: f64) -> Times {
        let mut times = Times::default();
        for (bound, count) in ["0.1", "+Inf", "0.01", "none", "-1"]
            .into_iter()
            .zip([counts[1], counts[2], counts[0], 9.0, 9.0])
        {
            times.add_bucket(bound, count);
        }
        (times.sum, times.count) = (sum, counts[2]);
        times
    }

    #[test]
    fn what_came_since_is_measured() {
        let before = times([10.0, 10.0, 10.0], 0.05);
        let now = times([10.0, 109.0, 110.0], 5.05);
        let since = now.since(&before);
        assert_eq!(since.mean(), Some(0.05));
        assert_eq!(since.within(0.5), Some(0.1));
        assert_eq!(since.within(0.99), Some(0.1));
        assert_eq!(since.within(0.999), Some(f64::INFINITY));
        let none = before.since(&now);
        assert_eq!((none.mean(), none.within(0.5)), (None, None));
    }

    #[test]
    fn buckets_are_bounded() {
        let mut times = Times::default();
        for bound in 1..1000 {
            times.add_bucket(&bound.to_string(), 1.0);
        }
        assert_eq!(times.buckets.len(), BUCKETS);
    }
}
