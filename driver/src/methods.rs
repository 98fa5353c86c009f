//! Methods that several handles have, written once. Each expands within an
//! `impl`, so that users find them at the handle and need no trait.

/// The kinds of requests, for whatever has a `request_message`.
macro_rules! request_methods {
    () => {
        /// Asks for the content of a uri.
        pub fn request(&self, uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::request(uri))
        }

        /// Creates a uri with a content.
        pub fn create(&self, uri: impl Into<Bytes>, content: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::create(uri, content))
        }

        /// Replaces the content of a uri.
        pub fn update(&self, uri: impl Into<Bytes>, content: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::update(uri, content))
        }

        /// Deletes a uri.
        pub fn delete(&self, uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::delete(uri))
        }

        /// Asks to be notified about a uri; the answer is a `CONFIRM_SUBSCRIBE`.
        pub fn subscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::subscribe(uri))
        }

        /// Asks to be notified no more; the answer is a `CONFIRM_UNSUBSCRIBE`.
        pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
            self.request_message(Message::unsubscribe(uri))
        }
    };
}

/// Handlers that change while messages come, for whatever has a `service`.
macro_rules! handler_methods {
    () => {
        /// Registers a handler for a key, in place of the key's last. Messages
        /// must pass `inner` to reach it, and its replies are sealed with it.
        ///
        /// # Errors
        /// The inner layer writes the same auth field as the outer one.
        pub fn on<M: 'static>(
            &self,
            key: impl Into<Key>,
            handler: impl Handler<M>,
            inner: Layer,
        ) -> Result<(), SealError> {
            self.service().add(key.into(), handler, inner, false)
        }

        /// Registers a handler for one message, in place of the key's last. It
        /// goes before the permanent handler of the same key.
        ///
        /// # Errors
        /// The inner layer writes the same auth field as the outer one.
        pub fn once<M: 'static>(
            &self,
            key: impl Into<Key>,
            handler: impl Handler<M>,
            inner: Layer,
        ) -> Result<(), SealError> {
            self.service().add(key.into(), handler, inner, true)
        }

        /// Removes a handler, and says whether there was one.
        pub fn remove(&self, key: impl Into<Key>) -> bool {
            self.service().remove(key.into(), false)
        }

        /// Removes a one-time handler, and says whether there was one.
        pub fn remove_once(&self, key: impl Into<Key>) -> bool {
            self.service().remove(key.into(), true)
        }
    };
}

pub(crate) use {handler_methods, request_methods};
