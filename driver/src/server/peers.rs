//! The peers of a server: clients that introduce themselves.

use netaio_core::{LinkId, ManagementConfig, Node, PeerManagementError, PeerMessage, SendOptions};

use super::{Server, Shared};
use crate::logging::limited;
use crate::mailbox::Command;
use crate::peers::Peers;
use crate::runtime::Runtime;
use crate::service::Owner;

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

impl Shared {
    /// Tells every connection.
    fn send_peer_message(&self, PeerMessage { message, inner }: &PeerMessage) {
        let options = SendOptions::new().with_inner(inner.clone());
        let receivers = self.roster.connections();
        if let Err(error) = self.roster.deliver(&receivers, message, &options) {
            let logs = &self.service.context.logs;
            limited!(logs, WARN, "peers were not told of this server", %error);
        }
    }

    /// Tells the peers that this server leaves.
    pub(super) fn send_farewells(&self) {
        let farewells = self.service.change(Node::stop_all_peer_management);
        for farewell in &farewells {
            self.send_peer_message(farewell);
        }
    }
}

impl Owner for Shared {
    fn wake(&self, link: LinkId) {
        self.roster.command(link, Command::Wake);
    }

    fn peers_changed(&self) {
        loop {
            let advertisement = self.service.node().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            self.send_peer_message(&advertisement);
        }
    }
}
