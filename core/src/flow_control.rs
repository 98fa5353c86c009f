//! Who is waited for before a message goes out to many, and who is too slow for it.

/// The judge of one receiver of what many get: whether a publisher
/// [waits](Self::waits) for it, and whether it is a [slow consumer](Self::admit).
///
/// Whoever queues for a receiver holds one: a [`Link`](crate::Link) for its own queue, and
/// a driver for what it queues before the link has it. A receiver is not judged by a burst
/// that it could read nothing of: past the limit it has [a turn](Self::had_turn) first,
/// for as many bytes again at most.
///
/// ```
/// use netaio_core::FlowControl;
///
/// let (mut flow, max) = (FlowControl::default(), 1000);
/// assert!(flow.admit(999, max) && !flow.wants_turn());
/// // Too many bytes wait: it is to write some of them now.
/// assert!(flow.admit(1000, max) && flow.wants_turn());
/// assert!(!flow.admit(2000, max));
/// // Its transport took no more, so that there is no other turn to wait for.
/// flow.had_turn(true, 1000, max);
/// assert!(!flow.admit(1000, max));
///
/// // A publisher waits for who has no room, and in vain once only.
/// assert!(flow.waits(false));
/// flow.give_up();
/// assert!(!flow.waits(false));
/// assert!(!flow.waits(true) && flow.waits(false));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowControl {
    turn: Turn,
    given_up: bool,
}

/// Whether a receiver has shown that it does not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// No more waits than may.
    #[default]
    Free,
    /// More does, and it is to write some of that.
    Awaited,
    /// It could, and its transport takes no more.
    Blocked,
}

impl FlowControl {
    /// Whether one more message is queued for a receiver for which so many bytes wait
    /// already, of `max`. If not, it is a slow consumer.
    pub fn admit(&mut self, waiting: usize, max: usize) -> bool {
        if waiting < max {
            self.turn = Turn::Free;
            return true;
        }
        if self.turn == Turn::Free {
            self.turn = Turn::Awaited;
        }
        self.turn == Turn::Awaited && waiting < max.saturating_mul(2)
    }

    /// Whether more waits than may, and the receiver is to have a turn.
    #[must_use]
    pub fn wants_turn(&self) -> bool {
        self.turn == Turn::Awaited
    }

    /// Says that what waits was offered to the transport, which took all that it was
    /// given, or is `blocked`, with so many bytes waiting of `max`.
    pub fn had_turn(&mut self, blocked: bool, waiting: usize, max: usize) {
        self.turn = match blocked && waiting >= max {
            true => Turn::Blocked,
            false => Turn::Free,
        };
    }

    /// Whether a publisher waits for the receiver: it has no room, and had some since it
    /// was [given up](Self::give_up).
    pub fn waits(&mut self, has_room: bool) -> bool {
        self.given_up &= !has_room;
        !has_room && !self.given_up
    }

    /// Says that a publisher has waited in vain: nobody does again before there is room.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_what_it_is_given_is_never_slow_below_twice_the_limit() {
        let mut flow = FlowControl::default();
        for waiting in [100, 150, 199, 120] {
            assert!(flow.admit(waiting, 100));
            assert!(flow.wants_turn());
            flow.had_turn(false, waiting, 100);
        }
        assert!(!flow.admit(200, 100));
    }

    #[test]
    fn who_was_blocked_before_there_was_too_much_has_a_turn_all_the_same() {
        let mut flow = FlowControl::default();
        flow.had_turn(true, 99, 100);
        assert!(flow.admit(100, 100));
        flow.had_turn(true, 100, 100);
        assert!(!flow.admit(100, 100));
        // Once there is room it begins anew.
        assert!(flow.admit(99, 100));
        assert!(flow.admit(100, 100));
    }
}
