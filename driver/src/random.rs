//! Seeds and generators of random numbers.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use chacha20::ChaCha12Rng;
use rand_core::{CryptoRng, Rng, SeedableRng, TryCryptoRng, TryRng};

use crate::sync::{Mutex, lock};

/// Where seeds come from: the operating system, unless a builder is given one.
#[derive(Clone, Default)]
pub(crate) struct Seeds(Option<Seed>);

/// The seed of generators, each of which has a stream of its own.
#[derive(Clone)]
pub(crate) struct Seed(Arc<Source>);

struct Source {
    seed: [u8; 32],
    /// Runs are to be repeated: the operating system adds nothing.
    is_known: bool,
}

impl Seeds {
    /// A fixed seed.
    pub(crate) fn known(seed: [u8; 32]) -> Self {
        Self(Some(Seed::new(seed, true)))
    }

    /// Asks the operating system for one, unless there is one. Those of copies are the same from
    /// then on.
    ///
    /// # Errors
    /// It has no randomness to give.
    pub(crate) fn draw(&mut self) -> io::Result<Seed> {
        let seed = self.seed()?;
        self.0 = Some(seed.clone());
        Ok(seed)
    }

    /// The seed that was drawn, else one from the operating system.
    ///
    /// # Errors
    /// It has no randomness to give.
    pub(crate) fn seed(&self) -> io::Result<Seed> {
        if let Some(seed) = &self.0 {
            return Ok(seed.clone());
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::from)?;
        Ok(Seed::new(seed, false))
    }
}

impl Seed {
    /// The stream for messages that are sealed once for many receivers.
    pub(crate) const PUBLICATIONS: u64 = u64::MAX;

    /// The stream of the jitter of reconnecting.
    pub(crate) const RECONNECTS: u64 = u64::MAX - 1;

    /// The stream of a node's own random numbers.
    pub(crate) const NODE: u64 = u64::MAX - 2;

    fn new(seed: [u8; 32], is_known: bool) -> Self {
        Self(Arc::new(Source { seed, is_known }))
    }

    /// A generator, which needs no lock. The operating system gives it more when something is drawn
    /// first, unless the seed is a fixed one.
    pub(crate) fn generator(self, stream: u64) -> Box<dyn CryptoRng + Send> {
        Box::new(Generator {
            seed: self,
            stream,
            drawn: None,
        })
    }

    fn make(&self, stream: u64) -> ChaCha12Rng {
        let Source { seed, is_known } = &*self.0;
        let (mut seed, mut fresh) = (*seed, [0; 32]);
        // A copy of the process, or of its machine, draws something else. Where the system has
        // nothing to give any more, what it gave at the start serves.
        if !is_known && getrandom::fill(&mut fresh).is_ok() {
            let bytes = seed.iter_mut().zip(fresh);
            bytes.for_each(|(byte, more)| *byte ^= more);
        }
        let mut generator = ChaCha12Rng::from_seed(seed);
        generator.set_stream(stream);
        generator
    }
}

/// A generator of which nothing is made before something is drawn: most connections without
/// plugins draw nothing, and its buffer is a tenth of all that an idle one would hold.
struct Generator {
    seed: Seed,
    stream: u64,
    drawn: Option<Box<ChaCha12Rng>>,
}

impl Generator {
    fn drawn(&mut self) -> &mut ChaCha12Rng {
        self.drawn
            .get_or_insert_with(|| Box::new(self.seed.make(self.stream)))
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.drawn().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.drawn().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.drawn().try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Generator {}

/// A generator that many draw from. The lock is held for one draw, not while a message
/// is sealed.
pub(crate) struct SharedRng(Mutex<Box<dyn CryptoRng + Send>>);

impl SharedRng {
    pub(crate) fn new(rng: Box<dyn CryptoRng + Send>) -> Self {
        Self(Mutex::new(rng))
    }
}

impl TryRng for &SharedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(lock(&self.0).next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(lock(&self.0).next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        lock(&self.0).fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for &SharedRng {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_seed_gives_the_same_and_one_of_the_system_never() {
        let draws = |seeds: &mut Seeds, stream| {
            let seed = seeds.draw().unwrap();
            [seed.clone(), seed].map(|seed| seed.generator(stream).next_u64())
        };
        let mut known = Seeds::known([7; 32]);
        let [first, again] = draws(&mut known, 1);
        assert_eq!(first, again);
        assert_ne!(first, draws(&mut known, 2)[0]);
        let [first, again] = draws(&mut Seeds::default(), 1);
        assert_ne!(first, again);
    }
}
