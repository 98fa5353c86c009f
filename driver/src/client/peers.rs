//! The peers of a client: servers that introduce themselves.

use netaio_core::{ManagementConfig, PeerManagementError};

use super::Client;
use crate::peers::Peers;
use crate::runtime::Runtime;

impl<R: Runtime> Client<R> {
    /// The known peers. Each belongs to the connection that announced it, and is removed
    /// with it.
    #[must_use]
    pub fn peers(&self) -> Peers {
        Peers {
            service: self.shared.service.clone(),
        }
    }

    /// Manages peers from now on: this client introduces itself to every server
    /// that it is connected to or will be, and lists those that introduce
    /// themselves. Closing a connection sends a farewell first.
    /// The times of the config are for datagrams, and ignored here.
    ///
    /// # Errors
    /// The local peer cannot be introduced, the app id is managed already, or the
    /// inner layer does not go with the outer one.
    pub fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        self.shared.service.manage_peers(config)
    }

    /// Stops managing the peers of an app id, and sends every server a farewell. Returns
    /// whether they were managed. The peers stay listed.
    pub fn stop_peer_management(&self, app_id: impl AsRef<[u8]>) -> bool {
        let farewell = self.shared.service.stop_peer_management(app_id.as_ref());
        farewell
            .map(|farewell| self.shared.send_peer_message(&farewell))
            .is_some()
    }
}
