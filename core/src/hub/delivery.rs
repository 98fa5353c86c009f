//! Sealing for many.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rand_core::CryptoRng;

use crate::config::LinkConfig;
use crate::error::SealError;
use crate::message::Message;
use crate::now::Now;
use crate::options::SendOptions;
use crate::plugin::{Direction, PeerContext, SealContext};
use crate::seal::Sealer;

/// Seals what many get, once.
pub(super) struct SharedSealer {
    sealer: Sealer,
    rng: Box<dyn CryptoRng + Send>,
    direction: Direction,
}

impl SharedSealer {
    pub(super) fn new(rng: Box<dyn CryptoRng + Send>, direction: Direction) -> Self {
        Self {
            sealer: Sealer::new(),
            rng,
            direction,
        }
    }

    /// The frame that is the same for all; none where a plugin wants to know for whom.
    pub(super) fn seal(
        &mut self,
        now: Now,
        config: &LinkConfig,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Option<Vec<u8>>, SealError> {
        config.outer.check_clash(options.inner())?;
        let outer = options.outer(&config.outer);
        let mut context = SealContext {
            now,
            rng: &mut *self.rng,
            peers: PeerContext {
                direction: self.direction,
                ..PeerContext::default()
            },
        };
        let (wire, inner) = (&config.wire, options.inner());
        let sealer = &mut self.sealer;
        sealer.seal_for_many(wire, &outer, inner, message, &mut context)
    }
}
