//! The peers at both ends of a link, for plugins that have to know.

use alloc::sync::Arc;

use super::{Peer, PeerContext, PeerPlugin};

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
    /// The same, borrowed, as plugins are shown it.
    #[must_use]
    pub fn context(&self) -> PeerContext<'_> {
        PeerContext {
            local: self.local.as_ref(),
            remote: self.remote.as_ref(),
            plugin: self.plugin.as_deref(),
            ..PeerContext::default()
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
