//! What handlers are registered under.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::net::SocketAddr;

use bytes::Bytes;
use hashbrown::Equivalent;

use crate::message::MessageType;
use crate::small_bytes::SmallBytes;

/// A key that handlers are registered under.
///
/// Most are written as `REQUEST_URI`, `(REQUEST_URI, "uri")` or
/// `(REQUEST_URI, "uri", address)`. Bytes in it are copied when a handler is
/// registered.
///
/// A uri that is written so and has a brace is a [pattern](Self::Pattern). One whose bytes
/// somebody else chooses is taken as it is by [`Key::exact`].
///
/// ```
/// use netaio_core::Key;
/// use netaio_core::types::CREATE_URI;
///
/// let pattern = Key::from((CREATE_URI, "sensors/{id}/readings"));
/// assert!(matches!(pattern, Key::Pattern(..)));
/// // The uri of these bytes, and no other.
/// let exact = Key::exact(CREATE_URI, "sensors/{id}/readings");
/// assert!(matches!(exact, Key::Uri(..)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Every message of a type.
    Type(MessageType),
    /// A type and a uri, of these very bytes.
    Uri(MessageType, Bytes),
    /// A type, a uri of these very bytes, and a sender.
    Address(MessageType, Bytes, SocketAddr),
    /// A type and a [`Pattern`](crate::Pattern) of uris, of one sender or of all. Uris that
    /// are keys themselves go before. Refused where the cargo feature `patterns` is off.
    Pattern(MessageType, Bytes, Option<SocketAddr>),
    /// A key that only a [`KeyExtractor`] makes.
    Custom(Bytes),
}

/// Makes the keys of a message from its type, its uri and its sender, the most
/// specific first.
pub type KeyExtractor =
    Arc<dyn Fn(MessageType, &[u8], Option<SocketAddr>) -> Vec<Key> + Send + Sync>;

impl From<MessageType> for Key {
    fn from(message_type: MessageType) -> Self {
        Self::Type(message_type)
    }
}

impl<U: Into<Bytes>> From<(MessageType, U)> for Key {
    fn from((message_type, uri): (MessageType, U)) -> Self {
        let uri = uri.into();
        match has_braces(&uri) {
            true => Self::Pattern(message_type, uri, None),
            false => Self::Uri(message_type, uri),
        }
    }
}

impl<U: Into<Bytes>> From<(MessageType, U, SocketAddr)> for Key {
    fn from((message_type, uri, address): (MessageType, U, SocketAddr)) -> Self {
        let uri = uri.into();
        match has_braces(&uri) {
            true => Self::Pattern(message_type, uri, Some(address)),
            false => Self::Address(message_type, uri, address),
        }
    }
}

/// Whether a uri is written as a pattern.
fn has_braces(uri: &[u8]) -> bool {
    uri.iter().any(|byte| matches!(byte, b'{' | b'}'))
}

/// A key that borrows its uri, for the look-up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRef<'a> {
    Type(MessageType),
    Uri(MessageType, &'a [u8]),
    Address(MessageType, &'a [u8], SocketAddr),
    Custom(&'a [u8]),
    Pattern(MessageType, &'a [u8], Option<SocketAddr>),
}

impl Key {
    /// A type and a uri of these very bytes: braces in it are no pattern. For uris that
    /// others choose.
    #[must_use]
    pub fn exact(message_type: MessageType, uri: impl Into<Bytes>) -> Self {
        Self::Uri(message_type, uri.into())
    }

    /// The keys of a message unless a [`KeyExtractor`] makes others, the most
    /// specific first: those of netaio's `keys_extractor`. For extractors that
    /// add to them.
    #[must_use]
    pub fn of(message_type: MessageType, uri: &[u8], remote: Option<SocketAddr>) -> Vec<Self> {
        let uri = Bytes::copy_from_slice(uri);
        let address = remote.map(|address| Self::Address(message_type, uri.clone(), address));
        let mut keys = Vec::with_capacity(3);
        keys.extend(address);
        keys.push(Self::Uri(message_type, uri));
        keys.push(Self::Type(message_type));
        keys
    }

    pub(super) fn borrow(&self) -> KeyRef<'_> {
        match self {
            Self::Type(message_type) => KeyRef::Type(*message_type),
            Self::Uri(message_type, uri) => KeyRef::Uri(*message_type, uri),
            Self::Address(message_type, uri, address) => {
                KeyRef::Address(*message_type, uri, *address)
            }
            Self::Custom(key) => KeyRef::Custom(key),
            Self::Pattern(message_type, pattern, address) => {
                KeyRef::Pattern(*message_type, pattern, *address)
            }
        }
    }

    /// As the key of a message, which has a uri and no pattern.
    pub(super) fn of_message(&self) -> KeyRef<'_> {
        match self.borrow() {
            KeyRef::Pattern(message_type, uri, None) => KeyRef::Uri(message_type, uri),
            KeyRef::Pattern(message_type, uri, Some(address)) => {
                KeyRef::Address(message_type, uri, address)
            }
            other => other,
        }
    }
}

/// In few writes. That a type and a uri of no bytes may be the same is not for a hash to tell.
impl Hash for KeyRef<'_> {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        match self {
            Self::Type(message_type) => state.write_u8(message_type.value()),
            Self::Uri(message_type, uri) => {
                state.write(uri);
                state.write_u8(message_type.value());
            }
            Self::Address(message_type, uri, address) => {
                state.write(uri);
                state.write_u8(message_type.value());
                address.hash(state);
            }
            Self::Custom(key) => state.write(key),
            Self::Pattern(message_type, pattern, address) => {
                state.write(pattern);
                state.write_u8(message_type.value());
                address.hash(state);
            }
        }
    }
}

/// A key as a table keeps it: with bytes of its own, since those of a received message's uri would
/// keep the receive buffer alive, and with few of them in place, where a look-up finds them without
/// another access to memory.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Type(MessageType),
    Uri(MessageType, SmallBytes),
    /// Seldom used, and large.
    Address(Box<(MessageType, SmallBytes, SocketAddr)>),
    Custom(SmallBytes),
    /// Likewise.
    Pattern(Box<(MessageType, SmallBytes, Option<SocketAddr>)>),
}

impl Kept {
    pub(super) fn borrow(&self) -> KeyRef<'_> {
        match self {
            Self::Type(message_type) => KeyRef::Type(*message_type),
            Self::Uri(message_type, uri) => KeyRef::Uri(*message_type, uri),
            Self::Address(key) => {
                let (message_type, uri, address) = &**key;
                KeyRef::Address(*message_type, uri, *address)
            }
            Self::Custom(key) => KeyRef::Custom(key),
            Self::Pattern(key) => {
                let (message_type, pattern, address) = &**key;
                KeyRef::Pattern(*message_type, pattern, *address)
            }
        }
    }
}

impl From<&Key> for Kept {
    fn from(key: &Key) -> Self {
        let own = |bytes: &Bytes| SmallBytes::copy(bytes);
        match key {
            Key::Type(message_type) => Self::Type(*message_type),
            Key::Uri(message_type, uri) => Self::Uri(*message_type, own(uri)),
            Key::Address(message_type, uri, address) => {
                Self::Address(Box::new((*message_type, own(uri), *address)))
            }
            Key::Custom(key) => Self::Custom(own(key)),
            Key::Pattern(message_type, pattern, address) => {
                Self::Pattern(Box::new((*message_type, own(pattern), *address)))
            }
        }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.borrow() == other.borrow()
    }
}

impl Eq for Kept {}

impl Hash for Kept {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.borrow().hash(state);
    }
}

impl Equivalent<Kept> for KeyRef<'_> {
    #[inline]
    fn equivalent(&self, key: &Kept) -> bool {
        *self == key.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::types::REQUEST_URI;

    #[test]
    fn the_usual_keys_are_the_most_specific_first() {
        let address: SocketAddr = "127.0.0.1:8888".parse().unwrap();
        let uri: Key = (REQUEST_URI, "u").into();
        assert_eq!(
            Key::of(REQUEST_URI, b"u", Some(address)),
            [
                (REQUEST_URI, "u", address).into(),
                uri.clone(),
                REQUEST_URI.into()
            ]
        );
        assert_eq!(Key::of(REQUEST_URI, b"u", None), [uri, REQUEST_URI.into()]);
    }
}
