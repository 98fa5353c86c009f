//! Times that are spread by chance.

use core::time::Duration;

/// Spreads what many nodes would do at the same time: their rounds of introductions, and
/// their answers to one of them. Of 400 answers that come at once a socket's usual buffer
/// holds some 250.
///
/// The generator is SplitMix64 (Steele, Lea, Flood 2014): nobody gains by guessing it.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// The longest that an answer waits.
    pub(super) const LONGEST: Duration = Duration::from_secs(1);
    /// The time that the answers are spread over, for each peer that is known: so far apart
    /// are two of them.
    const EACH: Duration = Duration::from_millis(2);
    /// With so few peers nothing is spread: what they send at once fits.
    const FEW: usize = 16;
    /// The part of a period by which a round comes earlier, at most.
    const PART: u32 = 10;

    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// How much earlier than one period after the last the next round is.
    pub(super) fn of_round(&mut self, every: Duration) -> Duration {
        self.up_to(every.checked_div(Self::PART).unwrap_or_default())
    }

    /// How long the answer to an introduction waits, where so many peers are known: as many
    /// answer it.
    pub(super) fn of_answer(&mut self, peers: usize) -> Duration {
        if peers <= Self::FEW {
            return Duration::ZERO;
        }
        let peers = u32::try_from(peers).unwrap_or(u32::MAX);
        self.up_to(Self::EACH.saturating_mul(peers).min(Self::LONGEST))
    }

    /// Any time up to this one.
    fn up_to(&mut self, longest: Duration) -> Duration {
        let part = u128::from(self.next() >> 32);
        let nanos = longest.as_nanos().saturating_mul(part) >> 32;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_within_their_bounds_and_spread_over_all_of_them() {
        let mut jitter = Jitter::new(1);
        let every = Duration::from_secs(20);
        let rounds = [(); 1000].map(|()| jitter.of_round(every));
        assert!(rounds.iter().all(|early| *early <= every / 10));
        assert!(rounds.iter().any(|early| *early < every / 100));
        assert!(rounds.iter().any(|early| *early > every * 9 / 100));
        assert_eq!(jitter.of_answer(16), Duration::ZERO);
        for (peers, longest) in [(17, 34), (400, 800), (100_000, 1000)] {
            let longest = Duration::from_millis(longest);
            let answers = [(); 1000].map(|()| jitter.of_answer(peers));
            assert!(answers.iter().all(|wait| *wait <= longest), "{peers}");
            assert!(answers.iter().any(|wait| *wait > longest * 9 / 10));
            assert!(answers.iter().any(|wait| *wait < longest / 10));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let times = |seed| {
            let mut jitter = Jitter::new(seed);
            [(); 8].map(|()| jitter.of_answer(500))
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }
}
