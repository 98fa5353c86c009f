//! Messages for many receivers: sealed once where the frame is the same for all.

use std::io;

use bytes::Bytes;
use netaio_core::plugin::SealContext;
use netaio_core::{Layer, LinkConfig, Message, SealError, Sealer};

use crate::clock::Time;
use crate::random::{Seed, SharedRng};
use crate::sources::Sources;

/// To how many receivers a message was queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Receivers that it was queued for. A slow consumer may still lose it, where [`Limits::slow_consumer`](netaio_core::Limits::slow_consumer)
    /// says so.
    pub sent: usize,
    /// Receivers that it was not queued for: connections that are closed, or read
    /// so slowly that they are cut off now; or the node has too much to send.
    pub failed: usize,
}

impl Delivery {
    pub(crate) fn count(&mut self, receivers: usize, sent: bool) {
        let counter = match sent {
            true => &mut self.sent,
            false => &mut self.failed,
        };
        *counter = counter.saturating_add(receivers);
    }
}

/// A message for many receivers.
pub(crate) enum Sealed {
    /// Sealed once: the frame is the same for all.
    Once(Bytes),
    /// Has to be sealed for each of them, since a plugin is peer-specific.
    PerReceiver,
}

/// Seals messages for many receivers.
pub(crate) struct FrameSealer {
    rng: SharedRng,
    time: Time,
}

impl FrameSealer {
    pub(crate) fn new(sources: &Sources) -> io::Result<Self> {
        let seed = sources.seeds.seed()?;
        Ok(Self {
            rng: SharedRng::new(seed.generator(Seed::PUBLICATIONS)),
            time: sources.time.clone(),
        })
    }

    /// Seals the message, unless a plugin is peer-specific.
    pub(crate) fn seal(
        &self,
        config: &LinkConfig,
        outer: &Layer,
        inner: &Layer,
        message: &Message,
    ) -> Result<Sealed, SealError> {
        if outer.is_peer_specific() || inner.is_peer_specific() {
            return Ok(Sealed::PerReceiver);
        }
        let mut context = SealContext {
            now: self.time.now(),
            rng: &mut &self.rng,
            peers: Default::default(),
        };
        let mut frame = Vec::new();
        Sealer::new().seal(
            &config.wire,
            outer,
            inner,
            message,
            &mut context,
            &mut frame,
        )?;
        Ok(Sealed::Once(frame.into()))
    }
}
