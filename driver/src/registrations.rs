//! Handlers before there is a node that finds them.

use netaio_core::plugin::{AuthPlugin, CipherPlugin};
use netaio_core::{CallOptions, Key, Layer, MessageType};

use crate::error::BuildError;
use crate::handler::{AnyHandler, AnyMiddleware};

/// Handlers in the order in which they were registered, each with what is its own.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    list: Vec<Registration>,
    misplaced: Option<Misplaced>,
    /// The first prefix that a handler of a type alone cannot be below.
    unfit: Option<(String, MessageType)>,
}

#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) key: Key,
    pub(crate) handler: AnyHandler,
    pub(crate) inner: Layer,
    pub(crate) once: bool,
}

/// What was said of the last handler before there was one.
#[derive(Clone, Copy, Debug)]
enum Misplaced {
    Inner,
    Options,
    Middleware,
}

impl Registrations {
    pub(crate) fn add(&mut self, key: Key, mut handler: AnyHandler, once: bool) {
        handler.set_key(&key);
        self.list.push(Registration {
            key,
            handler,
            inner: Layer::new(),
            once,
        });
    }

    /// Changes the handler that was registered last.
    fn last(&mut self, what: Misplaced, change: impl FnOnce(&mut Registration)) {
        match self.list.last_mut() {
            Some(last) => change(last),
            None => self.misplaced = Some(what),
        }
    }

    /// Changes the inner layer of the handler that was registered last.
    pub(crate) fn set_inner(&mut self, change: impl FnOnce(Layer) -> Layer) {
        self.last(Misplaced::Inner, |last| {
            last.inner = change(std::mem::take(&mut last.inner));
        });
    }

    pub(crate) fn set_inner_auth(&mut self, plugin: impl AuthPlugin + 'static) {
        self.set_inner(|layer| layer.with_auth(plugin));
    }

    pub(crate) fn set_inner_cipher(&mut self, plugin: impl CipherPlugin + 'static) {
        self.set_inner(|layer| layer.with_cipher(plugin));
    }

    /// Sets how long the handler may run that was registered last.
    pub(crate) fn set_options(&mut self, options: CallOptions) {
        self.last(Misplaced::Options, |last| last.handler.set_options(options));
    }

    /// Puts middleware around the handler that was registered last.
    pub(crate) fn wrap_last(&mut self, middleware: &AnyMiddleware) {
        self.last(Misplaced::Middleware, |last| {
            last.handler = middleware.wrap(last.handler.clone());
        });
    }

    /// Puts middleware around each handler.
    pub(crate) fn wrap(&mut self, middleware: &AnyMiddleware) {
        for registration in &mut self.list {
            registration.handler = middleware.wrap(registration.handler.clone());
        }
    }

    /// Takes others in.
    pub(crate) fn append(&mut self, others: Self) {
        self.list.extend(others.list);
        self.misplaced = self.misplaced.or(others.misplaced);
        self.unfit = self.unfit.take().or(others.unfit);
    }

    /// Puts a text before the uris of the keys.
    pub(crate) fn nest(&mut self, prefix: &str) {
        for Registration { key, handler, .. } in &mut self.list {
            if let Key::Type(message_type) = key
                && !prefix.ends_with('/')
            {
                self.unfit
                    .get_or_insert_with(|| (prefix.into(), *message_type));
            }
            *key = nested(prefix, key);
            handler.set_key(key);
        }
    }

    /// The handlers.
    ///
    /// # Errors
    /// Something was said of the last one before there was any, or one is nested where it
    /// cannot be.
    pub(crate) fn finish(self) -> Result<Vec<Registration>, BuildError> {
        if let Some((prefix, message_type)) = self.unfit {
            return Err(BuildError::NestedType {
                prefix,
                message_type,
            });
        }
        match self.misplaced {
            None => Ok(self.list),
            Some(Misplaced::Inner) => Err(BuildError::InnerBeforeHandler),
            Some(Misplaced::Options) => Err(BuildError::OptionsBeforeHandler),
            Some(Misplaced::Middleware) => Err(BuildError::MiddlewareBeforeHandler),
        }
    }
}

/// The key with a text before its uri.
fn nested(prefix: &str, key: &Key) -> Key {
    let join = |uri: &[u8]| [prefix.as_bytes(), uri].concat();
    let has_braces = prefix.contains(['{', '}']);
    match key {
        Key::Type(message_type) => Key::Pattern(*message_type, join(b"{*_rest}").into(), None),
        Key::Uri(message_type, uri) if has_braces => {
            Key::Pattern(*message_type, join(&escaped(uri)).into(), None)
        }
        Key::Uri(message_type, uri) => Key::Uri(*message_type, join(uri).into()),
        Key::Address(message_type, uri, address) if has_braces => {
            Key::Pattern(*message_type, join(&escaped(uri)).into(), Some(*address))
        }
        Key::Address(message_type, uri, address) => {
            Key::Address(*message_type, join(uri).into(), *address)
        }
        Key::Pattern(message_type, pattern, address) => {
            Key::Pattern(*message_type, join(pattern).into(), *address)
        }
        Key::Custom(key) => Key::Custom(key.clone()),
    }
}

/// A uri as a pattern of itself.
fn escaped(uri: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(uri.len());
    for &byte in uri {
        if matches!(byte, b'{' | b'}') {
            pattern.push(byte);
        }
        pattern.push(byte);
    }
    pattern
}

/// The options of one handler, for whatever has registrations at this place.
macro_rules! handler_options {
    ($($routes:ident).+) => {
        /// Registers a handler for a key: a message type, `(type, uri)`, or
        /// `(type, uri, address)`. The most specific key wins. A handler that was registered
        /// for the same key is replaced.
        ///
        /// A uri with braces is a [pattern](netaio_core::Pattern): `sensors/{id}/readings`,
        /// whose handler takes a [`Path`](crate::Path). Uris that are keys themselves go
        /// before. [`Key::exact`](netaio_core::Key::exact) takes a uri as it is.
        pub fn on<M: 'static>(
            mut self,
            key: impl Into<Key>,
            handler: impl crate::Handler<M>,
        ) -> Self {
            self.$($routes).+.add(key.into(), crate::handler::AnyHandler::new(handler), false);
            self
        }

        /// Registers a handler for one message. It takes precedence over
        /// the permanent handler of the same key.
        pub fn once<M: 'static>(
            mut self,
            key: impl Into<Key>,
            handler: impl crate::Handler<M>,
        ) -> Self {
            self.$($routes).+.add(key.into(), crate::handler::AnyHandler::new(handler), true);
            self
        }

        /// As [`CallOptions`](netaio_core::CallOptions) of all handlers, for the handler that
        /// was registered last alone, and in the place of what is set for all.
        pub fn route_options(mut self, options: netaio_core::CallOptions) -> Self {
            self.$($routes).+.set_options(options);
            self
        }

        /// Lets only messages that this plugin verifies reach the handler that
        /// was registered last, and authenticates its replies with it.
        pub fn inner_auth(mut self, plugin: impl AuthPlugin + 'static) -> Self {
            self.$($routes).+.set_inner_auth(plugin);
            self
        }

        /// Decrypts the messages of the handler that was registered last with
        /// this plugin, and encrypts its replies with it.
        pub fn inner_cipher(mut self, plugin: impl CipherPlugin + 'static) -> Self {
            self.$($routes).+.set_inner_cipher(plugin);
            self
        }

        /// Sets the whole inner layer of the handler that was registered last.
        pub fn inner(mut self, layer: Layer) -> Self {
            self.$($routes).+.set_inner(|_| layer);
            self
        }

        /// Puts [`Middleware`](crate::Middleware) around the handler that was registered last.
        pub fn wrap_route(mut self, middleware: impl crate::Middleware) -> Self {
            let middleware = crate::handler::AnyMiddleware::new(middleware);
            self.$($routes).+.wrap_last(&middleware);
            self
        }
    };
}

pub(crate) use handler_options;
