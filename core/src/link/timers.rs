//! What the remote has to send in time.

use core::time::Duration;

use crate::error::CloseReason;
use crate::events::DeadlineReason;
use crate::limits::Limits;
use crate::now::Moment;

/// The deadlines for a frame's last byte, for the first valid message, for taking
/// something of what was written, and for anything at all.
#[derive(Debug)]
pub(super) struct Timers {
    opened: Moment,
    /// When the remote last sent something, or took something that it was sent.
    last_active: Moment,
    /// Since when the remote has taken nothing of what was handed out to be written.
    writing: Option<Moment>,
    /// When the first byte of the frame that is not complete arrived.
    frame_begun: Option<Moment>,
    authenticated: bool,
    /// Since when this side keeps the remote from sending.
    held: Option<Moment>,
    /// The remote waits for this side, so that it is not idle.
    remote_waits: bool,
}

impl Timers {
    pub(super) fn new(now: Duration) -> Self {
        let now = Moment::from(now);
        Self {
            opened: now,
            last_active: now,
            writing: None,
            frame_begun: None,
            authenticated: false,
            held: None,
            remote_waits: false,
        }
    }

    /// The remote sent something, or took something.
    pub(super) fn active(&mut self, now: Duration) {
        self.last_active = now.into();
    }

    /// Bytes were handed out to be written, or all of them are written.
    pub(super) fn writing(&mut self, any: bool, now: Duration) {
        self.writing = any.then(|| now.into());
    }

    /// The remote took some of them.
    pub(super) fn wrote(&mut self, now: Duration) {
        self.active(now);
        self.writing = self.writing.map(|_| now.into());
    }

    /// A message has passed the outer layer.
    pub(super) fn authenticated(&mut self) {
        self.authenticated = true;
    }

    /// Whether a part of a frame is there.
    pub(super) fn frame(&mut self, begun: bool, now: Duration) {
        match begun {
            true if self.frame_begun.is_none() => self.frame_begun = Some(now.into()),
            true => {}
            false => self.frame_begun = None,
        }
    }

    /// Suspends the deadlines for what the remote has to send while it is `held` back, and
    /// that for anything at all while the `remote_waits` for this side. They start over afterwards:
    /// bytes may have been waiting all the time.
    pub(super) fn hold(&mut self, held: bool, remote_waits: bool, now: Duration) {
        match self.held {
            Some(since) if !held => {
                self.frame_begun = self.frame_begun.map(|_| now.into());
                let held = now.saturating_sub(since.into());
                self.opened = Duration::from(self.opened).saturating_add(held).into();
                self.held = None;
            }
            None if held => self.held = Some(now.into()),
            _ => {}
        }
        if self.remote_waits && !remote_waits {
            self.last_active = now.into();
        }
        self.remote_waits = remote_waits;
    }

    /// The deadlines that there are.
    #[inline]
    fn deadlines(&self, limits: &Limits) -> [Option<(Duration, DeadlineReason)>; 4] {
        let after = |since: Moment, time: Duration| Duration::from(since).saturating_add(time);
        let is_held = self.held.is_some();
        let frame = self.frame_begun.filter(|_| !is_held);
        let frame = frame.map(|begun| after(begun, limits.frame_timeout()));
        let auth = limits.auth_timeout();
        let auth = auth.filter(|_| !self.authenticated && !is_held);
        let auth = auth.map(|time| after(self.opened, time));
        let idle = limits.idle_timeout().filter(|_| !self.remote_waits);
        let idle = idle.map(|time| after(self.last_active, time));
        let write = self.writing.zip(limits.write_timeout());
        let write = write.map(|(since, time)| after(since, time));
        [
            frame.map(|at| (at, DeadlineReason::Frame)),
            auth.map(|at| (at, DeadlineReason::Auth)),
            idle.map(|at| (at, DeadlineReason::Idle)),
            write.map(|at| (at, DeadlineReason::Write)),
        ]
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn earliest(&self, limits: &Limits) -> Option<(Duration, DeadlineReason)> {
        let deadlines = self.deadlines(limits).into_iter().flatten();
        deadlines.min_by_key(|(at, _)| *at)
    }

    /// Why the link is to be closed, if it is.
    #[inline]
    pub(super) fn due(&self, limits: &Limits, now: Duration) -> Option<CloseReason> {
        let (_, passed) = self.earliest(limits).filter(|(at, _)| *at <= now)?;
        match passed {
            DeadlineReason::Frame => Some(CloseReason::FrameTimeout(limits.frame_timeout())),
            DeadlineReason::Auth => limits.auth_timeout().map(CloseReason::AuthTimeout),
            DeadlineReason::Idle => limits.idle_timeout().map(CloseReason::Idle),
            DeadlineReason::Write => limits.write_timeout().map(CloseReason::WriteTimeout),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_frame_starts_over_when_reading_goes_on() {
        let limits = Limits::default().with_frame_timeout(second(10)).unwrap();
        let mut timers = Timers::new(second(0));
        timers.frame(true, second(1));
        timers.frame(true, second(2));
        assert_eq!(
            timers.earliest(&limits),
            Some((second(11), DeadlineReason::Frame))
        );
        timers.hold(true, false, second(5));
        assert_eq!(
            (timers.earliest(&limits), timers.due(&limits, second(60))),
            (None, None)
        );
        timers.hold(false, false, second(60));
        timers.hold(false, false, second(61));
        assert_eq!(
            timers.earliest(&limits),
            Some((second(70), DeadlineReason::Frame))
        );
        let reason = CloseReason::FrameTimeout(second(10));
        assert_eq!(timers.due(&limits, second(70)), Some(reason));
        timers.frame(false, second(61));
        assert_eq!(timers.earliest(&limits), None);
    }

    #[test]
    fn who_waits_for_an_answer_is_not_idle() {
        let limits = Limits::default()
            .with_idle_timeout(Some(second(3)))
            .unwrap();
        let mut timers = Timers::new(second(0));
        timers.active(second(1));
        timers.hold(false, true, second(1));
        assert_eq!(timers.due(&limits, second(100)), None);
        timers.hold(false, false, second(100));
        let idle = Some((second(103), DeadlineReason::Idle));
        assert_eq!(timers.earliest(&limits), idle);
    }

    #[test]
    fn the_time_to_the_first_valid_message_is_the_remotes_own() {
        let limits = Limits::default()
            .with_auth_timeout(Some(second(10)))
            .unwrap();
        let mut timers = Timers::new(second(0));
        timers.hold(true, false, second(4));
        assert_eq!(timers.due(&limits, second(50)), None);
        timers.hold(false, false, second(54));
        let auth = Some((second(60), DeadlineReason::Auth));
        assert_eq!(timers.earliest(&limits), auth);
    }
}
