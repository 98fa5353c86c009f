//! The patterns among the keys.

#[cfg(not(feature = "patterns"))]
pub(super) use self::off::Patterns;
#[cfg(feature = "patterns")]
pub(super) use self::on::Patterns;

#[cfg(feature = "patterns")]
mod on {
    use alloc::string::ToString;
    use core::fmt;
    use core::net::SocketAddr;

    use hashbrown::HashMap;
    use matchit::Router;

    use crate::message::MessageType;
    use crate::routes::error::PatternError;
    use crate::routes::key::{Kept, KeyRef};
    use crate::routes::pattern::{refused, text};

    /// Finds the key of a pattern by a uri.
    #[derive(Clone, Default)]
    pub(in crate::routes) struct Patterns(HashMap<Place, Tree>);

    /// The type of messages, and their sender where it is named.
    type Place = (MessageType, Option<SocketAddr>);

    #[derive(Clone, Default)]
    struct Tree {
        router: Router<Kept>,
        len: usize,
    }

    impl Patterns {
        pub(in crate::routes) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in crate::routes) fn len(&self) -> usize {
            let trees = self.0.values();
            trees.fold(0, |len, tree| len.saturating_add(tree.len))
        }

        /// Takes one that is not there.
        pub(in crate::routes) fn insert(&mut self, key: Kept) -> Result<(), PatternError> {
            let KeyRef::Pattern(message_type, pattern, address) = key.borrow() else {
                return Ok(());
            };
            let pattern = text(pattern)?.to_string();
            let place = (message_type, address);
            let tree = self.0.entry(place).or_default();
            let inserted = tree.router.insert(pattern.as_str(), key);
            if inserted.is_ok() {
                tree.len = tree.len.saturating_add(1);
            } else if tree.len == 0 {
                self.0.remove(&place);
            }
            inserted.map_err(|error| refused(&pattern, error))
        }

        /// Removes one.
        pub(in crate::routes) fn remove(
            &mut self,
            message_type: MessageType,
            pattern: &[u8],
            address: Option<SocketAddr>,
        ) {
            let place = (message_type, address);
            let (Some(tree), Ok(pattern)) = (self.0.get_mut(&place), text(pattern)) else {
                return;
            };
            if tree.router.remove(pattern).is_some() {
                tree.len = tree.len.saturating_sub(1);
            }
            if tree.len == 0 {
                self.0.remove(&place);
            }
        }

        /// The pattern of a message: of its sender alone before those of all.
        pub(in crate::routes) fn find(
            &self,
            message_type: MessageType,
            uri: &[u8],
            remote: Option<SocketAddr>,
        ) -> Option<&Kept> {
            let uri = core::str::from_utf8(uri).ok()?;
            let of_one = remote.and_then(|_| self.at((message_type, remote), uri));
            of_one.or_else(|| self.at((message_type, None), uri))
        }

        /// The pattern of a uri among those of one sender or of all.
        pub(in crate::routes) fn find_among(
            &self,
            message_type: MessageType,
            uri: &[u8],
            of: Option<SocketAddr>,
        ) -> Option<&Kept> {
            self.at((message_type, of), core::str::from_utf8(uri).ok()?)
        }

        fn at(&self, place: Place, uri: &str) -> Option<&Kept> {
            let found = self.0.get(&place)?.router.at(uri);
            Some(found.ok()?.value)
        }
    }

    impl fmt::Debug for Patterns {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Patterns")
        }
    }
}

/// Without the feature there are none.
#[cfg(not(feature = "patterns"))]
mod off {
    use alloc::string::String;
    use core::net::SocketAddr;

    use crate::message::MessageType;
    use crate::routes::error::PatternError;
    use crate::routes::key::{Kept, KeyRef};

    #[derive(Clone, Debug, Default)]
    pub(in crate::routes) struct Patterns;

    impl Patterns {
        pub(in crate::routes) fn is_empty(&self) -> bool {
            true
        }

        pub(in crate::routes) fn len(&self) -> usize {
            0
        }

        pub(in crate::routes) fn insert(&mut self, key: Kept) -> Result<(), PatternError> {
            match key.borrow() {
                KeyRef::Pattern(_, pattern, _) => Err(PatternError::Off {
                    pattern: String::from_utf8_lossy(pattern).into(),
                }),
                _ => Ok(()),
            }
        }

        pub(in crate::routes) fn remove(
            &mut self,
            _: MessageType,
            _: &[u8],
            _: Option<SocketAddr>,
        ) {
        }

        pub(in crate::routes) fn find(
            &self,
            _: MessageType,
            _: &[u8],
            _: Option<SocketAddr>,
        ) -> Option<&Kept> {
            None
        }

        pub(in crate::routes) fn find_among(
            &self,
            _: MessageType,
            _: &[u8],
            _: Option<SocketAddr>,
        ) -> Option<&Kept> {
            None
        }
    }
}
