//! What streams of notifications consist of.

use std::sync::Arc;

use netaio_core::{Gap, Message};

use crate::events::message_bytes;
use crate::remote::Remote;

/// A notification of a [`Subscription`](crate::Subscription).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notification {
    /// The message, which has the uri: of a wildcard, one that matches it.
    pub message: Message,
    /// Where it came from: the server's connection, or its address.
    pub remote: Remote,
    /// How many notifications the server dropped before this one, since it was read too slowly,
    /// as the server says ([`Gap`](netaio_core::Gap)); 0 as a rule, and of servers that do not
    /// say.
    pub gap: u64,
}

/// What a stream of notifications has to say.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    Notification(Notification),
    /// The server notifies again.
    Resubscribed,
    /// The server was asked again, and does not notify.
    NotResubscribed(Arc<str>),
}

impl Notice {
    pub(super) fn of(message: Message, from: &Remote) -> Self {
        Self::Notification(Notification {
            gap: Gap::of(&message).unwrap_or(0),
            // Slices would keep the whole receive buffer.
            message: message.into_owned(),
            remote: from.clone(),
        })
    }

    /// The bytes that it keeps.
    pub(super) fn bytes(&self) -> usize {
        let more = match self {
            Self::Notification(notification) => message_bytes(&notification.message),
            Self::Resubscribed => 0,
            Self::NotResubscribed(why) => why.len(),
        };
        more.saturating_add(size_of::<Self>())
    }
}
