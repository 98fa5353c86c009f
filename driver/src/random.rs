//! Seeds and generators of random numbers.

use std::convert::Infallible;
use std::io;

use chacha20::ChaCha12Rng;
use rand_core::{CryptoRng, Rng, SeedableRng, TryCryptoRng, TryRng};

use crate::sync::{Mutex, lock};

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

    /// The stream of a node's own random numbers.
    pub(crate) const NODE: u64 = u64::MAX - 2;

    /// A generator, which needs no system call and no lock. Those that are made of the
    /// same fixed seed have streams of their own.
    pub(crate) fn generator(self, stream: u64) -> Box<dyn CryptoRng + Send> {
        Box::new(Generator {
            seed: self.0,
            stream,
            drawn: None,
        })
    }
}

/// A generator of which nothing is made before something is drawn: most connections without
/// plugins draw nothing, and its buffer is a tenth of all that an idle one would hold.
struct Generator {
    seed: [u8; 32],
    stream: u64,
    drawn: Option<Box<ChaCha12Rng>>,
}

impl Generator {
    fn drawn(&mut self) -> &mut ChaCha12Rng {
        self.drawn.get_or_insert_with(|| {
            let mut generator = ChaCha12Rng::from_seed(self.seed);
            generator.set_stream(self.stream);
            Box::new(generator)
        })
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
