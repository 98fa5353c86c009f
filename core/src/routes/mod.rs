//! Handlers by key.

mod error;
mod key;
#[cfg(feature = "patterns")]
mod pattern;
#[cfg(all(test, feature = "patterns"))]
mod pattern_tests;
mod patterns;
mod table;

use alloc::boxed::Box;
use core::net::SocketAddr;

use hashbrown::HashMap;

pub use self::error::{PatternError, RouteError};
pub use self::key::{Key, KeyExtractor};
#[cfg(feature = "patterns")]
pub use self::pattern::{Captures, Pattern};

use self::key::{Kept, KeyRef};
use self::patterns::Patterns;
use self::table::Table;
use crate::message::MessageType;
use crate::plugin::Layer;

/// Names a one-time route, so that it is taken at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(u64);

/// A handler, and what a message must pass to reach it.
#[derive(Clone, Debug)]
pub struct Route<H> {
    /// The handler.
    pub handler: H,
    /// The layer that messages to it must pass, and that seals its replies.
    pub inner: Layer,
    /// For a handler that is called once, what to take it with.
    pub one_time: Option<RouteId>,
}

#[derive(Clone, Debug)]
struct Entry<H> {
    permanent: Option<Route<H>>,
    /// Seldom there: apart, so that the others lie closer together.
    one_time: Option<Box<Route<H>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Routes<H> {
    entries: Table<Entry<H>>,
    /// How many keys have a uri, and how many an address: where there are none of
    /// a kind, none is looked up.
    with_uri: usize,
    with_address: usize,
    /// The patterns among the keys.
    patterns: Option<Box<Patterns>>,
    /// The keys of the one-time routes.
    one_time: HashMap<RouteId, Kept>,
    next_id: u64,
}

impl<H> Routes<H> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn has_one_time(&self) -> bool {
        !self.one_time.is_empty()
    }

    /// The number of patterns among the keys.
    pub(crate) fn patterns(&self) -> usize {
        self.patterns.as_ref().map_or(0, |patterns| patterns.len())
    }

    pub(crate) fn new() -> Self {
        Self {
            entries: Table::new(),
            with_uri: 0,
            with_address: 0,
            patterns: None,
            one_time: HashMap::new(),
            next_id: 0,
        }
    }
}

impl<H> Routes<H> {
    /// The route of netaio's keys of a message.
    pub(crate) fn find(
        &self,
        message_type: MessageType,
        uri: &[u8],
        remote: Option<SocketAddr>,
    ) -> Option<&Route<H>> {
        if let Some(address) = remote.filter(|_| self.with_address > 0)
            && let Some(route) = self.get_ref(&KeyRef::Address(message_type, uri, address))
        {
            return Some(route);
        }
        if self.with_uri > 0
            && let Some(route) = self.get_ref(&KeyRef::Uri(message_type, uri))
        {
            return Some(route);
        }
        if let Some(patterns) = &self.patterns
            && let Some(key) = patterns.find(message_type, uri, remote)
        {
            return self.get_ref(&key.borrow());
        }
        self.get_ref(&KeyRef::Type(message_type))
    }

    /// Whether there are so few keys that the caches of a processor have them, or most of them.
    pub(crate) fn is_in_caches(&self) -> bool {
        const MANY: usize = 4096;
        self.entries.len() < MANY
    }

    /// Looks for the routes of several messages, as far as they have a key by their uri, and then
    /// touches their handlers. Neither depends on another one, and so a processor fetches several
    /// from memory at once.
    pub(crate) fn expect(
        &self,
        messages: &mut dyn Iterator<Item = (MessageType, &[u8])>,
        touch: impl Fn(&H),
    ) {
        const AT_ONCE: usize = 64;
        let (Some(first), Some(second)) = (messages.next(), messages.next()) else {
            return;
        };
        let mut messages = [first, second].into_iter().chain(messages);
        let mut found = [None; AT_ONCE];
        for (route, (message_type, uri)) in found.iter_mut().zip(&mut messages) {
            *route = self.get_ref(&KeyRef::Uri(message_type, uri));
        }
        for route in found.into_iter().flatten() {
            touch(&route.handler);
        }
    }

    /// The route of a key of a message.
    pub(crate) fn get(&self, key: &Key) -> Option<&Route<H>> {
        let key = key.of_message();
        let exact = self.get_ref(&key);
        exact.or_else(|| {
            let patterns = self.patterns.as_ref()?;
            let found = match key {
                KeyRef::Uri(message_type, uri) => patterns.find_among(message_type, uri, None),
                KeyRef::Address(message_type, uri, address) => {
                    patterns.find_among(message_type, uri, Some(address))
                }
                _ => None,
            };
            self.get_ref(&found?.borrow())
        })
    }

    #[inline]
    fn get_ref(&self, key: &KeyRef<'_>) -> Option<&Route<H>> {
        let entry = self.entries.get(key)?;
        entry.one_time.as_deref().or(entry.permanent.as_ref())
    }
}

impl<H: Clone> Routes<H> {
    /// Takes a key in that is to get a handler.
    ///
    /// # Errors
    /// It is a pattern that cannot be one beside the others. Nothing has changed.
    pub(crate) fn admit(&mut self, key: &Key) -> Result<(), PatternError> {
        match key {
            Key::Pattern(..) if !self.entries.contains(&key.borrow()) => {
                let patterns = self.patterns.get_or_insert_default();
                patterns.insert(key.into()).inspect_err(|_| {
                    if self
                        .patterns
                        .as_ref()
                        .is_some_and(|patterns| patterns.is_empty())
                    {
                        self.patterns = None;
                    }
                })
            }
            _ => Ok(()),
        }
    }

    /// A pattern was [admitted](Self::admit).
    pub(crate) fn set(&mut self, key: Key, handler: H, inner: Layer) -> Option<H> {
        let route = Route {
            handler,
            inner,
            one_time: None,
        };
        let replaced = self.entry((&key).into())?.permanent.replace(route);
        replaced.map(|route| route.handler)
    }

    pub(crate) fn set_once(&mut self, key: Key, handler: H, inner: Layer) -> Option<H> {
        let id = RouteId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let route = Route {
            handler,
            inner,
            one_time: Some(id),
        };
        let key = Kept::from(&key);
        self.one_time.insert(id, key.clone());
        let replaced = self.entry(key)?.one_time.replace(Box::new(route));
        self.released(replaced)
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<H> {
        let key = &key.borrow();
        let route = self.entries.get_mut(key)?.permanent.take();
        self.forget_if_empty(key);
        route.map(|route| route.handler)
    }

    pub(crate) fn remove_once(&mut self, key: &Key) -> Option<H> {
        self.remove_once_ref(&key.borrow())
    }

    fn remove_once_ref(&mut self, key: &KeyRef<'_>) -> Option<H> {
        let route = self.entries.get_mut(key)?.one_time.take();
        self.forget_if_empty(key);
        self.released(route)
    }

    /// Removes the one-time route with this id, and says whether it was there.
    pub(crate) fn take(&mut self, id: RouteId) -> bool {
        let key = self.one_time.remove(&id);
        key.is_some_and(|key| self.remove_once_ref(&key.borrow()).is_some())
    }

    /// The handler of a one-time route that was removed.
    fn released(&mut self, route: Option<Box<Route<H>>>) -> Option<H> {
        let route = route?;
        if let Some(id) = route.one_time {
            self.one_time.remove(&id);
        }
        Some(route.handler)
    }

    fn entry(&mut self, key: Kept) -> Option<&mut Entry<H>> {
        let (with_uri, with_address) = (&mut self.with_uri, &mut self.with_address);
        match &key {
            Kept::Uri(..) if !self.entries.contains(&key.borrow()) => {
                *with_uri = with_uri.saturating_add(1)
            }
            Kept::Address(..) if !self.entries.contains(&key.borrow()) => {
                *with_address = with_address.saturating_add(1);
            }
            _ => {}
        }
        self.entries.entry(key, || Entry {
            permanent: None,
            one_time: None,
        })
    }

    fn forget_pattern(&mut self, of: MessageType, pattern: &[u8], address: Option<SocketAddr>) {
        let Some(patterns) = &mut self.patterns else {
            return;
        };
        patterns.remove(of, pattern, address);
        if patterns.is_empty() {
            self.patterns = None;
        }
    }

    fn forget_if_empty(&mut self, key: &KeyRef<'_>) {
        let empty = |entry: &Entry<H>| entry.permanent.is_none() && entry.one_time.is_none();
        if self.entries.get(key).is_some_and(empty) {
            self.entries.remove(key);
            match key {
                KeyRef::Uri(..) => self.with_uri = self.with_uri.saturating_sub(1),
                KeyRef::Address(..) => self.with_address = self.with_address.saturating_sub(1),
                KeyRef::Pattern(message_type, pattern, address) => {
                    self.forget_pattern(*message_type, pattern, *address);
                }
                KeyRef::Type(_) | KeyRef::Custom(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::message::types::{CREATE_URI, REQUEST_URI};

    #[test]
    fn the_most_specific_key_wins_and_one_time_goes_first() {
        let address: SocketAddr = ([127, 0, 0, 1], 1).into();
        let mut routes = Routes::new();
        let find = |routes: &Routes<u8>, uri: &[u8], remote| {
            routes
                .find(REQUEST_URI, uri, remote)
                .map(|route| route.handler)
        };
        routes.set(REQUEST_URI.into(), 1, Layer::new());
        routes.set((REQUEST_URI, "u").into(), 2, Layer::new());
        routes.set((REQUEST_URI, "u", address).into(), 3, Layer::new());
        routes.set_once(REQUEST_URI.into(), 4, Layer::new());
        assert_eq!(find(&routes, b"u", Some(address)), Some(3));
        assert_eq!(find(&routes, b"u", None), Some(2));
        assert_eq!(find(&routes, b"v", Some(address)), Some(4));
        let id = routes
            .find(REQUEST_URI, b"v", None)
            .unwrap()
            .one_time
            .unwrap();
        assert!(routes.take(id) && !routes.take(id));
        assert_eq!(find(&routes, b"v", None), Some(1));
        assert!(routes.find(CREATE_URI, b"u", None).is_none());
    }

    #[cfg(not(feature = "patterns"))]
    #[test]
    fn a_brace_is_refused_where_patterns_are_off() {
        let mut routes = Routes::<u8>::new();
        let error = routes.admit(&(REQUEST_URI, "a/{id}").into()).unwrap_err();
        assert!(matches!(error, PatternError::Off { pattern } if pattern == "a/{id}"));
        assert!(routes.patterns.is_none());
        assert_eq!(routes.admit(&Key::exact(REQUEST_URI, "a/{id}")), Ok(()));
    }

    #[test]
    fn the_handlers_of_several_messages_are_touched() {
        let mut routes = Routes::new();
        for number in 0..200_u8 {
            routes.set(
                Key::exact(REQUEST_URI, [number].to_vec()),
                number,
                Layer::new(),
            );
        }
        routes.set(REQUEST_URI.into(), 255, Layer::new());
        let expected = |uris: &[u8]| {
            let mut messages = uris.chunks(1).map(|uri| (REQUEST_URI, uri));
            let touched = core::cell::RefCell::new(Vec::new());
            routes.expect(&mut messages, |handler| touched.borrow_mut().push(*handler));
            touched.into_inner()
        };
        assert_eq!(expected(&[]), []);
        // One alone gains nothing.
        assert_eq!(expected(&[7]), []);
        assert_eq!(expected(&[7, 250, 9]), [7, 9]);
        let all: Vec<u8> = (0..100).collect();
        assert_eq!(expected(&all), all[..64]);
    }

    #[test]
    fn setting_replaces_and_removing_forgets() {
        let mut routes = Routes::new();
        let key = || Key::from((REQUEST_URI, "u"));
        assert_eq!(routes.set(key(), 1, Layer::new()), None);
        assert_eq!(routes.set(key(), 2, Layer::new()), Some(1));
        assert_eq!(routes.set_once(key(), 3, Layer::new()), None);
        assert_eq!(
            (routes.remove(&key()), routes.remove_once(&key())),
            (Some(2), Some(3))
        );
        assert_eq!(
            (routes.remove(&key()), routes.len(), routes.with_uri),
            (None, 0, 0)
        );
    }

    #[test]
    fn a_one_time_route_is_taken_by_its_own_id_alone() {
        let mut routes = Routes::new();
        let key = || Key::from((REQUEST_URI, "u"));
        let id = |routes: &Routes<u8>| routes.get(&key()).unwrap().one_time.unwrap();
        routes.set_once(key(), 1, Layer::new());
        let first = id(&routes);
        assert_eq!(routes.set_once(key(), 2, Layer::new()), Some(1));
        let second = id(&routes);
        // The route that replaced it stays.
        assert!(!routes.take(first));
        assert_eq!(routes.get(&key()).unwrap().handler, 2);
        assert!(routes.take(second) && !routes.take(second));
        routes.set_once(key(), 3, Layer::new());
        let third = id(&routes);
        assert_eq!(routes.remove_once(&key()), Some(3));
        assert!(!routes.take(third));
        assert_eq!((routes.len(), routes.one_time.len()), (0, 0));
    }

    #[test]
    fn a_key_keeps_no_receive_buffer() {
        let mut received = bytes::BytesMut::from(&b"request for a uri"[..]);
        let uri = received.split_to(7).freeze();
        let mut routes = Routes::new();
        routes.set((REQUEST_URI, uri.clone()).into(), 1, Layer::new());
        routes.set_once((CREATE_URI, uri.clone()).into(), 2, Layer::new());
        assert!(routes.get(&(REQUEST_URI, "request").into()).is_some());
        drop(received);
        assert!(uri.is_unique());
    }

    #[test]
    fn a_key_is_looked_for_as_long_as_one_of_its_kind_is_there() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let keys = [
            Key::from((REQUEST_URI, "u")),
            Key::from((REQUEST_URI, "v")),
            Key::from((REQUEST_URI, "u", address(1))),
            Key::from((REQUEST_URI, "v", address(2))),
            Key::Custom("c".into()),
            Key::Type(CREATE_URI),
        ];
        let mut routes = Routes::new();
        for (number, key) in keys.iter().enumerate() {
            routes.set(key.clone(), number, Layer::new());
            routes.set_once(key.clone(), number, Layer::new());
            assert_eq!(routes.get(key).unwrap().handler, number);
        }
        assert_eq!(
            (routes.len(), routes.with_uri, routes.with_address),
            (6, 2, 2)
        );
        let find = |routes: &Routes<usize>, uri: &[u8], port| {
            let route = routes.find(REQUEST_URI, uri, Some(address(port)));
            route.map(|route| route.handler)
        };
        // A key stays as long as one of its two handlers.
        for key in &keys {
            assert!(routes.remove(key).is_some());
        }
        assert_eq!(
            (find(&routes, b"u", 1), find(&routes, b"v", 1)),
            (Some(2), Some(1))
        );
        for (gone, left) in [(0, 1), (2, 3)] {
            assert_eq!(routes.remove_once(&keys[gone]), Some(gone));
            assert!(routes.get(&keys[gone]).is_none());
            assert_eq!(routes.get(&keys[left]).unwrap().handler, left);
        }
        assert_eq!(
            (find(&routes, b"u", 1), find(&routes, b"u", 2)),
            (None, None)
        );
        assert_eq!(
            (find(&routes, b"v", 1), find(&routes, b"v", 2)),
            (Some(1), Some(3))
        );
        for key in &keys[3..] {
            routes.remove_once(key);
        }
        assert_eq!(
            (routes.len(), routes.with_uri, routes.with_address),
            (1, 1, 0)
        );
    }
}
