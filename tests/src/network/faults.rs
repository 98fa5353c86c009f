//! What befalls datagrams on their way.

use std::time::Duration;

use chacha20::ChaCha8Rng;
use rand_core::Rng;

/// What befalls datagrams. Each is delayed by chance, and so may overtake others.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Of a hundred datagrams, how many are lost.
    pub loss: u64,
    /// Of a hundred datagrams, how many come twice.
    pub doubled: u64,
    /// The shortest delay, and the longest.
    pub delay: (Duration, Duration),
    /// Nodes up to this number are cut off from the others, if there is one.
    pub parted_at: Option<usize>,
}

impl Faults {
    /// None but a delay of 1 to 50 ms.
    #[must_use]
    pub fn none() -> Self {
        Self {
            loss: 0,
            doubled: 0,
            delay: (Duration::from_millis(1), Duration::from_millis(50)),
            parted_at: None,
        }
    }

    /// So many of a hundred datagrams are lost.
    #[must_use]
    pub fn losing(loss: u64) -> Self {
        Self {
            loss,
            ..Self::none()
        }
    }

    /// When the copies of a datagram arrive.
    pub(super) fn fate(&self, rng: &mut ChaCha8Rng, (from, to): (usize, usize)) -> Vec<Duration> {
        let parted = |at: usize| (from < at) != (to < at);
        if self.parted_at.is_some_and(parted) || rng.next_u64() % 100 < self.loss {
            return Vec::new();
        }
        let copies = match rng.next_u64() % 100 < self.doubled {
            true => 2,
            false => 1,
        };
        let (shortest, longest) = self.delay;
        let range = longest.saturating_sub(shortest).as_micros() as u64;
        let delay = |_| shortest + Duration::from_micros(rng.next_u64() % range.max(1));
        (0..copies).map(delay).collect()
    }
}
