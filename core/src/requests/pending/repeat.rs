//! Requests that are sent again where their receiver asks for that.

use crate::message::Message;
use crate::options::RequestOptions;

/// A request as it is sent again.
#[derive(Debug)]
pub(super) struct Repeat {
    message: Message,
    options: RequestOptions,
    /// How often it may be.
    left: u8,
}

impl Repeat {
    const TIMES: u8 = 2;

    pub(super) fn new(message: &Message, options: RequestOptions) -> Self {
        Self {
            message: message.clone(),
            options,
            left: Self::TIMES,
        }
    }

    /// Bytes that it keeps alive.
    pub(super) fn bytes(&self) -> usize {
        let Message { uri, content, .. } = &self.message;
        uri.len().saturating_add(content.len())
    }

    /// Whether it may be sent once more.
    pub(super) const fn is_left(&self) -> bool {
        self.left > 0
    }

    /// What is sent, if it may be once more.
    pub(super) fn take(&mut self) -> Option<(Message, RequestOptions)> {
        self.left = self.left.checked_sub(1)?;
        Some((self.message.clone(), self.options.clone()))
    }
}
