//! A plain model of a rate: so many a second, and as many at once after a pause.

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A bucket, of a time that never goes back.
pub(super) struct Meter {
    /// The time that one answer takes; none if there are to be none.
    each: Option<Duration>,
    full_at: Duration,
    /// When one was first refused since the last one that was allowed.
    shut_since: Option<Duration>,
}

impl Meter {
    pub(super) fn new(per_second: usize) -> Self {
        let per_second = u32::try_from(per_second).expect("a small number");
        Self {
            each: SECOND.checked_div(per_second),
            full_at: Duration::ZERO,
            shut_since: None,
        }
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self, now: Duration) -> bool {
        self.each
            .is_some_and(|each| self.full_at.max(now) + each - now <= SECOND)
    }

    /// One more was allowed.
    pub(super) fn allowed(&mut self, now: Duration) {
        assert!(self.has_room(now), "more than the rate");
        self.full_at = self.full_at.max(now) + self.each.unwrap_or_default();
        self.shut_since = None;
    }

    /// One more was refused: not for longer than a second on end.
    pub(super) fn refused(&mut self, now: Duration) {
        let since = *self.shut_since.get_or_insert(now);
        assert!(
            self.each.is_none() || now - since < SECOND,
            "shut since {since:?}, at {now:?}"
        );
    }

    /// The real clock went back: it may be shut for a second from now.
    pub(super) fn went_back(&mut self) {
        self.shut_since = None;
    }
}
