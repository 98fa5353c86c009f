//! The layers of messages that came are opened.

use core::hash::Hash;

use super::Exchange;
use crate::error::OpenError;
use crate::frame::SealedMessage;
use crate::place::Place;
use crate::plugin::{KnownPeers, Layer, OpenContext};
use crate::seal::Sealer;
use crate::shared::SharedNode;

impl<A: Copy + Eq + Hash> Exchange<A> {
    /// Opens an inner layer.
    pub(super) fn open(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        layer: &Layer,
        from: Place,
    ) -> Result<(), OpenError> {
        self.open_layer(node, sealed, layer, Some(&self.config.outer), from)
    }

    /// Opens a layer, which is within `outer` if there is one.
    fn open_layer(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        layer: &Layer,
        outer: Option<&Layer>,
        from: Place,
    ) -> Result<(), OpenError> {
        if layer.is_empty() {
            return Ok(());
        }
        let known = self.known_peers([layer], node, from);
        let mut peers = known.as_ref().map(KnownPeers::context).unwrap_or_default();
        peers.direction = self.inbound();
        peers.place = Some(from);
        peers.node = self.config.node();
        let now = self.now;
        let context = OpenContext { now, peers };
        let wire = &self.config.wire;
        let ahead = self.sealer.as_deref().map(Sealer::ahead);
        sealed.open_ahead(outer, layer, ahead, wire, &context)
    }

    /// Opens the outer layer.
    #[inline]
    pub(crate) fn open_outer(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        from: impl FnOnce() -> Place,
    ) -> Result<(), OpenError> {
        match self.config.outer.is_empty() {
            true => Ok(()),
            false => self.open_layer(node, sealed, &self.config.outer, None, from()),
        }
    }

    /// The peers at both ends, where one of the layers wants to know them.
    pub(super) fn known_peers<'a>(
        &self,
        layers: impl IntoIterator<Item = &'a Layer>,
        node: &mut impl SharedNode,
        at: Place,
    ) -> Option<KnownPeers> {
        let wanted = layers.into_iter().any(Layer::is_peer_specific);
        wanted.then(|| match &self.kept_peers {
            Some(kept) => (**kept).clone(),
            None => node.known_peers(at),
        })
    }
}
