//! What a node says to its peers by itself.

use netaio_core::{PeerMessage, SendOptions};

use super::Task;
use crate::logging::limited;
use crate::runtime::Runtime;

impl<R: Runtime> Task<R> {
    /// Lets those who have fallen silent go, and sends what is due.
    pub(super) fn drive_peers(&mut self) {
        let (table, now) = (self.node.service.table.clone(), self.now);
        let deadline = table.discovery().poll_deadline();
        if deadline.is_some_and(|at| at <= now.monotonic) {
            table.change_quietly(|discovery| discovery.handle_timeout(now));
        }
        loop {
            let advertisement = table.discovery().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            self.multicast(advertisement);
        }
    }

    /// Tells the group that this node leaves.
    pub(super) fn send_farewells(&mut self) {
        let table = self.node.service.table.clone();
        for farewell in table.change_quietly(|discovery| discovery.stop_all()) {
            self.multicast(farewell);
        }
    }

    fn multicast(&mut self, PeerMessage { message, inner }: PeerMessage) {
        let Some(group) = self.node.group else {
            return;
        };
        let options = SendOptions::new().with_inner(inner);
        if let Err(error) = self.link.send(self.now, group, &message, &options) {
            limited!(self.logs(), WARN, "peers were not told of this node", %group, %error);
        }
    }
}
