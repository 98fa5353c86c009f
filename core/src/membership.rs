//! When a node looks at the interfaces of its machine, and when it joins its groups anew.

use core::mem;
use core::time::Duration;

use crate::Now;

/// The memberships of a socket in multicast groups, which end in silence with the interface
/// where a group was joined: when it is to be looked which interfaces there are, and what to do
/// then. Whether an interface is the one of before nobody tells, so that
///
/// - it is looked every [`INTERVAL`](Self::INTERVAL), and soon after a multicast was not sent;
/// - the groups are joined anew where the interfaces `I` differ from those where they were
///   joined, and at every look while they cannot be joined;
/// - and once where a multicast could not be sent, or where none of this node's own came back
///   for a while, although some did since the groups were joined.
///
/// What was joined before is to be left first: the system may take a membership in a group of an
/// interface that is gone for one that lasts.
///
/// - Getters: [`is_joined`](Self::is_joined), [`deadline`](Self::deadline).
/// - Inputs: [`looked`](Self::looked), [`joined`](Self::joined), [`sent`](Self::sent),
///   [`send_failed`](Self::send_failed), [`came_back`](Self::came_back).
///
/// ```
/// use netaio_core::{Membership, MembershipChange, Now};
///
/// // Joined at interface 2.
/// let mut membership = Membership::new(Now::default(), Some(2));
/// let now = Now::new(membership.deadline(), 0);
/// assert!(!membership.looked(now, 2));
/// // It was made anew.
/// assert!(membership.looked(now, 3));
/// assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
/// ```
#[derive(Clone, Debug)]
pub struct Membership<I> {
    /// The interfaces when the groups were joined last, or it was tried.
    interfaces: Option<I>,
    is_joined: bool,
    looked: Duration,
    next: Duration,
    /// It is to be joined anew, whatever the interfaces are.
    suspect: bool,
    /// The last multicast was not sent.
    failing: bool,
    /// A multicast of this node has come back since the groups were joined.
    heard: bool,
    /// Those that were sent since, and when the first of them was.
    unheard: u32,
    since: Duration,
}

/// What has become of memberships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembershipChange {
    /// The groups were joined, anew or at last.
    Joined,
    /// The groups cannot be joined. It is tried at every look.
    Lost,
}

impl<I: Eq> Membership<I> {
    /// The time between two looks.
    pub const INTERVAL: Duration = Duration::from_secs(5);
    /// The time between a look and the next one, where a multicast could not be sent.
    pub const SOON: Duration = Duration::from_secs(1);
    /// Multicasts that have to be missing.
    const UNHEARD: u32 = 2;
    /// The time that they have to come back.
    const ECHO: Duration = Duration::from_secs(2);

    /// The memberships of a socket that was just bound: the interfaces then, or `None` where the
    /// groups could not be joined.
    #[must_use]
    pub fn new(now: Now, joined: Option<I>) -> Self {
        Self {
            is_joined: joined.is_some(),
            interfaces: joined,
            looked: now.monotonic,
            next: now.deadline(Self::INTERVAL),
            suspect: false,
            failing: false,
            heard: false,
            unheard: 0,
            since: Duration::ZERO,
        }
    }

    /// Whether the groups are joined, as far as is known.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.is_joined
    }

    /// When it is to be looked next, a reading of the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.next
    }

    /// Says which interfaces there are, and returns whether the groups are to be left and joined
    /// now; [what came of it](Self::joined) is to be said then. `None`: the system does not tell,
    /// and nothing is done until the next look.
    #[must_use]
    pub fn looked(&mut self, now: Now, interfaces: impl Into<Option<I>>) -> bool {
        self.looked = now.monotonic;
        self.next = now.deadline(Self::INTERVAL);
        let Some(interfaces) = interfaces.into() else {
            return false;
        };
        let changed = self.interfaces.as_ref() != Some(&interfaces);
        self.interfaces = Some(interfaces);
        let time = now.monotonic.saturating_sub(self.since);
        let deaf = self.heard && self.unheard >= Self::UNHEARD && time >= Self::ECHO;
        let suspect = mem::take(&mut self.suspect);
        changed || deaf || suspect || !self.is_joined
    }

    /// Notes whether the groups could be left and joined anew, and returns what is to be told
    /// of it: each change once.
    pub fn joined(&mut self, joined: bool) -> Option<MembershipChange> {
        (self.heard, self.unheard) = (false, 0);
        match (mem::replace(&mut self.is_joined, joined), joined) {
            (_, true) => Some(MembershipChange::Joined),
            (true, false) => Some(MembershipChange::Lost),
            (false, false) => None,
        }
    }

    /// A multicast was sent.
    pub fn sent(&mut self, now: Now) {
        self.failing = false;
        if self.unheard == 0 {
            self.since = now.monotonic;
        }
        self.unheard = self.unheard.saturating_add(1);
    }

    /// A multicast was not sent. Returns whether that is to be told: it was not so with the one
    /// before.
    pub fn send_failed(&mut self, now: Now) -> bool {
        let first = !mem::replace(&mut self.failing, true);
        if first {
            self.suspect = true;
            let soon = self.looked.saturating_add(Self::SOON);
            self.next = self.next.min(soon.max(now.monotonic));
        }
        first
    }

    /// A multicast of this node's own has come back.
    pub fn came_back(&mut self) {
        (self.heard, self.unheard) = (true, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now::new(Duration::from_secs(seconds), 0)
    }

    fn joined(interfaces: u8) -> Membership<u8> {
        Membership::new(at(0), Some(interfaces))
    }

    #[test]
    fn looks_are_regular_and_nothing_is_done_while_nothing_changes() {
        let mut membership = joined(1);
        for seconds in (5..100).step_by(5) {
            assert_eq!(membership.deadline(), Duration::from_secs(seconds));
            membership.sent(at(seconds));
            membership.came_back();
            assert!(!membership.looked(at(seconds), 1));
        }
        assert!(!membership.looked(at(100), None));
        assert_eq!(membership.deadline(), Duration::from_secs(105));
        assert!(membership.is_joined());
    }

    #[test]
    fn each_change_is_told_once() {
        let mut membership = joined(1);
        assert!(membership.looked(at(5), 0));
        assert_eq!(membership.joined(false), Some(MembershipChange::Lost));
        for seconds in [10, 15, 20] {
            // There may be a route now, or another interface.
            assert!(membership.looked(at(seconds), 0));
            assert_eq!(membership.joined(false), None);
        }
        assert!(membership.looked(at(25), 2));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        assert!(!membership.looked(at(30), 2));
        // Between two looks it went and came.
        assert!(membership.looked(at(35), 3));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        assert!(!membership.looked(at(40), 3));
    }

    #[test]
    fn what_could_not_be_joined_at_first_is_joined_later() {
        let mut membership = Membership::new(at(0), None);
        assert!(!membership.is_joined());
        assert!(membership.looked(at(5), 1));
        assert_eq!(membership.joined(false), None);
        assert!(membership.looked(at(10), 1));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        assert!(membership.is_joined() && !membership.looked(at(15), 1));
    }

    #[test]
    fn a_multicast_that_is_not_sent_is_told_once_and_makes_it_look_soon() {
        let mut membership = joined(1);
        assert!(membership.send_failed(at(3)));
        assert_eq!(membership.deadline(), Duration::from_secs(3));
        assert!(membership.looked(at(3), 1));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        // That did not help: it is not done again.
        for seconds in [3, 4, 5] {
            assert!(!membership.send_failed(at(seconds)));
            assert_eq!(membership.deadline(), Duration::from_secs(8));
        }
        assert!(!membership.looked(at(8), 1));
        membership.sent(at(9));
        assert!(membership.send_failed(at(9)));
        membership.sent(at(9));
        // No more than one look a second.
        assert!(membership.looked(at(9), 1));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        assert!(membership.send_failed(at(9)));
        assert_eq!(membership.deadline(), Duration::from_secs(10));
    }

    #[test]
    fn multicasts_that_do_not_come_back_any_more_are_a_reason_once() {
        let mut membership = joined(1);
        // None ever did: they may be kept from coming back.
        membership.sent(at(1));
        membership.sent(at(2));
        assert!(!membership.looked(at(5), 1));
        membership.came_back();
        membership.sent(at(6));
        assert!(!membership.looked(at(10), 1));
        membership.sent(at(11));
        assert!(membership.looked(at(15), 1));
        assert_eq!(membership.joined(true), Some(MembershipChange::Joined));
        for seconds in [16, 17, 18] {
            membership.sent(at(seconds));
        }
        assert!(!membership.looked(at(20), 1));
        membership.came_back();
        membership.sent(at(24));
        membership.sent(at(24));
        // They are still on their way.
        assert!(!membership.looked(at(25), 1));
        assert!(membership.looked(at(30), 1));
    }
}
