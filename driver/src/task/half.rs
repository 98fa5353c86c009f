//! One half of what was read, which is answered while the other is to be handled.

use netaio_core::Link;

/// Requests that are handled at least before half of what was read is answered, in a turn of more.
const FEWEST_REQUESTS: usize = 16;

/// Answers that are handed out at least before their callers ask again: each write of theirs takes
/// a turn of all tasks besides.
const FEWEST_ANSWERS: usize = 32;

/// The most bytes of which one half is answered before the other. Where more come at once, a write
/// more costs longer than somebody waits.
const HALVED: u32 = 8 * 1024;

/// How much of what was read is handled. Whoever waits for the answers to one half goes on while
/// the other is handled: were all answered at once, the two ends would wait for one another in
/// turns.
#[derive(Default)]
pub(super) struct Half {
    /// Bytes that waited to be handled when the last ones were read, if those are to be answered in
    /// two halves; 0 once something was written. Of few bytes, as the task is just within one of the
    /// steps in which tokio allocates.
    unanswered: u32,
    /// One half of the answers that were read was handed out just now, and the other was not.
    handed_out: bool,
}

impl Half {
    /// Bytes were read, and so many wait to be handled.
    pub(super) fn read(&mut self, unhandled: usize) {
        let halved = u32::try_from(unhandled).ok().filter(|all| *all <= HALVED);
        self.unanswered = halved.unwrap_or(0);
    }

    /// What was answered is written.
    pub(super) fn written(&mut self) {
        self.unanswered = 0;
    }

    /// Whether one half is handled, and the other is not.
    fn is_handled(&self, link: &Link) -> bool {
        let left = link.unhandled();
        left > 0 && left <= self.unanswered as usize / 2
    }

    /// Whether one half is answered, and nothing of it written. What callers ask who were answered
    /// counts too.
    pub(super) fn is_answered(&self, link: &Link) -> bool {
        self.is_handled(link) && link.queued() > 0
    }

    /// Whether one half is answered just now, of many requests, and the other can be.
    pub(super) fn is_answered_by(&self, requests: usize, link: &Link) -> bool {
        requests >= FEWEST_REQUESTS && self.is_answered(link) && link.wants_poll()
    }

    /// Whether one half of many answers is handed out just now, and the other can be: then their
    /// callers have a turn before there is something to write.
    pub(super) fn hands_out(&mut self, answers: usize, link: &Link) -> bool {
        let hands_out = answers >= FEWEST_ANSWERS && self.is_handled(link) && link.wants_poll();
        self.handed_out |= hands_out;
        hands_out
    }

    /// Whether callers who got one half have asked again: that is written before the other half.
    /// Once at most: what is left may be a part of a frame, and time goes on for the link alone.
    pub(super) fn is_asked_again(&mut self, link: &Link) -> bool {
        std::mem::take(&mut self.handed_out) && self.is_answered(link)
    }

    /// Lets the other half be handled like the first, where nothing came of that.
    pub(super) fn forget(&mut self, link: &Link) {
        if self.is_handled(link) {
            self.unanswered = 0;
        }
    }
}
