//! Seeds and generators of random numbers.

use std::io;

use chacha20::ChaCha12Rng;
use rand_core::{CryptoRng, SeedableRng};

/// Where seeds come from: the operating system, unless a builder is given one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seeds(Option<[u8; 32]>);

/// The seed of the generators of one link.
pub(crate) struct Seed([u8; 32]);

impl Seeds {
    /// A fixed seed, the same for all links.
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
    /// The stream for messages that are sealed once for many receivers.
    pub(crate) const PUBLICATIONS: u64 = u64::MAX;

    /// The stream of the jitter of reconnecting.
    pub(crate) const RECONNECTS: u64 = u64::MAX - 1;

    /// A generator, which needs no system call and no lock. Those that are made of the
    /// same fixed seed have streams of their own.
    pub(crate) fn generator(self, stream: u64) -> Box<dyn CryptoRng + Send> {
        let mut generator = ChaCha12Rng::from_seed(self.0);
        generator.set_stream(stream);
        Box::new(generator)
    }
}

/// A generator that is seeded by another.
pub(crate) fn fork(seeds: &mut dyn CryptoRng) -> impl CryptoRng + use<> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    seeds.fill_bytes(&mut seed);
    ChaCha12Rng::from_seed(seed)
}
