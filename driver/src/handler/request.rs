//! What a handler is called with.

use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Message, MessageType, Pattern};

use crate::remote::Remote;
use crate::states::States;

/// A message and its sender, as handlers get them. Cloning it copies no content.
#[derive(Clone, Debug)]
pub struct Request {
    /// The message, all layers opened.
    pub message: Message,
    /// Its sender.
    pub remote: Remote,
    /// Of the key that its handler has.
    pub(super) pattern: Option<Arc<Pattern>>,
    extensions: Option<Box<States>>,
}

impl Request {
    /// A message from a remote.
    #[must_use]
    pub fn new(message: Message, remote: Remote) -> Self {
        Self {
            message,
            remote,
            pattern: None,
            extensions: None,
        }
    }

    /// The place of the next message, where the last one was: its remote is that one's if `is_same`
    /// says so, else this `remote`.
    #[inline]
    pub(crate) fn place(
        last: &mut Option<Self>,
        is_same: impl FnOnce(&mut Remote) -> bool,
        remote: impl FnOnce() -> Remote,
    ) -> &mut Message {
        if last.as_mut().is_some_and(|last| !is_same(&mut last.remote)) {
            *last = None;
        }
        let none = || Message::new(MessageType::DISCONNECT, Bytes::new(), Bytes::new());
        let request = last.get_or_insert_with(|| Self::new(none(), remote()));
        request.pattern = None;
        &mut request.message
    }

    /// Drops what was set for this request alone. It is the program's, and may panic.
    #[inline]
    pub(super) fn drop_extensions(&mut self) {
        if self.extensions.is_some() {
            self.extensions = None;
        }
    }

    /// The pattern by which its handler was found, if its key is one.
    #[must_use]
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_deref()
    }

    /// Sets a value for whatever handles this request, and returns the one of its type that it
    /// replaces. Handlers take it as an [`Extension`](crate::Extension).
    pub fn set_extension<T: Send + Sync + 'static>(&mut self, value: T) -> Option<Arc<T>> {
        self.extensions.get_or_insert_default().insert(value)
    }

    /// The value of a type that was set for this request or else for its connection.
    #[must_use]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let own = self.extensions.as_ref().and_then(|own| own.get());
        own.or_else(|| self.remote.connection()?.extension())
    }
}
