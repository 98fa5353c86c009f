//! Message types: the first byte of every frame.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A message type, as its byte on the wire.
///
/// Every byte is a value, of which the base protocol names some; a
/// [`MessageTypes`] registry has those that a node accepts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(u8);

macro_rules! base_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl MessageType {
            $($(#[$doc])* pub const $name: MessageType = MessageType($value);)*

            /// Every type of the base protocol, by ascending value.
            pub const BASE: &'static [MessageType] = &[$(MessageType::$name),*];

            /// The base protocol's name of this type, if it has one.
            #[must_use]
            pub const fn base_name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        /// The base message types as free constants, for keys such as
        /// `(REQUEST_URI, "echo")`.
        pub mod types {
            use super::MessageType;
            $($(#[$doc])* pub const $name: MessageType = MessageType::$name;)*
        }
    };
}

base_types! {
    /// Asks for the content of a URI.
    REQUEST_URI = 0;
    /// Answers `REQUEST_URI` with the content.
    RESPOND_URI = 1;
    /// Creates the content of a URI.
    CREATE_URI = 2;
    /// Replaces the content of a URI.
    UPDATE_URI = 3;
    /// Deletes a URI.
    DELETE_URI = 4;
    /// Subscribes to notifications about a URI.
    SUBSCRIBE_URI = 5;
    /// Ends a subscription.
    UNSUBSCRIBE_URI = 6;
    /// Publishes content to a URI's subscribers.
    PUBLISH_URI = 7;
    /// Notifies a subscriber of a URI.
    NOTIFY_URI = 8;
    /// Introduces a peer.
    ADVERTISE_PEER = 9;
    /// Reports success.
    OK = 10;
    /// Confirms `SUBSCRIBE_URI`.
    CONFIRM_SUBSCRIBE = 11;
    /// Confirms `UNSUBSCRIBE_URI`.
    CONFIRM_UNSUBSCRIBE = 12;
    /// Answers `ADVERTISE_PEER` with the introduction of the answering peer.
    PEER_DISCOVERED = 13;
    /// Reports a failure.
    ERROR = 20;
    /// Authentication or authorization failed.
    AUTH_ERROR = 23;
    /// There is no such URI, or no handler for the message.
    NOT_FOUND = 24;
    /// The sender may not do this.
    NOT_PERMITTED = 25;
    /// A peer leaves.
    DISCONNECT = 30;
}

impl MessageType {
    /// The least value a custom type may have; those below are reserved for the
    /// base protocol, named or not.
    pub const FIRST_CUSTOM: u8 = 31;

    /// The type with this byte, whether or not it has a name.
    #[must_use]
    pub const fn new(value: u8) -> Self {
        Self(value)
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// One of the four types that report a failure: `ERROR`, `AUTH_ERROR`,
    /// `NOT_FOUND` and `NOT_PERMITTED`.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::ERROR | Self::AUTH_ERROR | Self::NOT_FOUND | Self::NOT_PERMITTED
        )
    }

    /// Whether whoever sends a message of this type waits for an answer, or may:
    /// `REQUEST_URI`, what creates, updates, deletes, subscribes, unsubscribes or
    /// publishes, and the custom types.
    #[must_use]
    pub const fn is_request(self) -> bool {
        let value = self.0;
        value == Self::REQUEST_URI.0
            || (value >= Self::CREATE_URI.0 && value <= Self::PUBLISH_URI.0)
            || value >= Self::FIRST_CUSTOM
    }

    /// Whether a message of this type can end a request: `RESPOND_URI`, `OK`,
    /// the two confirmations and the four errors.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        self.is_error()
            || matches!(
                self,
                Self::RESPOND_URI | Self::OK | Self::CONFIRM_SUBSCRIBE | Self::CONFIRM_UNSUBSCRIBE
            )
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "MessageType({})", self.0),
        }
    }
}

impl From<MessageType> for u8 {
    fn from(value: MessageType) -> u8 {
        value.0
    }
}

/// The message types a node knows: the base protocol's, and those registered.
///
/// A frame whose type is not here is refused, as netaio refuses it.
///
/// ```
/// use netaio_core::{MessageType, MessageTypes};
///
/// let mut types = MessageTypes::base();
/// let ping = types.register(40, "PING")?;
/// assert_eq!(types.name(ping), Some("PING"));
/// assert_eq!(types.by_name("REQUEST_URI"), Some(MessageType::REQUEST_URI));
/// assert!(types.register(30, "MINE").is_err());
/// # Ok::<(), netaio_core::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MessageTypes {
    custom: Vec<(MessageType, Box<str>)>,
}

/// Why [`MessageTypes::register`] refused a custom type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// 0 to 30 belong to the base protocol.
    #[error("message type {0} is reserved for the base protocol; custom types are 31 to 255")]
    Reserved(u8),
    /// The value already has a name.
    #[error("message type {value} is already registered as {name}")]
    ValueTaken {
        /// The value asked for.
        value: u8,
        /// The name it has.
        name: Box<str>,
    },
    /// The name is a base type's, or already registered with another value.
    #[error("the name {name} already stands for message type {value}")]
    NameTaken {
        /// The name asked for.
        name: Box<str>,
        /// The value it stands for.
        value: u8,
    },
    /// A type needs a name.
    #[error("message type {0} needs a name that is not empty")]
    Unnamed(u8),
}

impl MessageTypes {
    /// The base protocol's types and no others.
    #[must_use]
    pub const fn base() -> Self {
        Self { custom: Vec::new() }
    }

    /// Adds a custom type and returns it. Registering the same name with the
    /// same value again is allowed and changes nothing.
    ///
    /// # Errors
    /// The value is reserved or taken, or the name is taken or empty.
    pub fn register(&mut self, value: u8, name: &str) -> Result<MessageType, RegisterError> {
        if value < MessageType::FIRST_CUSTOM {
            return Err(RegisterError::Reserved(value));
        }
        if name.is_empty() {
            return Err(RegisterError::Unnamed(value));
        }
        let kind = MessageType(value);
        match (self.name(kind), self.by_name(name)) {
            (None, None) => self.custom.push((kind, name.into())),
            (Some(known), _) if known == name => {}
            (Some(known), _) => {
                return Err(RegisterError::ValueTaken {
                    value,
                    name: known.into(),
                });
            }
            (None, Some(other)) => {
                return Err(RegisterError::NameTaken {
                    name: name.into(),
                    value: other.0,
                });
            }
        }
        Ok(kind)
    }

    /// Whether frames of this type are accepted.
    #[must_use]
    #[inline]
    pub fn contains(&self, kind: MessageType) -> bool {
        kind.base_name().is_some() || self.custom.iter().any(|(known, _)| *known == kind)
    }

    /// The name of a known type.
    #[must_use]
    pub fn name(&self, kind: MessageType) -> Option<&str> {
        kind.base_name().or_else(|| {
            self.custom
                .iter()
                .find(|(known, _)| *known == kind)
                .map(|(_, name)| &**name)
        })
    }

    /// The known type with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<MessageType> {
        MessageType::BASE
            .iter()
            .copied()
            .find(|kind| kind.base_name() == Some(name))
            .or_else(|| {
                self.custom
                    .iter()
                    .find(|(_, known)| &**known == name)
                    .map(|(kind, _)| *kind)
            })
    }

    /// Every known type, the base protocol's first.
    pub fn iter(&self) -> impl Iterator<Item = MessageType> + '_ {
        let custom = self.custom.iter().map(|(kind, _)| *kind);
        MessageType::BASE.iter().copied().chain(custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_values_and_names_are_the_protocols() {
        let pairs = [
            (0, "REQUEST_URI"),
            (9, "ADVERTISE_PEER"),
            (13, "PEER_DISCOVERED"),
            (30, "DISCONNECT"),
        ];
        for (value, name) in pairs {
            assert_eq!(MessageType::new(value).base_name(), Some(name));
        }
        assert_eq!(MessageType::BASE.len(), 19);
        assert_eq!(MessageType::new(14).base_name(), None);
    }

    #[test]
    fn unknown_types_are_refused_until_registered() {
        let mut types = MessageTypes::base();
        let custom = MessageType::new(31);
        assert!(!types.contains(custom) && !types.contains(MessageType::new(14)));
        assert_eq!(types.register(31, "CUSTOM"), Ok(custom));
        assert_eq!(types.register(31, "CUSTOM"), Ok(custom));
        assert!(types.contains(custom));
        assert_eq!(types.iter().count(), 20);
    }

    #[test]
    fn names_and_values_are_not_reused() {
        let mut types = MessageTypes::base();
        types.register(255, "LAST").unwrap();
        for (value, name) in [
            (30, "X"),
            (0, "X"),
            (14, "X"),
            (31, ""),
            (31, "LAST"),
            (31, "OK"),
            (255, "Y"),
        ] {
            assert!(types.register(value, name).is_err(), "{value} {name}");
        }
        assert_eq!(types.iter().count(), 20);
    }
}
