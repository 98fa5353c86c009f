//! Addresses that have shown that they receive, and ask to be subscribed.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::place::Place;

/// Those that asked last. Their handlers subscribe them a little later.
#[derive(Debug, Default)]
pub(super) struct Receiving(VecDeque<(Place, Duration)>);

impl Receiving {
    /// Addresses that are remembered; the oldest make room.
    const PLACES: usize = 64;
    /// For how long.
    const WHILE: Duration = Duration::from_secs(60);

    pub(super) fn insert(&mut self, place: Place, now: Duration) {
        self.0
            .retain(|(other, since)| *other != place && now.abs_diff(*since) < Self::WHILE);
        if self.0.len() >= Self::PLACES {
            self.0.pop_front();
        }
        self.0.push_back((place, now));
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.0.iter().any(|(other, _)| *other == place)
    }
}
