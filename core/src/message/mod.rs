//! Messages: what a frame carries, and the helpers that make them.

mod auth_fields;
mod auth_view;
mod body;
mod change;
mod constructors;
mod format;
mod gap;
mod header;
mod kind;
mod lease;
mod not_handled;
mod payload;
mod set_fields;
#[cfg(test)]
mod tests;

use core::fmt;

use bytes::Bytes;

pub use auth_fields::AuthFields;
pub use auth_view::AuthView;
pub(crate) use auth_view::EMPTY_DICT;
pub use body::Body;
pub use change::Change;
pub use constructors::guess_error_type;
pub use format::{AuthFormat, BodyFormat, Codec, HeaderFormat};
pub use gap::Gap;
pub use header::Header;
pub use kind::{MessageType, MessageTypes, RegisterError, types};
pub use lease::Lease;
pub use not_handled::NotHandled;
pub use payload::Payload;
pub(crate) use set_fields::FieldForm;

/// A message, free of any encoding: lengths and checksum are computed when it is
/// sent.
///
/// A received message's `uri`, `content` and `auth` are slices of the receive
/// buffer, which holds other messages too and may be far longer. Cloning them
/// copies no bytes. Each of them, and each slice of them, keeps the whole buffer
/// alive, so what is stored for longer than the message is handled should be
/// stored as a copy: [`into_owned`](Self::into_owned) makes one of the message,
/// and [`Bytes::copy_from_slice`] one of a part.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What the message is.
    pub message_type: MessageType,
    /// What it is about; empty where the type needs none.
    pub uri: Bytes,
    /// Its content, which may be empty.
    pub content: Bytes,
    /// Fields beside the body. Those that a plugin makes are made for every send,
    /// whatever is here.
    pub auth: AuthFields,
}

impl Message {
    /// A message with no auth fields of its own.
    #[must_use]
    pub fn new(
        message_type: MessageType,
        uri: impl Into<Bytes>,
        content: impl Into<Bytes>,
    ) -> Self {
        Self {
            message_type,
            uri: uri.into(),
            content: content.into(),
            auth: AuthFields::new(),
        }
    }

    /// The same message in buffers of its own, each exactly as long as what is in
    /// it: for one that is stored. The buffer it was received in is not kept alive
    /// by it. This copies all of it.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use netaio_core::Message;
    ///
    /// let received = Bytes::from(vec![b'x'; 65_536]);
    /// let message = Message::create(received.slice(..4), received.slice(4..8));
    /// let stored = message.into_owned();
    /// assert_eq!((&stored.uri[..], &stored.content[..]), (&b"xxxx"[..], &b"xxxx"[..]));
    /// // Nothing else uses the buffer.
    /// assert!(received.is_unique());
    /// ```
    #[must_use]
    pub fn into_owned(self) -> Self {
        Self {
            message_type: self.message_type,
            uri: Bytes::copy_from_slice(&self.uri),
            content: Bytes::copy_from_slice(&self.content),
            auth: self.auth.into_owned(),
        }
    }

    /// Whether this is one of the four error types.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.message_type.is_error()
    }

    /// An error that names no request: netaio's own error messages have the uri
    /// `ERROR`, or none at all.
    #[must_use]
    pub fn is_anonymous_error(&self) -> bool {
        self.is_error() && (self.uri.is_empty() || self.uri.as_ref() == b"ERROR")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("message_type", &self.message_type)
            .field("uri", &Excerpt(&self.uri))
            .field("content", &Excerpt(&self.content))
            .field("auth", &self.auth)
            .finish()
    }
}

/// The first bytes of what a remote sent, so that a log line has a bounded length.
pub(crate) struct Excerpt<'a>(pub(crate) &'a Bytes);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        match self.0.get(..SHOWN) {
            Some(start) if self.0.len() > SHOWN => {
                write!(
                    f,
                    "{:?}.. ({} bytes)",
                    Bytes::copy_from_slice(start),
                    self.0.len()
                )
            }
            _ => self.0.fmt(f),
        }
    }
}
