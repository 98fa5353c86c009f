//! What a message has beside its body, for plugins that vouch for it.

use core::fmt;

use super::ahead::Ahead;
use super::sha256::Hash;
use crate::message::{AuthView, MessageType};
use crate::packify::ValueRef;

/// Which way a message goes. One end seals it and the other opens it, and both say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Nobody said: a program seals or opens it by itself.
    #[default]
    Unknown,
    /// Over a stream, from the end that connected to the one that accepted.
    ToServer,
    /// Over a stream, the other way.
    ToClient,
    /// Between equals, as nodes that exchange datagrams are.
    Between {
        /// The random number of this node, whether it seals the message or opens it.
        node: u64,
    },
}

impl Direction {
    /// Its number in what a cover is made of.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::ToServer => 1,
            Self::ToClient => 2,
            Self::Between { .. } => 3,
        }
    }

    /// This node's number, where it matters.
    pub(super) const fn node(self) -> u64 {
        match self {
            Self::Between { node } => node,
            _ => 0,
        }
    }
}

/// What a message has beside its body and its auth fields, for plugins that vouch for more.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    message_type: MessageType,
    written_later: Option<&'a dyn Fn(&str) -> bool>,
    ahead: Option<&'a Ahead>,
}

impl<'a> Envelope<'a> {
    /// That of a message whose outermost layer is sealed or opened.
    #[must_use]
    pub const fn new(message_type: MessageType) -> Self {
        Self {
            message_type,
            written_later: None,
            ahead: None,
        }
    }

    /// The same, with what its link keeps for the next message.
    pub(crate) const fn with_ahead(self, ahead: Option<&'a Ahead>) -> Self {
        Self { ahead, ..self }
    }

    pub(super) const fn ahead(&self) -> Option<&'a Ahead> {
        self.ahead
    }

    /// That of an inner layer: the outer one writes the fields for which `writes` says so,
    /// after the inner one.
    #[must_use]
    pub const fn within(self, writes: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            written_later: Some(writes),
            ..self
        }
    }

    /// The message type.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// Whether a layer around this one writes an auth field: an inner layer cannot vouch
    /// for it.
    #[must_use]
    pub fn is_written_later(&self, field: &str) -> bool {
        self.written_later.is_some_and(|writes| writes(field))
    }
}

impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("message_type", &self.message_type)
            .finish_non_exhaustive()
    }
}

/// Hashes the fields that are covered, in the order of the wire, and an end.
pub(super) fn hash_fields(hash: &mut Hash, fields: AuthView<'_>, covered: &dyn Fn(&str) -> bool) {
    for (key, value) in fields.packed() {
        let uncovered = matches!(ValueRef::validated(key), ValueRef::Str(name) if !covered(name));
        if !uncovered {
            for part in [key, value] {
                hash.update(&(part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
    }
    // No packed key is that short.
    hash.update(&0u64.to_be_bytes());
}
