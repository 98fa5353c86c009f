//! How many bad frames one connection has sent lately.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::limits::Limits;

/// The times of recent failures, as many as are tolerated.
#[derive(Debug, Default)]
pub(super) struct Failures {
    recent: VecDeque<Duration>,
}

impl Failures {
    /// Notes one more, and says whether it was one too many.
    pub(super) fn note(&mut self, now: Duration, limits: &Limits) -> bool {
        let horizon = now.saturating_sub(Limits::FAILURE_WINDOW);
        while self.recent.front().is_some_and(|at| *at < horizon) {
            self.recent.pop_front();
        }
        if self.recent.len() >= limits.failures() {
            return true;
        }
        self.recent.push_back(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_forgotten_after_a_while() {
        let limits = Limits::default().with_failures(2).unwrap();
        let mut failures = Failures::default();
        let second = Duration::from_secs;
        let notes = [
            (100, false),
            (110, false),
            (120, true),
            (161, false),
            (162, true),
        ];
        for (at, expected) in notes {
            assert_eq!(failures.note(second(at), &limits), expected, "{at}");
        }
    }
}
