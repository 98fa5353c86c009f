//! Whether a connection keeps memory for its next message.

use std::num::NonZeroU64;
use std::time::Duration;

/// Whether messages come soon one after another.
#[derive(Default)]
pub(super) struct Warmth {
    /// When there was nothing left to do last, with memory kept: a reading of the monotonic clock
    /// in milliseconds, and one more.
    rested: Option<NonZeroU64>,
}

impl Warmth {
    /// A message that comes so soon after another finds what that one used: to take it anew for
    /// each of many costs time.
    const SOON: Duration = Duration::from_millis(100);

    /// How long it is kept should none come, so that few are woken only to give it back.
    const KEEP: Duration = Duration::from_secs(2);

    /// Until when memory is kept that the next message needs again, now that there is nothing to
    /// do. None where it is to be given back at once.
    pub(super) fn keep_until(&mut self, now: Duration) -> Option<Duration> {
        let number = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let before = self
            .rested
            .replace(NonZeroU64::MIN.saturating_add(number))?;
        let since = number.saturating_add(1).saturating_sub(before.get());
        let soon = Duration::from_millis(since) < Self::SOON;
        soon.then(|| now.saturating_add(Self::KEEP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_while_messages_come_soon_one_after_another() {
        let mut warmth = Warmth::default();
        let at = Duration::from_millis;
        for (now, kept) in [
            (0, None),
            (99, Some(2099)),
            (150, Some(2150)),
            // Woken for that.
            (2150, None),
            (2249, Some(4249)),
            (2400, None),
        ] {
            assert_eq!(warmth.keep_until(at(now)), kept.map(at), "{now}");
        }
    }
}
