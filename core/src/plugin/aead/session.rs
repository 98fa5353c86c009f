//! Numbers of messages that are sealed.

use rand_core::CryptoRng;

use super::lock::Lock;

/// Low bits of a number, which count; those above are Unix seconds.
pub(super) const COUNT_BITS: u32 = 24;

/// How far the clock may be behind the last number, in seconds, before a new session begins.
const BACK: u64 = 5;

/// Who seals: a random number, and the numbers of its messages, which only ever grow. Where the
/// clock has been set back, another session begins: numbers ahead of the clock would be refused.
#[derive(Default)]
pub(super) struct Session(Lock<State>);

#[derive(Default)]
struct State {
    /// Zero before the first message.
    id: u64,
    previous: u64,
    last: u64,
}

impl Session {
    /// The session and the next message's number in it.
    pub(super) fn next(&self, unix: u64, rng: &mut dyn CryptoRng) -> (u64, u64) {
        let mut state = self.0.write();
        let first = unix << COUNT_BITS;
        if state.id == 0 || state.last >> COUNT_BITS > unix.saturating_add(BACK) {
            state.previous = state.id;
            let mut id = [0; 8];
            rng.fill_bytes(&mut id);
            state.id = u64::from_be_bytes(id).max(1);
            state.last = first;
        } else {
            state.last = state.last.saturating_add(1).max(first);
        }
        (state.id, state.last)
    }

    /// Whether a session is this one's, or was its last but one.
    pub(super) fn is_own(&self, id: u64) -> bool {
        let state = self.0.read();
        id != 0 && (id == state.id || id == state.previous)
    }
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn numbers_grow_and_a_clock_set_back_begins_anew() {
        let (session, mut rng) = (Session::default(), ChaCha8Rng::seed_from_u64(1));
        assert!(!session.is_own(0));
        let (id, first) = session.next(1000, &mut rng);
        assert_eq!(first, 1000 << COUNT_BITS);
        let next = |unix| session.next(unix, &mut ChaCha8Rng::seed_from_u64(2));
        assert_eq!(next(1000), (id, first + 1));
        // A clock that is slewed.
        assert_eq!(next(996), (id, first + 2));
        assert_eq!(next(1001), (id, 1001 << COUNT_BITS));
        let (other, number) = next(900);
        assert_ne!(other, id);
        assert_eq!(number, 900 << COUNT_BITS);
        assert!(session.is_own(id) && session.is_own(other) && !session.is_own(other ^ 1));
    }
}
