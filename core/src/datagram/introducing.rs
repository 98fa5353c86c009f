//! What a node says of itself to its group and to peers.

use core::net::SocketAddr;

use super::{DatagramLink, Phase};
use crate::error::SendError;
use crate::now::Now;
use crate::options::SendOptions;
use crate::peers::PeerMessage;
use crate::place::Place;
use crate::shared::SharedNode;

impl DatagramLink {
    /// Introduces the node to one address, where no multicast has to lead: with the
    /// `ADVERTISE_PEER` of each app id that is managed, now and with each round of
    /// advertisements. Who is there and manages the app id knows the node from then on, and its
    /// `PEER_DISCOVERED` says who it is itself; it is told when the node leaves, as the group is.
    ///
    /// A datagram may be lost: who waits for the answer introduces the node again. Rounds go to
    /// so many addresses as there may be [`Limits::peers`](crate::Limits::peers), the first ones, until
    /// the link ends.
    ///
    /// # Errors
    /// It is not introduced: the message cannot be sealed, the queue is full, or the link has
    /// ended.
    pub fn introduce<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        to: SocketAddr,
    ) -> Result<(), SendError> {
        for PeerMessage { message, inner } in node.introductions() {
            let options = SendOptions::new().with_inner(inner);
            self.send(now, node, to, &message, &options)?;
        }
        let has_room = self.introduced.len() < self.exchange.limits().peers();
        if has_room && self.phase == Phase::Open && !self.introduced.contains(&to) {
            self.introduced.push(to);
        }
        Ok(())
    }

    /// Sends what the node says of itself to its [group](Self::group), if it has one, and to all
    /// that it was [introduced](Self::introduce) to: the farewell of an app id that it does not
    /// [manage](crate::Node::stop_peer_management) any more, say. What cannot be sent is lost, as
    /// datagrams are.
    pub fn announce<N: SharedNode>(&mut self, now: Now, node: &mut N, said: PeerMessage) {
        let PeerMessage { message, inner } = said;
        let options = SendOptions::new().with_inner(inner);
        if let Some(group) = self.group {
            let _ = self.send(now, node, group, &message, &options);
        }
        for index in 0..self.introduced.len() {
            if let Some(to) = self.introduced.get(index).copied() {
                let _ = self.send(now, node, to, &message, &options);
            }
        }
    }

    /// Tells the others of this node, asks peers whether they are still there, and sends the
    /// answers that have waited, when it is time.
    pub(super) fn advertise<N: SharedNode>(&mut self, node: &mut N) {
        let now = self.exchange.now;
        if self.phase != Phase::Open {
            return;
        }
        while let Some(advertisement) = node.advertisement(now) {
            // One that is lost is followed by the next round.
            self.announce(now, node, advertisement);
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
        if !self.may_answer(to) {
            return false;
        }
        let options = SendOptions::new().with_inner(question.inner);
        let sent = self.send(self.exchange.now, node, to, &question.message, &options);
        sent.is_ok() && self.keep_within_budget(to)
    }
}
