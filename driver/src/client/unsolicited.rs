//! What streams of messages consist of.

use netaio_core::Message;

use crate::connection::Connection;
use crate::events::EventBytes;

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

/// A [lossy stream](crate::Client::messages_lossy) was not read fast enough: this many
/// messages were dropped before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{messages} messages were dropped: the stream was not read fast enough")]
#[non_exhaustive]
pub struct Lagged {
    /// The number of messages.
    pub messages: u64,
}

impl EventBytes for Unsolicited {
    fn event_bytes(&self) -> usize {
        let Message {
            uri, content, auth, ..
        } = &self.message;
        let fields = auth.view();
        let fields = fields
            .packed()
            .map(|(name, value)| name.len().saturating_add(value.len()));
        [uri.len(), content.len(), std::mem::size_of::<Self>()]
            .into_iter()
            .chain(fields)
            .fold(0, usize::saturating_add)
    }
}
