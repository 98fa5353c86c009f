//! How handlers fail.

use std::error::Error;
use std::fmt;

use netaio_core::{Message, MessageType, types};

use super::reply::{IntoReply, NoReply, Reply};
use super::request::Request;
use crate::logging::limited;

/// What a handler may return as the `Err` of a `Result`: the answer is an error, whatever
/// it is.
///
/// Bytes and text are the content of an `ERROR`. A [`Reply`] or a [`Message`] keeps its type
/// if that is one of the four error types, and becomes an `ERROR` else. `()` is an `ERROR`
/// without a content, [`NoReply`] no answer. An error of a library is none of these, since
/// what it says may not be for everybody: [`Failure`] logs it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error reply of a netaio handler",
    label = "in the `Err` of what a handler returns",
    note = "the `Err` is text, bytes, `()`, `Reply`, `Message`, `NoReply` or `Failure`, or implements `IntoErrorReply`",
    note = "`Result<_, Failure>` takes any `std::error::Error` by `?`, logs it, and tells the asker nothing of it"
)]
pub trait IntoErrorReply {
    /// The message that is sent back, if any: as [`IntoReply::into_reply`].
    fn into_error_reply(self, request: &mut Request) -> Option<Message>;
}

impl<T: IntoReply, E: IntoErrorReply> IntoReply for Result<T, E> {
    fn into_reply(self, request: &mut Request) -> Option<Message> {
        match self {
            Ok(reply) => reply.into_reply(request),
            Err(error) => error.into_error_reply(request),
        }
    }
}

/// The type of an error that is no success.
fn failing(message_type: MessageType) -> MessageType {
    match message_type.is_error() {
        true => message_type,
        false => types::ERROR,
    }
}

impl IntoErrorReply for Message {
    fn into_error_reply(mut self, _request: &mut Request) -> Option<Message> {
        self.message_type = failing(self.message_type);
        Some(self)
    }
}

impl IntoErrorReply for Reply {
    fn into_error_reply(self, request: &mut Request) -> Option<Message> {
        self.into_reply(request)?.into_error_reply(request)
    }
}

impl IntoErrorReply for () {
    fn into_error_reply(self, request: &mut Request) -> Option<Message> {
        Reply::error("").into_reply(request)
    }
}

impl IntoErrorReply for NoReply {
    fn into_error_reply(self, _request: &mut Request) -> Option<Message> {
        None
    }
}

macro_rules! error_texts {
    ($($type:ty)*) => {
        $(
            impl IntoErrorReply for $type {
                fn into_error_reply(self, request: &mut Request) -> Option<Message> {
                    Reply::error(self).into_reply(request)
                }
            }
        )*
    };
}

error_texts! {
    bytes::Bytes Vec<u8> String &'static str &'static [u8]
}

/// Any error, as a handler fails with it: it is logged with what caused it, and its asker
/// gets an `ERROR` that says nothing of it.
///
/// ```
/// use netaio_driver::{Failure, Handler, Uri};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|uri: Uri| async move {
///     let text = String::from_utf8(uri.to_vec())?;
///     let number: u64 = text.parse()?;
///     Ok::<_, Failure>(format!("{}", number + 1))
/// });
/// ```
pub struct Failure(Box<dyn Error + Send + Sync>);

impl Failure {
    /// What its asker is told.
    const TEXT: &str = super::PANICKED;

    /// The error.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoErrorReply for Failure {
    fn into_error_reply(self, request: &mut Request) -> Option<Message> {
        let error = Chain(&*self.0).to_string();
        let logs = request.remote.logs();
        let uri = crate::logging::Shown(&request.message.uri);
        limited!(logs, ERROR, "a handler failed", %uri, error);
        Reply::error(Self::TEXT).into_reply(request)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failure").field(&self.0).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Chain(&*self.0).fmt(f)
    }
}

/// An error and what caused it, in one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
