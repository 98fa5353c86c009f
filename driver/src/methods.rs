//! Methods that several handles have, written once. Each expands within an
//! `impl`, so that users find them at the handle and need no trait.

/// The kinds of requests, for whatever has a `request_message`; with the receiver as the
/// first argument where the handle leads to many.
macro_rules! request_methods {
    ($($to:ident: $receiver:ty)?) => {
        /// Requests the content of a uri.
        pub fn request(&self, $($to: $receiver,)? uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message($($to,)? Message::request(uri))
        }

        /// Creates a uri with a content.
        pub fn create(
            &self,
            $($to: $receiver,)?
            uri: impl Into<Bytes>,
            content: impl Into<Bytes>,
        ) -> RequestBuilder {
            self.request_message($($to,)? Message::create(uri, content))
        }

        /// Replaces the content of a uri.
        pub fn update(
            &self,
            $($to: $receiver,)?
            uri: impl Into<Bytes>,
            content: impl Into<Bytes>,
        ) -> RequestBuilder {
            self.request_message($($to,)? Message::update(uri, content))
        }

        /// Deletes a uri.
        pub fn delete(&self, $($to: $receiver,)? uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message($($to,)? Message::delete(uri))
        }
    };
}

/// What a request carries, for a builder that has it as `message` and `options`; with what its
/// timeout means.
macro_rules! request_options {
    ($(#[$timeout:meta])*) => {
        /// Sets the content.
        pub fn content(mut self, content: impl Into<Bytes>) -> Self {
            self.message.content = content.into();
            self
        }

        $(#[$timeout])*
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.options = self.options.with_timeout(timeout);
            self
        }

        /// Seals the request with an inner layer, and expects it of the answer.
        pub fn inner(mut self, inner: Layer) -> Self {
            self.options = self.options.with_inner(inner);
            self
        }
    };
}

/// Handlers that change while messages come, for whatever has a `service`.
macro_rules! handler_methods {
    () => {
        /// Registers a handler for a key, and replaces the one that it has. Messages
        /// must pass its inner layer to reach it, and its replies are sealed with that:
        /// `options` are a [`Layer`](netaio_core::Layer),
        /// [`CallOptions`](netaio_core::CallOptions), or [`RouteOptions`] of both.
        ///
        /// # Errors
        /// The inner layer writes the same auth field as the outer one, or the key is a
        /// pattern that conflicts with another or is not written as one.
        pub fn on<M: 'static>(
            &self,
            key: impl Into<Key>,
            handler: impl Handler<M>,
            options: impl Into<RouteOptions>,
        ) -> Result<(), RouteError> {
            self.service()
                .add(key.into(), handler, options.into(), false)
        }

        /// Registers a handler for one message, and replaces the one that the key has.
        /// It takes precedence over the permanent handler of the same key.
        ///
        /// # Errors
        /// The inner layer writes the same auth field as the outer one, or the key is a
        /// pattern that conflicts with another or is not written as one.
        pub fn once<M: 'static>(
            &self,
            key: impl Into<Key>,
            handler: impl Handler<M>,
            options: impl Into<RouteOptions>,
        ) -> Result<(), RouteError> {
            self.service()
                .add(key.into(), handler, options.into(), true)
        }

        /// Removes a handler, and returns whether there was one.
        pub fn remove(&self, key: impl Into<Key>) -> bool {
            self.service().remove(key.into(), false)
        }

        /// Removes a one-time handler, and returns whether there was one.
        pub fn remove_once(&self, key: impl Into<Key>) -> bool {
            self.service().remove(key.into(), true)
        }
    };
}

pub(crate) use {handler_methods, request_methods, request_options};
