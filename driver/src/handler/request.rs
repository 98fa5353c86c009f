//! What a handler is called with.

use netaio_core::Message;

use crate::remote::Remote;

/// A message on its way to its handler. Cloning it copies no content.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message, all layers opened.
    pub message: Message,
    /// Whoever sent it.
    pub remote: Remote,
}
