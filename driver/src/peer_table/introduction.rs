//! Whether the local peer can be introduced, with the layers of its messages.

use netaio_core::{DatagramLink, Discovery, ManagementError, Peer, PeerMessage, Role, SealError};

use super::Table;
use crate::fanout::{FrameSealer, Sealed};
use crate::remote_id::RemoteId;

impl Table {
    /// Says who this node is, if it can be introduced wherever peers are managed.
    pub(crate) fn set_local(&self, peer: Peer) -> Result<(), ManagementError> {
        let (plugin, managed) = {
            let discovery = self.discovery();
            let managed: Vec<_> = discovery.managed().cloned().collect();
            (discovery.plugin().clone(), managed)
        };
        // With a table that nobody else knows: what is sealed needs no lock.
        let mut trial = Discovery::<RemoteId>::new(self.config.wire.clone(), plugin);
        trial.set_local(Some(peer.clone()))?;
        for config in managed {
            trial.begin(self.sources.time.now(), config)?;
        }
        for advertisement in trial.advertisements() {
            self.check(&advertisement)
                .map_err(ManagementError::NotSendable)?;
        }
        self.change(|discovery| discovery.set_local(Some(peer)))
    }

    /// Sees that a message can be sent with its layers: ciphers make it longer.
    pub(crate) fn check(
        &self,
        PeerMessage { message, inner }: &PeerMessage,
    ) -> Result<(), SealError> {
        let config = &self.config;
        let Sealed::Once(frame) = FrameSealer::new(&self.sources)
            .map_err(|_| SealError::Plugin("the operating system has no randomness to give"))?
            .seal(config, &config.outer, inner, message)?
        else {
            // Not before there is somebody to send it to.
            return Ok(());
        };
        let (len, max) = (frame.len(), DatagramLink::MAX_DATAGRAM);
        match config.role == Role::Node && len > max {
            true => Err(SealError::DatagramTooLong { len, max }),
            false => Ok(()),
        }
    }
}
