//! The peers of a client: servers that introduce themselves.

use netaio_core::{LinkId, ManagementConfig, PeerManagementError};

use super::{Client, Shared};
use crate::mailbox::Command;
use crate::peers::Peers;
use crate::runtime::Runtime;
use crate::service::Owner;

impl<R: Runtime> Client<R> {
    /// The peers that are known. Each belongs to the connection that it was
    /// announced by, and goes with it.
    #[must_use]
    pub fn peers(&self) -> Peers {
        Peers {
            service: self.shared.service.clone(),
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
    fn wake(&self, link: LinkId) {
        for connection in self.servers().open() {
            if connection.shared.link == link {
                // One that is closed needs no command.
                let _ = connection.shared.mailbox.push(Command::Wake);
            }
        }
    }

    fn peers_changed(&self) {
        loop {
            let advertisement = self.service.node().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            for connection in self.servers().open() {
                connection.send_peer_message(&advertisement);
            }
        }
    }
}
