//! The peers of a client: servers that introduce themselves.

use netaio_core::ManagementConfig;

use super::{Client, Shared};
use crate::error::PeerManagementError;
use crate::peer_table::Owner;
use crate::peers::Peers;
use crate::remote_id::RemoteId;
use crate::runtime::Runtime;

impl<R: Runtime> Client<R> {
    /// The peers that are known. Each belongs to the connection that it was
    /// announced by, and goes with it.
    #[must_use]
    pub fn peers(&self) -> Peers {
        Peers {
            table: self.shared.service.table.clone(),
        }
    }

    /// Manages peers from now on: this client introduces itself to every server
    /// that it is connected to or will be, and lists those that introduce
    /// themselves. A server is told that it leaves when a connection is closed.
    /// What the config says of times is for datagrams, and not heeded here.
    ///
    /// # Errors
    /// The local peer cannot be introduced, the app id is managed already, or the
    /// inner layer does not go with the outer one.
    pub fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        let config = config.with_every(None).with_timeout(None);
        self.shared.service.manage_peers(config)
    }

    /// Manages the peers of an app id no more: every server is told that this
    /// client leaves. Says whether they were managed. The peers stay listed.
    pub fn stop_peer_management(&self, app_id: impl AsRef<[u8]>) -> bool {
        let farewell = self.shared.service.stop_peer_management(app_id.as_ref());
        let Some(farewell) = farewell else {
            return false;
        };
        for connection in self.shared.servers().open() {
            connection.send_peer_message(&farewell);
        }
        true
    }
}

impl<R: Runtime> Owner for Shared<R> {
    // Clients have no subscribers.
    fn left(&self, _: RemoteId) {}

    fn changed(&self) {
        loop {
            let advertisement = self.service.table.discovery().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            for connection in self.servers().open() {
                connection.send_peer_message(&advertisement);
            }
        }
    }
}
