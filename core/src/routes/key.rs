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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Every message of a type.
    Type(MessageType),
    /// A type and a uri.
    Uri(MessageType, Bytes),
    /// A type, a uri and a sender.
    Address(MessageType, Bytes, SocketAddr),
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
        Self::Uri(message_type, uri.into())
    }
}

impl<U: Into<Bytes>> From<(MessageType, U, SocketAddr)> for Key {
    fn from((message_type, uri, address): (MessageType, U, SocketAddr)) -> Self {
        Self::Address(message_type, uri.into(), address)
    }
}

/// A key that borrows its uri, for the look-up.
#[derive(PartialEq, Eq)]
pub(super) enum KeyRef<'a> {
    Type(MessageType),
    Uri(MessageType, &'a [u8]),
    Address(MessageType, &'a [u8], SocketAddr),
    Custom(&'a [u8]),
}

impl Key {
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
        }
    }
}

impl From<&Key> for Kept {
    fn from(key: &Key) -> Self {
        let own = |bytes: &Bytes| SmallBytes::of(bytes).into_owned();
        match key {
            Key::Type(message_type) => Self::Type(*message_type),
            Key::Uri(message_type, uri) => Self::Uri(*message_type, own(uri)),
            Key::Address(message_type, uri, address) => {
                Self::Address(Box::new((*message_type, own(uri), *address)))
            }
            Key::Custom(key) => Self::Custom(own(key)),
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
