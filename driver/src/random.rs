//! Generators for nonces.

use std::io;

use chacha20::ChaCha12Rng;
use rand_core::{CryptoRng, SeedableRng};

/// Where seeds come from: the operating system, unless a builder is given one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seeds(Option<[u8; 32]>);

/// What generators are made of, once per link.
pub(crate) struct Seed([u8; 32]);

impl Seeds {
    /// They are all the same.
    pub(crate) const fn known(seed: [u8; 32]) -> Self {
        Self(Some(seed))
    }

    /// The seed of one link.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn seed(&self) -> io::Result<Seed> {
        let mut seed = self.0.unwrap_or_default();
        if self.0.is_none() {
            getrandom::fill(&mut seed).map_err(io::Error::from)?;
        }
        Ok(Seed(seed))
    }
}

impl Seed {
    /// The stream of what is sealed for many.
    pub(crate) const PUBLICATIONS: u64 = u64::MAX;

    /// A generator of its own: no system call and no lock per message. The stream
    /// tells apart what draws from the same seed, where that is a known one.
    pub(crate) fn generator(self, stream: u64) -> Box<dyn CryptoRng + Send> {
        let mut generator = ChaCha12Rng::from_seed(self.0);
        generator.set_stream(stream);
        Box::new(generator)
    }
}

/// A generator of its own, seeded by another.
pub(crate) fn fork(seeds: &mut dyn CryptoRng) -> impl CryptoRng + use<> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    seeds.fill_bytes(&mut seed);
    ChaCha12Rng::from_seed(seed)
}
