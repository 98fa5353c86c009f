//! A content on its way to the other end.

use super::PART_LEN;

/// Which bytes of a content are sent next, as far as the other end has room for them.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    len: u64,
    /// The most that is on its way at once.
    window: u64,
    /// Bytes that the other end has.
    acked: u64,
    /// Those that it has or are on their way.
    next: u64,
    /// Where those end that it has room for.
    until: u64,
    in_flight: usize,
    /// What it had when something was sent anew; nothing has come of it since.
    stuck_at: Option<u64>,
    /// A content of no bytes is sent in a part of none.
    has_sent: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send the bytes from here to there.
    Send(u64, u64),
    /// Wait for answers.
    Wait,
    /// Ask, after a while, whether there is room.
    Later,
}

impl Sending {
    pub(super) fn new(len: u64, window: usize, offset: u64, until: u64) -> Self {
        Self {
            len,
            window: window.max(PART_LEN) as u64,
            acked: offset,
            next: offset,
            until: until.clamp(offset, len.max(offset)),
            in_flight: 0,
            stuck_at: None,
            has_sent: false,
        }
    }

    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    pub(super) fn step(&mut self) -> Step {
        loop {
            let until = self.until.min(self.acked.saturating_add(self.window));
            let whole = self.next.saturating_add(PART_LEN as u64).min(self.len);
            // What is left of a window waits for more room, as long as something comes anyway.
            let end = match self.in_flight {
                0 => whole.min(until),
                _ if whole <= until => whole,
                _ => self.next,
            };
            let is_empty = self.len == 0 && !self.has_sent;
            if end > self.next || is_empty {
                let from = core::mem::replace(&mut self.next, end);
                self.in_flight = self.in_flight.saturating_add(1);
                self.has_sent = true;
                return Step::Send(from, end);
            }
            if self.in_flight > 0 {
                return Step::Wait;
            }
            // What was sent and has not come goes again, at once if something has come of it.
            if self.next == self.acked || self.stuck_at == Some(self.acked) {
                self.stuck_at = None;
                self.next = self.acked;
                return Step::Later;
            }
            self.stuck_at = Some(self.acked);
            self.next = self.acked;
        }
    }

    /// A part was answered.
    pub(super) fn answered(&mut self, offset: u64, until: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.heard(offset, until);
    }

    /// The other end says how far it has come, and has room.
    pub(super) fn heard(&mut self, offset: u64, until: u64) {
        self.acked = self.acked.max(offset).min(self.len);
        self.next = self.next.max(self.acked);
        self.until = self.until.max(until).min(self.len);
    }
}
