//! The peers of a server: clients that introduce themselves.

use netaio_core::{ManagementConfig, PeerMessage, SendOptions};

use super::{Server, Shared};
use crate::error::PeerManagementError;
use crate::logging::limited;
use crate::peer_table::Owner;
use crate::peers::Peers;
use crate::remote_id::RemoteId;
use crate::runtime::Runtime;

impl<R: Runtime> Server<R> {
    /// The peers that are known. Each belongs to the connection that it was
    /// announced by, and goes with it.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.shared.peers
    }

    /// Manages peers from now on: clients that introduce themselves are listed
    /// and told who this server is. Those that are connected already are
    /// told at once; new ones are expected to speak first. What the config says
    /// of times is for datagrams, and not heeded here.
    ///
    /// # Errors
    /// The local peer cannot be introduced, the app id is managed already, or the
    /// inner layer does not go with the outer one.
    pub fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        let config = over_connections(config);
        self.shared.service.manage_peers(config)
    }

    /// Manages the peers of an app id no more: every connection is told that this
    /// server leaves. Says whether they were managed. The peers stay listed.
    pub fn stop_peer_management(&self, app_id: impl AsRef<[u8]>) -> bool {
        let farewell = self.shared.service.stop_peer_management(app_id.as_ref());
        farewell
            .map(|farewell| self.shared.send_peer_message(&farewell))
            .is_some()
    }
}

/// A connection is told once, and lives as long as it lives.
pub(super) fn over_connections(config: ManagementConfig) -> ManagementConfig {
    config.with_every(None).with_timeout(None)
}

impl Shared {
    /// Tells every connection.
    fn send_peer_message(&self, PeerMessage { message, inner }: &PeerMessage) {
        let options = SendOptions::new().with_inner(inner.clone());
        let receivers = self.roster.connections();
        if let Err(error) = self.roster.deliver(&receivers, message, &options) {
            let logs = &self.service.logs;
            limited!(logs, WARN, "peers were not told of this server", %error);
        }
    }

    /// Tells the peers that this server leaves.
    pub(super) fn send_farewells(&self) {
        let table = &self.service.table;
        for farewell in table.change_quietly(|discovery| discovery.stop_all()) {
            self.send_peer_message(&farewell);
        }
    }
}

impl Owner for Shared {
    fn left(&self, id: RemoteId) {
        if let RemoteId::Connection { number, .. } = id {
            self.roster.unsubscribe_all(number);
        }
    }

    fn changed(&self) {
        loop {
            let advertisement = self.service.table.discovery().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            self.send_peer_message(&advertisement);
        }
    }
}
