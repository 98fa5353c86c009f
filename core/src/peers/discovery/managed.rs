//! One app id that peers are managed for.

use core::time::Duration;

use super::config::ManagementConfig;
use super::jitter::Jitter;

/// An app id, and when its next advertisement is due.
#[derive(Debug)]
pub(super) struct Managed {
    pub(super) config: ManagementConfig,
    /// The next round; none without a time between them.
    next: Option<Duration>,
    /// A round is due and was not taken yet. Rounds that fall due meanwhile are
    /// the same one.
    pub(super) due: bool,
}

impl Managed {
    /// The first round is due at once.
    pub(super) fn new(config: ManagementConfig, now: Duration) -> Self {
        Self {
            next: config.every().map(|every| now.saturating_add(every)),
            due: true,
            config,
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// A round that is further away than its period was set by a clock that has
    /// gone back since.
    pub(super) fn observe(&mut self, now: Duration) {
        if let (Some(next), Some(every)) = (&mut self.next, self.config.every()) {
            *next = (*next).min(now.saturating_add(every));
        }
    }

    /// Rounds keep their times, however late they are taken, but for the jitter. Those that a
    /// pause has skipped are not made up for.
    pub(super) fn handle_timeout(&mut self, now: Duration, jitter: Option<&mut Jitter>) {
        let (Some(next), Some(every)) = (self.next, self.config.every()) else {
            return;
        };
        if next <= now {
            self.due = true;
            let jitter = jitter.filter(|_| self.config.jitter());
            let early = jitter.map(|jitter| jitter.of_round(every));
            let every = every.saturating_sub(early.unwrap_or_default());
            let regular = next.saturating_add(every);
            self.next = Some(match regular > now {
                true => regular,
                false => now.saturating_add(every),
            });
        }
    }
}
