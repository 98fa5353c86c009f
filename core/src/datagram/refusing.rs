//! Requests for which no handler is called, and which are told so.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::event::DatagramEvent;
use super::inlet::Came;
use super::{DatagramLink, Phase};
use crate::calls::InFlight;
use crate::frame::SealedMessage;
use crate::message::Message;
use crate::shared::SharedNode;

impl DatagramLink {
    /// What a request is answered with that comes during the end, or is not begun by then.
    pub(super) const STOPPING: &str = "not handled: this node is stopping";
    /// What one is answered with that finds too many others waiting.
    pub(super) const BUSY: &str = "not handled: too many messages wait";

    /// Whether requests that come are told that they are not handled: while the link is drained
    /// and something is still under way.
    pub(super) fn is_refusing(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. }) && !self.calls.is_idle()
    }

    /// Refuses a request with this text, without calling a handler. One without an id can only
    /// be told while no other may wait for its answer; what is no request is told nothing.
    pub(super) fn refuse_unbegun<N: SharedNode>(
        &mut self,
        node: &mut N,
        sealed: &mut SealedMessage,
        came: Came,
        text: &'static str,
    ) -> Option<DatagramEvent<N::Handler>> {
        let is_told = self.calls.len() == 0 || self.exchange.is_correlated(sealed);
        match is_told && sealed.message_type().is_request() {
            true => self.dispatch(node, sealed, came, Some(text)),
            false => None,
        }
    }

    /// Tells the asker that its request is not handled: the node's own answer, within the budget
    /// for those.
    pub(super) fn send_refusal<N: SharedNode>(
        &mut self,
        node: &mut N,
        mut address: Box<InFlight<SocketAddr>>,
        text: &'static str,
    ) {
        address.unprompted = true;
        let refusal = Message::error(address.uri.to_bytes(), text).with_not_handled();
        // One that cannot be sent is lost, as datagrams are.
        let _ = self.send_reply(node, &address, &refusal);
    }

    /// Refuses what waits when the grace is over.
    pub(super) fn refuse_rest<N: SharedNode>(&mut self, node: &mut N) {
        while let Some(mut waiting) = self.calls.pop_waiting() {
            let came = Came::of(&waiting);
            // Of what else becomes of it nobody is told any more.
            let _ = self.refuse_unbegun(node, &mut waiting.sealed, came, Self::STOPPING);
        }
    }
}
