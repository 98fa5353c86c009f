//! Which addresses of a name are connected to, and when: Happy Eyeballs, RFC 8305.

use alloc::collections::VecDeque;
use core::net::SocketAddr;
use core::time::Duration;

use crate::Now;

/// The attempts to connect to one of the addresses of a name. They overlap, so that an address
/// that swallows what is sent to it delays the next one by no more than the
/// [delay](Self::with_delay).
///
/// The families take turns, the first one being that of the first address, each in its order
/// (section 4 of the RFC). An attempt begins when the one before has failed or the delay has
/// passed (section 5). The first that connects ends the race: the caller drops the others.
///
/// - Getters: [`deadline`](Self::deadline), [`is_over`](Self::is_over).
/// - Inputs: [`failure`](Self::failure).
/// - Outputs: [`next`](Self::next), until there is none.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_core::{HappyEyeballs, Now};
///
/// let addresses = ["[2001:db8::1]:8888", "[2001:db8::2]:8888", "192.0.2.1:8888"];
/// let mut eyeballs = HappyEyeballs::new(addresses.map(|it| it.parse().unwrap()));
/// let mut now = Now::default();
/// let mut tried = Vec::new();
/// while !eyeballs.is_over() {
///     while let Some(address) = eyeballs.next(now) {
///         tried.push((now.monotonic.as_millis(), address.to_string())); // begins to connect
///     }
///     match eyeballs.deadline() {
///         Some(at) => now.monotonic = at, // waits until then, unless an attempt ends before
///         None => (0..tried.len()).for_each(|_| eyeballs.failure(now)),
///     }
/// }
/// let expected = [
///     (0, "[2001:db8::1]:8888"),
///     (250, "192.0.2.1:8888"),
///     (500, "[2001:db8::2]:8888"),
/// ];
/// assert_eq!(tried, expected.map(|(at, address)| (at, address.to_owned())));
/// ```
#[derive(Clone, Debug)]
pub struct HappyEyeballs {
    waiting: VecDeque<SocketAddr>,
    /// Attempts that have begun and have not failed.
    running: usize,
    /// A monotonic reading: the next attempt begins then.
    next_at: Duration,
    delay: Duration,
}

impl HappyEyeballs {
    /// The delay between two attempts that the RFC recommends.
    pub const DELAY: Duration = Duration::from_millis(250);

    /// The attempts to connect to these addresses, in the order in which a resolver gives
    /// them. Each is tried once.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut families: [VecDeque<SocketAddr>; 2] = Default::default();
        let [first, other] = &mut families;
        for address in addresses {
            let of_first = first.front();
            let family = match of_first.is_none_or(|it| it.is_ipv4() == address.is_ipv4()) {
                true => &mut *first,
                false => &mut *other,
            };
            if !family.contains(&address) {
                family.push_back(address);
            }
        }
        let turns = first.len().max(other.len());
        let turns = (0..turns).flat_map(|_| [first.pop_front(), other.pop_front()]);
        Self {
            waiting: turns.flatten().collect(),
            running: 0,
            next_at: Duration::ZERO,
            delay: Self::DELAY,
        }
    }

    /// Sets the time after which the next attempt begins though none has failed;
    /// [`DELAY`](Self::DELAY) unless set.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The next address to connect to by now.
    pub fn next(&mut self, now: Now) -> Option<SocketAddr> {
        if self.next_at > now.monotonic {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running = self.running.saturating_add(1);
        self.next_at = now.deadline(self.delay);
        Some(address)
    }

    /// An attempt has failed: the next one begins at once.
    pub fn failure(&mut self, now: Now) {
        self.running = self.running.saturating_sub(1);
        self.next_at = now.monotonic;
    }

    /// When [`next`](Self::next) has another address, as a monotonic reading; `None` where
    /// there is no more.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.next_at)
    }

    /// Whether all attempts have failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::*;

    fn eyeballs(addresses: &[&str]) -> HappyEyeballs {
        HappyEyeballs::new(addresses.iter().map(|text| text.parse().unwrap()))
    }

    fn at(milliseconds: u64) -> Now {
        Now::new(Duration::from_millis(milliseconds), 0)
    }

    /// The order of the attempts where each fails at once.
    fn order(addresses: &[&str]) -> Vec<String> {
        let mut eyeballs = eyeballs(addresses);
        let attempts = core::iter::from_fn(|| {
            let address = eyeballs.next(at(7))?;
            assert!(!eyeballs.is_over() && eyeballs.next(at(7)).is_none());
            eyeballs.failure(at(7));
            Some(address.to_string())
        });
        attempts.collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_resolvers_choice() {
        let (one, two, three) = ("[::1]:1", "[::2]:1", "[::3]:1");
        let (v4, other_v4) = ("127.0.0.1:1", "127.0.0.2:1");
        for (given, expected) in [
            (&[one, two, three, v4][..], &[one, v4, two, three][..]),
            (&[v4, other_v4, one], &[v4, one, other_v4]),
            (&[v4, other_v4], &[v4, other_v4]),
            (&[one, v4, one, v4, two], &[one, v4, two]),
            (&[], &[]),
        ] {
            assert_eq!(order(given), expected);
        }
    }

    #[test]
    fn a_black_hole_costs_the_delay() {
        let mut eyeballs = eyeballs(&["[::1]:1", "127.0.0.1:1"]);
        assert!(eyeballs.next(at(100)).unwrap().is_ipv6());
        assert_eq!(eyeballs.deadline(), Some(Duration::from_millis(350)));
        assert_eq!(eyeballs.next(at(349)), None);
        assert!(eyeballs.next(at(350)).unwrap().is_ipv4());
        assert_eq!((eyeballs.deadline(), eyeballs.next(at(9999))), (None, None));
        eyeballs.failure(at(360));
        assert!(!eyeballs.is_over());
        eyeballs.failure(at(370));
        assert!(eyeballs.is_over());
    }

    #[test]
    fn a_failure_lets_the_next_one_begin_at_once() {
        let mut eyeballs = eyeballs(&["[::1]:1", "127.0.0.1:1"]).with_delay(Duration::from_secs(2));
        assert!(eyeballs.next(at(0)).is_some());
        assert_eq!(eyeballs.deadline(), Some(Duration::from_secs(2)));
        eyeballs.failure(at(5));
        assert_eq!(eyeballs.deadline(), Some(Duration::from_millis(5)));
        assert!(eyeballs.next(at(5)).is_some() && !eyeballs.is_over());
    }

    #[test]
    fn without_an_address_it_is_over() {
        assert!(eyeballs(&[]).is_over());
    }
}
