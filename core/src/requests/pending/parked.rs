//! What waits for a place.

use crate::message::Message;
use crate::options::RequestOptions;

/// What is sent once there is a place.
#[derive(Debug)]
pub(super) struct Parked {
    message: Message,
    options: RequestOptions,
}

impl Parked {
    pub(super) fn new(message: &Message, options: &RequestOptions) -> Self {
        Self {
            message: message.clone(),
            options: options.clone(),
        }
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// What is sent.
    pub(super) fn to_send(&self) -> (Message, RequestOptions) {
        (self.message.clone(), self.options.clone())
    }

    /// The memory that this takes with such a message, in bytes.
    pub(super) fn bytes(message: &Message) -> usize {
        let fields = message.uri.len().saturating_add(message.content.len());
        size_of::<Self>().saturating_add(fields)
    }
}
