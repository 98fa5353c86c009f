//! Requests that a link which is drained does not begin, and says so.

use super::Link;
use super::calling::HandOut;
use super::event::LinkEvent;
use super::phase::Phase;
use crate::calls::{Buffer, ReplyAddress, Waiting};
use crate::error::CloseReason;
use crate::frame::SealedMessage;
use crate::message::Message;
use crate::shared::SharedNode;

impl Link {
    /// What a request is answered with that is not begun.
    const STOPPING: &str = "not handled: this side is stopping";

    /// Handles a message that came when the link was drained already. A request is refused;
    /// one without an id in its turn, or its refusal would be taken for the answer to another.
    pub(super) fn take_late<N: SharedNode>(
        &mut self,
        node: &mut N,
        mut sealed: SealedMessage,
        bytes: usize,
    ) -> Option<LinkEvent<N::Handler>> {
        if !sealed.message_type().is_request() {
            return None;
        }
        if self.calls.is_idle() || self.exchange.is_correlated(&sealed) {
            return self.dispatch(node, &mut sealed, (Buffer::default(), false), &mut HandOut);
        }
        self.calls.wait(Waiting {
            sealed: sealed.into_own_buffer(),
            from: (),
            bytes,
            local: None,
            late: true,
        });
        None
    }

    /// Tells the asker that its request is not handled.
    pub(super) fn send_refusal<N: SharedNode>(&mut self, node: &mut N, address: &ReplyAddress<()>) {
        let refusal = Message::error(address.uri.to_bytes(), Self::STOPPING).with_not_handled();
        // Where that cannot be sent, the link has ended.
        let _ = self.send_reply(node, address, &refusal);
    }

    /// Ends a link whose time to drain is over. What it has not begun is refused, which is
    /// written if the remote takes it within a moment.
    pub(super) fn end_drain<N: SharedNode>(&mut self, node: &mut N) {
        let queued = self.queued();
        self.refuse_rest(node);
        if self.queued() <= queued {
            self.end(CloseReason::Local);
            return;
        }
        self.begin_flush(CloseReason::Local);
        let moment = Self::LINGER.min(self.limits().shutdown_grace());
        let at = self.exchange.now.deadline(moment);
        if let Phase::Flushing(step) = &mut self.phase {
            step.until = at;
        }
        self.tell_left(node);
    }

    /// Refuses the requests that wait.
    pub(super) fn refuse_waiting<N: SharedNode>(&mut self, node: &mut N) {
        while let Some(Waiting { sealed, .. }) = self.calls.pop_waiting() {
            self.refuse_unbegun(node, sealed);
        }
    }

    /// Refuses the requests that wait, and those in the bytes that were received.
    fn refuse_rest<N: SharedNode>(&mut self, node: &mut N) {
        self.refuse_waiting(node);
        let place = self.place();
        while self.queued() < self.high_water()
            && let Ok(Some(frame)) = self.deframer.next(&mut self.inlet.bytes)
        {
            let opened = frame.decode(&self.exchange.config.wire).ok();
            let opened = opened.filter(|sealed| sealed.message_type().is_request());
            if let Some(mut sealed) = opened
                && let Ok(()) = self.exchange.open_outer(node, &mut sealed, || place)
            {
                self.refuse_unbegun(node, sealed);
            }
        }
    }

    /// One without an id can only be told while no other waits for its answer.
    fn refuse_unbegun<N: SharedNode>(&mut self, node: &mut N, mut sealed: SealedMessage) {
        let is_told = self.calls.len() == 0 || self.exchange.is_correlated(&sealed);
        if is_told && sealed.message_type().is_request() {
            // Of what else becomes of it nobody is told any more.
            self.dispatch(node, &mut sealed, (Buffer::default(), false), &mut HandOut);
        }
    }
}
