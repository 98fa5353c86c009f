//! Generators for nonces, seeded by the operating system once per link.

use std::io;

use chacha20::ChaCha12Rng;
use rand_core::{CryptoRng, SeedableRng};

/// A generator of its own: no system call and no lock per message.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn generator() -> io::Result<Box<dyn CryptoRng + Send>> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    getrandom::fill(&mut seed).map_err(io::Error::from)?;
    Ok(Box::new(ChaCha12Rng::from_seed(seed)))
}

/// A generator of its own, seeded by another.
pub(crate) fn fork(seeds: &mut dyn CryptoRng) -> impl CryptoRng + use<> {
    let mut seed = <ChaCha12Rng as SeedableRng>::Seed::default();
    seeds.fill_bytes(&mut seed);
    ChaCha12Rng::from_seed(seed)
}
