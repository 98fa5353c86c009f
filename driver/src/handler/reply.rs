//! What handlers return.

use std::mem;

use bytes::Bytes;
use netaio_core::{Message, MessageType, types};

use super::request::Request;

/// The types that a handler may return.
///
/// Bytes and text are the content of the usual answer, with the request's uri:
/// `RESPOND_URI` to a `REQUEST_URI`, a confirmation to (un)subscriptions, `OK`
/// to everything else. `()` is the usual answer without a content where the message [asks
/// for one](MessageType::is_request), so that who asked does not wait in vain, and no answer
/// to others, such as a `NOTIFY_URI`. [`NoReply`] and `None` are no answer in any case. The
/// `Err` of a `Result` is an [error](crate::IntoErrorReply), never a success.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no reply of a netaio handler",
    note = "a handler returns `()`, bytes, text, `Reply`, `NoReply`, `Message`, or an `Option` or a `Result` of those"
)]
pub trait IntoReply {
    /// The message that is sent back, if any. It may take the uri out of the request: nobody looks
    /// at that again. The content is gone where the handler's last argument was made of it, a
    /// `Content` or `Message` say.
    fn into_reply(self, request: &mut Request) -> Option<Message>;
}

/// A reply with the request's uri and a type of its own.
///
/// ```
/// use netaio_driver::Reply;
///
/// let reply = Reply::not_found("not found");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    message_type: MessageType,
    content: Bytes,
}

impl Reply {
    /// A reply of any type.
    #[must_use]
    pub fn new(message_type: MessageType, content: impl Into<Bytes>) -> Self {
        Self {
            message_type,
            content: content.into(),
        }
    }

    /// Its type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// Its content.
    #[must_use]
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// `OK`.
    #[must_use]
    pub fn ok(content: impl Into<Bytes>) -> Self {
        Self::new(types::OK, content)
    }

    /// `ERROR`.
    #[must_use]
    pub fn error(text: impl Into<Bytes>) -> Self {
        Self::new(types::ERROR, text)
    }

    /// `NOT_FOUND`.
    #[must_use]
    pub fn not_found(text: impl Into<Bytes>) -> Self {
        Self::new(types::NOT_FOUND, text)
    }

    /// `NOT_PERMITTED`.
    #[must_use]
    pub fn not_permitted(text: impl Into<Bytes>) -> Self {
        Self::new(types::NOT_PERMITTED, text)
    }

    /// `AUTH_ERROR`.
    #[must_use]
    pub fn auth_error(text: impl Into<Bytes>) -> Self {
        Self::new(types::AUTH_ERROR, text)
    }
}

impl IntoReply for Reply {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        let uri = mem::take(&mut request.message.uri);
        Some(Message::new(self.message_type, uri, self.content))
    }
}

/// The message as it is. It answers the request if its uri is that of the request, as whoever
/// asked finds the request by that; [`Reply`] sets it.
impl IntoReply for Message {
    fn into_reply(self, _request: &mut Request) -> Option<Message> {
        Some(self)
    }
}

/// Done: the usual answer, empty, where one is asked for.
impl IntoReply for () {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        let asks = request.message.message_type.is_request();
        asks.then(|| Bytes::new().into_reply(request)).flatten()
    }
}

/// What a handler returns that answers nothing, whatever the message asks for: who sent a
/// request waits out its time.
///
/// ```
/// use netaio_driver::{Content, Handler, NoReply};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|content: Content| {
///     println!("{content}");
///     NoReply
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoReply;

impl IntoReply for NoReply {
    fn into_reply(self, _request: &mut Request) -> Option<Message> {
        None
    }
}

impl<T: IntoReply> IntoReply for Option<T> {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        self?.into_reply(request)
    }
}

impl IntoReply for Bytes {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        let answer = match request.message.message_type {
            types::REQUEST_URI => types::RESPOND_URI,
            types::SUBSCRIBE_URI => types::CONFIRM_SUBSCRIBE,
            types::UNSUBSCRIBE_URI => types::CONFIRM_UNSUBSCRIBE,
            _ => types::OK,
        };
        Reply::new(answer, self).into_reply(request)
    }
}

macro_rules! plain_replies {
    ($($type:ty: |$value:ident| $bytes:expr;)*) => {
        $(
            impl IntoReply for $type {
                fn into_reply(self, request: &mut Request) -> Option<Message> {
                    let $value = self;
                    Bytes::from($bytes).into_reply(request)
                }
            }
        )*
    };
}

plain_replies! {
    Vec<u8>: |bytes| bytes;
    String: |text| text;
    &'static str: |text| text;
    &'static [u8]: |bytes| bytes;
}
