//! The answers of the node's own that one sender may get, and their rates.

/// The answers that one sender may get.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) heard: u64,
    pub(super) answered: Meter,
    /// Bytes that may be answered.
    pub(super) credit: u64,
}

impl Answers {
    /// A sender is remembered for this long at least, which is as long as a request
    /// waits for its answer by default.
    pub(super) const MEMORY: u64 = 10_000_000_000;
    /// Whether it is to be kept: something came from there lately, or its rate is not
    /// all free again, as after an answer that took long.
    pub(super) fn is_in_use(&mut self, now: u64) -> bool {
        self.answered.settle(now);
        now.saturating_sub(self.heard) < Self::MEMORY || self.answered.full_at > now
    }
}

/// A number of answers a second, and as many at once after a pause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// The time that one answer takes; none if there are to be none.
    each: Option<u64>,
}

impl Rate {
    const SECOND: u64 = 1_000_000_000;
    pub(super) const QUARTER: u64 = Self::SECOND / 4;

    pub(super) fn per_second(answers: usize) -> Self {
        let answers = u64::try_from(answers).unwrap_or(u64::MAX);
        Self {
            each: Self::SECOND.checked_div(answers),
        }
    }
}

/// A bucket of tokens, kept as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    pub(super) full_at: u64,
}

impl Meter {
    /// Notes the time. A bucket is full again within a second; one that is not was
    /// used before the clock went back.
    pub(super) fn settle(&mut self, now: u64) {
        self.full_at = self.full_at.min(now.saturating_add(Rate::SECOND));
    }

    /// The meter after one more answer, if the rate allows it.
    pub(super) fn one_more(self, now: u64, rate: Rate) -> Option<Self> {
        let full_at = self.full_at.max(now).saturating_add(rate.each?);
        (full_at.saturating_sub(now) <= Rate::SECOND).then_some(Self { full_at })
    }
}
