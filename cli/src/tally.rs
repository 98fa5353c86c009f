//! A rate limit of log lines that a remote can cause.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts events that a remote causes.
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one more event, and returns their number if that is a power of two, for a
    /// log line.
    pub(crate) fn add(&self) -> Option<u64> {
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        number.is_power_of_two().then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_are_worth_twenty_lines() {
        let tally = Tally::new();
        let lines: Vec<_> = (0..1_000_000).filter_map(|_| tally.add()).collect();
        let doubled: Vec<_> = (0..20).map(|line| 1 << line).collect();
        assert_eq!(lines, doubled);
    }
}
