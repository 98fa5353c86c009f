//! What a handler is called with.

use netaio_core::Message;

use crate::remote::Remote;

/// A message and its sender, as handlers get them. Cloning it copies no content.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message, all layers opened.
    pub message: Message,
    /// Its sender.
    pub remote: Remote,
}
