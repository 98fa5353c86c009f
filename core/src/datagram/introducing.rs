//! What a node says of itself to its group and to peers.

use super::{DatagramLink, Phase};
use crate::options::SendOptions;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::shared::SharedNode;

impl DatagramLink {
    /// Tells the group of this node, asks peers whether they are still there, and sends the
    /// answers that have waited, when it is time.
    pub(super) fn advertise<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now;
        if self.phase != Phase::Open {
            return;
        }
        while let Some(advertisement) = node.advertisement(now) {
            let options = SendOptions::new().with_inner(advertisement.inner);
            // One that cannot be sent is lost, as datagrams are; the next round follows.
            let _ = self.multicast(now, node, &advertisement.message, &options);
        }
        self.ask_peers(node);
        while let Some((address, answer)) = self.delayed.pop(now.monotonic) {
            // One that cannot be sent is lost, as datagrams are.
            let _ = self.send_reply(node, &address, &answer);
        }
    }

    /// Asks peers whether they are still there, where that is due.
    pub(super) fn ask_peers<N: SharedNode>(&mut self, node: &mut N) {
        while let Some((place, question)) = node.question(self.exchange.now) {
            if !self.ask(node, place, question) {
                node.not_asked(place);
            }
        }
    }

    /// Asks a peer whether it is still there, and says whether that was sent: within the budget
    /// of answers, as a forged introduction may have brought it about.
    fn ask<N: SharedNode>(&mut self, node: &mut N, place: Place, question: PeerMessage) -> bool {
        let Some(to) = place.address() else {
            return false;
        };
        let validated = self.is_validated(to);
        if !validated && !self.may_answer(to) {
            return false;
        }
        let options = SendOptions::new().with_inner(question.inner);
        let sent = self.send(self.exchange.now, node, to, &question.message, &options);
        sent.is_ok() && (validated || self.keep_within_budget(to))
    }
}
