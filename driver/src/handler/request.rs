//! What a handler is called with.

use std::sync::Arc;

use netaio_core::{Message, Pattern};

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

    /// Puts a message where the last one was, whose remote is its own if `is_same` says so; else
    /// with its `remote`.
    #[inline]
    pub(crate) fn put(
        place: &mut Option<Self>,
        message: Message,
        is_same: impl FnOnce(&mut Remote) -> bool,
        remote: impl FnOnce() -> Remote,
    ) {
        if let Some(last) = place
            && is_same(&mut last.remote)
        {
            last.message = message;
            last.pattern = None;
            return;
        }
        *place = Some(Self::new(message, remote()));
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
