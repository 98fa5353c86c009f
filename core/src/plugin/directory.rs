//! The peers at both ends, for plugins that need them.

use alloc::sync::Arc;
use core::net::SocketAddr;

use super::{Layer, Peer, PeerContext, PeerPlugin};

/// The peers of a node, for plugins. A link looks them up only where a plugin
/// [is peer-specific](Layer::is_peer_specific).
///
/// A link over a stream has a directory of its own, which knows the peer of that
/// stream; that of a datagram link finds peers by their addresses. A lock that an
/// implementation takes should be held for the look-up only.
pub trait PeerDirectory: Send + Sync {
    /// The peers at the two ends. `remote` is the address of the other one, if
    /// there is one.
    fn look_up(&self, remote: Option<SocketAddr>) -> KnownPeers;
}

/// The peers at both ends, as far as they are known.
#[derive(Clone, Default)]
pub struct KnownPeers {
    /// This node's own identity.
    pub local: Option<Peer>,
    /// The peer at the other end.
    pub remote: Option<Peer>,
    /// How peer data is read.
    pub plugin: Option<Arc<dyn PeerPlugin>>,
}

impl KnownPeers {
    /// The same, borrowed, as plugins get it.
    #[must_use]
    pub fn context(&self) -> PeerContext<'_> {
        PeerContext {
            local: self.local.as_ref(),
            remote: self.remote.as_ref(),
            plugin: self.plugin.as_deref(),
        }
    }

    /// Looks the peers up where one of the layers needs them.
    pub(crate) fn wanted<'a>(
        layers: impl IntoIterator<Item = &'a Layer>,
        directory: Option<&dyn PeerDirectory>,
        remote: Option<SocketAddr>,
    ) -> Self {
        match directory {
            Some(directory) if layers.into_iter().any(Layer::is_peer_specific) => {
                directory.look_up(remote)
            }
            _ => Self::default(),
        }
    }
}

impl core::fmt::Debug for KnownPeers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KnownPeers")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
