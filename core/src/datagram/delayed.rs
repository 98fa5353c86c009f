//! Answers of the node's own that wait before they are sent.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use crate::calls::InFlight;
use crate::message::Message;
use crate::small_bytes::SmallBytes;

/// An answer, and where it goes.
type Answer = (Box<InFlight<SocketAddr>>, Message);

/// Answers to introductions, which those of many nodes must not come with at once.
#[derive(Debug, Default)]
pub(super) struct Delayed {
    /// By the time at which each is sent, and the order in which they were made.
    answers: BTreeMap<(Duration, u64), Answer>,
    made: u64,
}

impl Delayed {
    /// Answers that wait; one more is sent at once. What they say they share, so that each
    /// takes some 500 bytes, and an uri and a correlation id of its own.
    pub(super) const MAX: usize = 1024;

    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.answers.len() < Self::MAX
    }

    /// Keeps an answer until it is time.
    pub(super) fn push(
        &mut self,
        at: Duration,
        mut to: Box<InFlight<SocketAddr>>,
        answer: Message,
    ) {
        // Slices would keep the receive buffer alive.
        to.uri = SmallBytes::of(&answer.uri);
        to.id.own();
        self.made = self.made.wrapping_add(1);
        self.answers.insert((at, self.made), (to, answer));
    }

    /// The next answer whose time has come.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Answer> {
        let first = self.answers.first_entry()?;
        let (at, _) = *first.key();
        (at <= now).then(|| first.remove())
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.answers.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn clear(&mut self) {
        self.answers.clear();
    }
}
