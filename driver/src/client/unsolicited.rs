//! What streams of messages consist of.

use netaio_core::Message;

use crate::connection::Connection;
use crate::events::{EventBytes, message_bytes};

/// A message that answered no request and had no handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unsolicited {
    /// The message.
    pub message: Message,
    /// The connection that it came by.
    pub connection: Connection,
    /// How many notifications the server dropped before this one, since this client read too
    /// slowly for it, as the server says ([`Gap`](netaio_core::Gap)); 0 as a rule, and of servers that do not
    /// say.
    pub gap: u64,
}

impl EventBytes for Unsolicited {
    fn event_bytes(&self) -> usize {
        message_bytes(&self.message).saturating_add(size_of::<Self>())
    }
}
