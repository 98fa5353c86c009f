//! Messages for many receivers: sealed once where the frame is the same for all.

use std::io;
use std::sync::Arc;

use netaio_core::plugin::{Direction, PeerContext, SealContext};
use netaio_core::{Message, SealError, Sealer, SendOptions};

use crate::context::Context;
use crate::options::Omitted;
use crate::random::{Seed, SharedRng};

/// Seals messages for many receivers.
pub(crate) struct FrameSealer {
    context: Arc<Context>,
    rng: SharedRng,
    direction: Direction,
}

impl FrameSealer {
    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn new(context: Arc<Context>, direction: Direction) -> io::Result<Self> {
        let seed = context.sources.seeds.seed()?;
        let rng = SharedRng::new(seed.generator(Seed::PUBLICATIONS));
        Ok(Self {
            context,
            rng,
            direction,
        })
    }

    /// The frame for all receivers that omit these plugins; none where one that they do not
    /// omit is peer-specific.
    ///
    /// # Errors
    /// The message cannot be sealed.
    pub(crate) fn seal(
        &self,
        omitted: Omitted,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Option<Vec<u8>>, SealError> {
        let (config, inner) = (&self.context.config, options.inner());
        config.outer.check_clash(inner)?;
        let outer = options.outer(&omitted.outer(&config.outer));
        let mut context = SealContext {
            now: self.context.time().now(),
            rng: &mut &self.rng,
            peers: PeerContext {
                direction: self.direction,
                ..PeerContext::default()
            },
        };
        Sealer::new().seal_for_many(&config.wire, &outer, inner, message, &mut context)
    }
}
