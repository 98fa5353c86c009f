//! Values of a connection or of a request.

use std::ops::Deref;
use std::sync::Arc;

use super::extract::{FromRequest, NOT_SET_UP};
use super::reply::Reply;
use super::request::Request;
use crate::logging::limited;

/// A value that was set for the request ([`Request::set_extension`]), by middleware say, or for
/// its connection ([`Connection::set_extension`](crate::Connection::set_extension)): who has
/// logged in, say. The request's goes before.
///
/// Where there is none, the answer is an `ERROR`, and the log says so. Where there may be
/// none, take an `Option<Extension<T>>`.
///
/// ```
/// use netaio_driver::{Connection, Extension, Handler, Reply, Text};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// struct User(String);
///
/// takes(|who: Connection, name: Text| {
///     who.set_extension(User(name.0));
/// });
/// takes(|user: Option<Extension<User>>| match user {
///     Some(user) => Ok(format!("hello {}", user.0.0)),
///     None => Err(Reply::not_permitted("log in first")),
/// });
/// ```
#[derive(Debug)]
pub struct Extension<T>(pub Arc<T>);

impl<T> Clone for Extension<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Extension<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> FromRequest for Extension<T> {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        request.extension().map(Self).ok_or_else(|| {
            let extension = std::any::type_name::<T>();
            limited!(
                request.remote.logs(),
                ERROR,
                "a handler takes an extension that was not set",
                extension
            );
            Reply::error(NOT_SET_UP)
        })
    }
}

impl<T: Send + Sync + 'static> FromRequest for Option<Extension<T>> {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(request.extension().map(Extension))
    }
}

/// What the extractor rejects is the `Err`, and the handler is called.
impl<T: FromRequest> FromRequest for Result<T, Reply> {
    const STREAMS: bool = T::STREAMS;

    fn from_request(request: &Request) -> Result<Self, Reply> {
        Ok(T::from_request(request))
    }

    fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
        Ok(T::take_from_request(request))
    }
}
