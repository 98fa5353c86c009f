//! A connection that is made for one message: [`Server::call`](crate::Server::call).

use netaio_core::Link;

/// What has become of the one message.
#[derive(Default)]
pub(super) struct Single {
    refused: bool,
    /// A handler gave no answer.
    silent: bool,
    /// What was sent before it came.
    sent_before: u64,
}

impl Single {
    pub(super) fn note_refused(&mut self) {
        self.refused = true;
    }

    pub(super) fn note_reply(&mut self, answered: bool) {
        self.silent |= !answered;
    }

    /// Whether the message was handled, and nothing has answered it.
    pub(super) fn is_unanswered(&mut self, link: &Link) -> bool {
        let sent = link.sent_messages();
        if link.received_messages() == 0 && !self.refused {
            self.sent_before = sent;
            return false;
        }
        let silent = self.silent || sent == self.sent_before;
        silent && link.calls_in_flight() == 0 && link.close_reason().is_none()
    }
}
