//! How fast it went before.

use std::collections::VecDeque;

use super::change::Change;

/// The most looks that are kept: as wide as terminals are.
const LOOKS: usize = 512;

/// What is kept of a look: how many a second, if that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) messages_in: Option<u64>,
    pub(super) messages_out: Option<u64>,
    pub(super) bytes_in: Option<u64>,
    pub(super) bytes_out: Option<u64>,
}

impl Look {
    /// Of what happened.
    pub(super) fn of(change: &Change) -> Self {
        let rate = |name| change.rate(name).map(|rate| rate.round() as u64);
        Self {
            messages_in: rate("received_messages"),
            messages_out: rate("sent_messages"),
            bytes_in: rate("received_bytes"),
            bytes_out: rate("sent_bytes"),
        }
    }
}

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Look>);

impl History {
    /// Adds one. The oldest goes where there are too many.
    pub(super) fn add(&mut self, look: Look) {
        if self.0.len() >= LOOKS {
            self.0.pop_front();
        }
        self.0.push_back(look);
    }

    /// The last ones, as many as there are or are wanted, the oldest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &Look> {
        self.0.iter().skip(self.0.len().saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept() {
        let mut history = History::default();
        for number in 0..2000 {
            history.add(Look {
                bytes_in: Some(number),
                ..Look::default()
            });
        }
        let last: Vec<_> = history.last(3).map(|look| look.bytes_in).collect();
        assert_eq!(last, [Some(1997), Some(1998), Some(1999)]);
        assert_eq!(history.last(usize::MAX).count(), LOOKS);
    }
}
