//! How good a network is, and the chance that decides by it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How good a way through a network is.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::testing::Conditions;
///
/// // A radio link: one datagram of ten is lost, one of a hundred comes twice.
/// let radio = Conditions::new()
///     .with_loss(0.1)
///     .with_duplicates(0.01)
///     .with_delay(Duration::from_millis(20)..=Duration::from_millis(300));
/// # let _ = radio;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    loss: f64,
    duplicates: f64,
    delay: (Duration, Duration),
}

/// After which a stream sends once more what was lost: TCP's shortest time on Linux.
const RESENT: Duration = Duration::from_millis(200);

/// How often a stream sends the same once more before it gets through anyway.
const RESENDS: u32 = 6;

impl Conditions {
    /// Nothing is lost, doubled or delayed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            loss: 0.0,
            duplicates: 0.0,
            delay: (Duration::ZERO, Duration::ZERO),
        }
    }

    /// The share of datagrams that are lost, 0 to 1. A stream loses nothing: what was lost comes
    /// 200 ms later, or 400, 800 and so on where it is lost again.
    #[must_use]
    pub const fn with_loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }

    /// The share of datagrams that come twice, 0 to 1.
    #[must_use]
    pub const fn with_duplicates(mut self, share: f64) -> Self {
        self.duplicates = share;
        self
    }

    /// The shortest and the longest time that something is on its way. Datagrams may overtake
    /// one another, where the two differ.
    #[must_use]
    pub const fn with_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.delay = (*delay.start(), *delay.end());
        self
    }

    /// The delays of the copies of a datagram. The same number of draws each time: what befalls
    /// the next one does not depend on what befell this one.
    pub(super) fn datagram(&self, chance: &mut Chance) -> impl Iterator<Item = Duration> {
        let lost = chance.hits(self.loss);
        let doubled = chance.hits(self.duplicates);
        let (first, second) = (self.delayed(chance), self.delayed(chance));
        let second = doubled.then_some(second);
        let copies = std::iter::once(first).chain(second);
        copies.filter(move |_| !lost)
    }

    /// The delay of a part of a stream.
    pub(super) fn part(&self, chance: &mut Chance) -> Duration {
        let mut delay = self.delayed(chance);
        for resend in 0..RESENDS {
            if !chance.hits(self.loss) {
                break;
            }
            delay = delay.saturating_add(RESENT.saturating_mul(1 << resend));
        }
        delay
    }

    fn delayed(&self, chance: &mut Chance) -> Duration {
        let (shortest, longest) = self.delay;
        let more = longest.saturating_sub(shortest).mul_f64(chance.share());
        shortest.saturating_add(more)
    }
}

impl Default for Conditions {
    fn default() -> Self {
        Self::new()
    }
}

/// The chance of one way, from one address to another: SplitMix64, of the network's seed and the
/// addresses. So what befalls the third datagram there is the same in each run, whatever is sent
/// elsewhere, and when.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// That of datagrams, or of a stream by its number.
    pub(super) fn of(seed: u64, from: SocketAddr, to: SocketAddr, stream: u64) -> Self {
        let mut chance = Self(seed);
        chance.mix(stream);
        for address in [from, to] {
            let ip = match address.ip() {
                IpAddr::V4(ip) => u128::from(ip.to_bits()),
                IpAddr::V6(ip) => ip.to_bits(),
            };
            chance.mix(ip as u64);
            chance.mix((ip >> 64) as u64);
            chance.mix(address.port().into());
        }
        chance
    }

    fn mix(&mut self, more: u64) {
        self.0 ^= more;
        self.0 = self.draw();
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to less than 1.
    fn share(&mut self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        (self.draw() >> 11) as f64 / STEPS
    }

    fn hits(&mut self, share: f64) -> bool {
        self.share() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(seed: u64, to: &str) -> Chance {
        let (from, to) = ("10.0.0.1:1".parse().unwrap(), to.parse().unwrap());
        Chance::of(seed, from, to, 0)
    }

    fn fates(conditions: &Conditions, mut chance: Chance) -> Vec<Vec<Duration>> {
        let fate = |_| conditions.datagram(&mut chance).collect();
        (0..1000).map(fate).collect()
    }

    #[test]
    fn as_much_is_lost_and_doubled_as_was_said() {
        let delay = Duration::from_millis(10)..=Duration::from_millis(30);
        let bad = Conditions::new().with_loss(0.1).with_duplicates(0.2);
        let bad = bad.with_delay(delay.clone());
        let fates = fates(&bad, chance(1, "10.0.0.2:1"));
        let with = |copies| fates.iter().filter(|fate| fate.len() == copies).count();
        assert!((70..130).contains(&with(0)), "{}", with(0));
        assert!((140..220).contains(&with(2)), "{}", with(2));
        assert!(fates.iter().flatten().all(|it| delay.contains(it)));
    }

    #[test]
    fn a_seed_repeats_what_befalls_a_way_and_no_other() {
        let bad = Conditions::new().with_loss(0.5);
        let of = |seed, to| fates(&bad, chance(seed, to));
        let first = of(1, "10.0.0.2:1");
        assert_eq!(first, of(1, "10.0.0.2:1"));
        for other in [
            of(2, "10.0.0.2:1"),
            of(1, "10.0.0.2:2"),
            of(1, "10.0.0.3:1"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_stream_loses_nothing_and_waits() {
        let mut chance = chance(1, "10.0.0.2:1");
        assert_eq!(Conditions::new().part(&mut chance), Duration::ZERO);
        let worst = Conditions::new().with_loss(1.0).part(&mut chance);
        assert_eq!(worst, RESENT * 63);
    }
}
