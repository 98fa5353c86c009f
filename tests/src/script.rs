//! A random generator that draws what it is told to, so that a message can be sealed with the
//! nonces of another implementation.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// One draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draw {
    /// These bytes: a nonce or an initialization vector.
    Bytes(Vec<u8>),
    /// A number that makes the stream cipher cut `of` bytes of ciphertext at `place`.
    Cut {
        /// The bytes before the cut; at least 1 and less than `of`.
        place: usize,
        /// The bytes of ciphertext.
        of: usize,
    },
}

/// Draws what is scripted, in order. It panics where something else is drawn, or more.
#[derive(Debug)]
pub struct Script {
    draws: VecDeque<Draw>,
}

impl Script {
    /// The generator of these draws.
    #[must_use]
    pub fn new(draws: impl IntoIterator<Item = Draw>) -> Self {
        Self {
            draws: draws.into_iter().collect(),
        }
    }

    /// Draws that have not been asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        self.draws.len()
    }
}

impl TryRng for Script {
    type Error = Infallible;

    /// The least number that multiplies to `place - 1` of `of - 1` choices.
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        match self.draws.pop_front() {
            Some(Draw::Cut { place, of }) => {
                let number = ((place as u64 - 1) << 32).div_ceil(of as u64 - 1);
                Ok(u32::try_from(number).unwrap_or(u32::MAX))
            }
            other => unscripted("a number", other.as_ref()),
        }
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unscripted("64 bits", self.draws.front())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        match self.draws.pop_front() {
            Some(Draw::Bytes(bytes)) if bytes.len() == dst.len() => {
                dst.copy_from_slice(&bytes);
                Ok(())
            }
            other => unscripted(&format!("{} bytes", dst.len()), other.as_ref()),
        }
    }
}

#[expect(clippy::panic, reason = "a test whose script is wrong has failed")]
fn unscripted(asked: &str, scripted: Option<&Draw>) -> ! {
    panic!("{asked} were drawn where the script has {scripted:?}")
}

impl TryCryptoRng for Script {}
