//! Extractors: the arguments of handlers.

use std::fmt;
use std::mem;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Message, MessageType};

use super::reply::{IntoReply, Reply};
use super::request::Request;
use crate::connection::Connection;
use crate::logging::limited;
use crate::remote::Remote;

/// An argument of a handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a message",
    label = "no argument of a netaio handler",
    note = "arguments are owned: `Message`, `Uri`, `Content`, `Text`, `Path<T>`, `State<T>`, `Extension<T>`, `Remote`, `Connection`, .., or types that implement `FromRequest`"
)]
pub trait FromRequest: Sized {
    /// Whether it takes a content in parts [as it comes](crate::BodyStream): an extractor that has a
    /// `BodyStream` of the request says so.
    const STREAMS: bool = false;

    /// Extracts it from the message.
    ///
    /// # Errors
    /// The message does not have it. The rejection is the reply, and the
    /// handler is not called.
    fn from_request(request: &Request) -> Result<Self, Reply>;

    /// Extracts the last argument. It may take the content out of the message, which no other
    /// argument is made of then; all else stays for the [reply](IntoReply::into_reply).
    ///
    /// # Errors
    /// As those of [`from_request`](Self::from_request).
    fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
        Self::from_request(request)
    }
}

/// The last argument of an async handler, where it takes time to have it: what a database
/// says of the sender, say. The handler's closure has to be `Clone`.
///
/// ```
/// use netaio_driver::{Content, FromRequestAsync, Handler, Reply, Request};
///
/// struct Account(String);
///
/// impl FromRequestAsync for Account {
///     async fn from_request_async(request: &Request) -> Result<Self, Reply> {
///         let Some(address) = request.remote.addr() else {
///             return Err(Reply::not_permitted("who are you?"));
///         };
///         // Of a database, say.
///         Ok(Self(address.to_string()))
///     }
/// }
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|content: Content, account: Account| async move {
///     format!("{} bytes of {}", content.len(), account.0)
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a message",
    label = "no argument of a netaio handler"
)]
pub trait FromRequestAsync: Sized {
    /// As [`FromRequest::STREAMS`].
    const STREAMS: bool = false;

    /// Extracts it from the message.
    ///
    /// The errors are those of [`FromRequest::from_request`].
    fn from_request_async(request: &Request) -> impl Future<Output = Result<Self, Reply>> + Send;
}

impl FromRequest for Request {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.clone())
    }

    fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
        let content = mem::take(&mut request.message.content);
        let mut own = request.clone();
        own.message.content = content;
        Ok(own)
    }
}

impl FromRequest for Message {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.message.clone())
    }

    fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
        let content = mem::take(&mut request.message.content);
        let message = request.message.clone();
        Ok(Self { content, ..message })
    }
}

impl FromRequest for MessageType {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.message.message_type)
    }
}

impl FromRequest for Remote {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.remote.clone())
    }
}

/// The connection that the message came by. A datagram is answered with an
/// `ERROR`; use [`Remote`] for both.
impl FromRequest for Connection {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        let connection = request.remote.connection().cloned();
        connection.ok_or_else(|| Reply::error("this needs a connection, and came as a datagram"))
    }
}

/// The sender's address. A connection over something without addresses is
/// answered with an `ERROR`.
impl FromRequest for SocketAddr {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        let remote = request.remote.addr();
        remote.ok_or_else(|| Reply::error("this connection has no address"))
    }
}

impl FromRequest for Option<SocketAddr> {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.remote.addr())
    }
}

macro_rules! bytes_argument {
    ($(#[$doc:meta])* $name:ident, $field:ident $(, $take:item)?) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(pub Bytes);

        impl FromRequest for $name {
            fn from_request(request: &Request) -> Result<Self, Reply> {
                Ok(Self(request.message.$field.clone()))
            }

            $($take)?
        }

        impl $name {
            /// The same with bytes of its own, so that it keeps no receive buffer alive:
            /// what to store for longer than a handler runs.
            #[must_use]
            pub fn into_owned(self) -> Self {
                Self(Bytes::copy_from_slice(&self.0))
            }
        }

        impl Deref for $name {
            type Target = Bytes;

            fn deref(&self) -> &Bytes {
                &self.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<$name> for Bytes {
            fn from(value: $name) -> Bytes {
                value.0
            }
        }

        impl fmt::Display for $name {
            /// As text; what is not UTF-8 is replaced. For a log or a terminal
            /// [`Printable::bytes`](netaio_core::Printable::bytes) escapes it.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

bytes_argument! {
    /// The uri of a message: a slice of the receive buffer, which it keeps alive.
    ///
    /// The buffer holds other messages too, up to 64 KiB or more: what is stored for
    /// longer than the handler runs should be [`into_owned`](Self::into_owned). Keys of
    /// subscriptions are copied anyway.
    Uri, uri
}

bytes_argument! {
    /// The content of a message: a slice of the receive buffer, which it keeps alive.
    ///
    /// The buffer holds other messages too, up to 64 KiB or more: what is stored for
    /// longer than the handler runs should be [`into_owned`](Self::into_owned).
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use netaio_driver::Content;
    /// let received = Bytes::from(vec![b'x'; 65_536]);
    /// let content = Content(received.slice(..4));
    /// let stored = content.into_owned();
    /// assert_eq!(&stored[..], b"xxxx");
    /// // Nothing else uses the buffer.
    /// assert!(received.is_unique());
    /// ```
    Content, content,
    fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
        Ok(Self(mem::take(&mut request.message.content)))
    }
}

/// The content of a message as text. Content that is not UTF-8 is answered with
/// an `ERROR`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(pub String);

impl FromRequest for Text {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        match std::str::from_utf8(&request.message.content) {
            Ok(text) => Ok(Self(text.into())),
            Err(_) => Err(Reply::error("the content is not UTF-8")),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A value that handlers share, set by `state` of a builder. A request for a type
/// that was not set is answered with an `ERROR`.
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromRequest for State<T> {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        request.remote.states().get::<T>().map(Self).ok_or_else(|| {
            let state = std::any::type_name::<T>();
            limited!(
                request.remote.logs(),
                ERROR,
                "a handler takes a state that was not set with `state`",
                state
            );
            Reply::error(NOT_SET_UP)
        })
    }
}

/// What a remote is told of a mistake of the program.
pub(super) const NOT_SET_UP: &str = "the server is not set up for this request";

impl IntoReply for Content {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        self.0.into_reply(request)
    }
}

impl IntoReply for Uri {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        self.0.into_reply(request)
    }
}

impl IntoReply for Text {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        self.0.into_reply(request)
    }
}
