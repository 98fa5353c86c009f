//! Contents in a format: JSON, packify, postcard.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use netaio_core::Message;
#[cfg(feature = "packed")]
use netaio_core::packify;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::extract::FromRequest;
use super::reply::{IntoReply, Reply};
use super::request::Request;
use crate::error::FormatError;
use crate::logging::limited;
use crate::request::{RequestBuilder, Response};

macro_rules! format {
    (
        $(#[$doc:meta])*
        $name:ident, $feature:literal, $text:literal,
        $(#[$encode_doc:meta])* $encode_to:ident,
        $(#[$decode_doc:meta])* $decode_from:ident,
        |$value:ident| $encode:expr,
        |$bytes:ident| $decode:expr
    ) => {
        $(#[$doc])*
        #[cfg(feature = $feature)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<T>(pub T);

        #[cfg(feature = $feature)]
        impl<T: DeserializeOwned> $name<T> {
            /// The value of some bytes.
            ///
            /// # Errors
            /// They are no such value in this format.
            pub fn from_bytes($bytes: &[u8]) -> Result<Self, FormatError> {
                $decode.map(Self).map_err(|error| FormatError::new($text, &error))
            }
        }

        #[cfg(feature = $feature)]
        impl<T: Serialize> $name<T> {
            /// The value as bytes.
            ///
            /// # Errors
            /// The format has no form for it.
            pub fn to_bytes(&self) -> Result<Bytes, FormatError> {
                let $value = &self.0;
                $encode.map(Bytes::from).map_err(|error| FormatError::new($text, &error))
            }
        }

        /// Content that is no such value is answered with an `ERROR` that says why.
        #[cfg(feature = $feature)]
        impl<T: DeserializeOwned> FromRequest for $name<T> {
            fn from_request(request: &Request) -> Result<Self, Reply> {
                Self::from_bytes(&request.message.content)
                    .map_err(|error| Reply::error(error.to_string()))
            }
        }

        /// The content of the usual answer. A value that the format has no form for is
        /// answered with an `ERROR`, and the log says why.
        #[cfg(feature = $feature)]
        impl<T: Serialize> IntoReply for $name<T> {
            fn into_reply(self, request: &mut Request) -> Option<Message> {
                match self.to_bytes() {
                    Ok(content) => content.into_reply(request),
                    Err(error) => unencodable(request, &error).into_reply(request),
                }
            }
        }

        #[cfg(feature = $feature)]
        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        #[cfg(feature = $feature)]
        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        #[cfg(feature = $feature)]
        impl<T: fmt::Display> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        #[cfg(feature = $feature)]
        impl RequestBuilder {
            $(#[$encode_doc])*
            ///
            /// # Errors
            /// The format has no form for the value.
            pub fn $encode_to<T: Serialize>(self, value: &T) -> Result<Self, FormatError> {
                Ok(self.content($name(value).to_bytes()?))
            }
        }

        #[cfg(feature = $feature)]
        impl Response {
            $(#[$decode_doc])*
            ///
            /// # Errors
            /// It is one of the four error types, or its content is no such value.
            pub fn $decode_from<T: DeserializeOwned>(self) -> Result<T, FormatError> {
                let message = self.into_result()?;
                $name::from_bytes(&message.content).map(|value| value.0)
            }
        }
    };
}

format! {
    /// A content in JSON: an argument of a handler, and what it returns.
    ///
    /// ```
    /// use netaio_driver::{Handler, Json};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize)]
    /// struct Reading { celsius: f64 }
    /// #[derive(Serialize)]
    /// struct Stored { number: u64 }
    ///
    /// fn takes<M>(_: impl Handler<M>) {}
    ///
    /// takes(|Json(reading): Json<Reading>| async move {
    ///     println!("{} °C", reading.celsius);
    ///     Json(Stored { number: 1 })
    /// });
    /// ```
    Json, "json", "JSON",
    /// Sets the content to a value in JSON.
    json,
    /// The value of the content in JSON.
    json,
    |value| serde_json::to_vec(value),
    |bytes| serde_json::from_slice(bytes)
}

format! {
    /// A content in packify's format, as programs in Python have it at hand with netaio: what
    /// they `pack` from a dict is a struct here, and the reverse. How types correspond is said
    /// at [`to_vec`](netaio_core::packify::to_vec) and
    /// [`from_slice`](netaio_core::packify::from_slice). Containers may be inside one another
    /// 32 deep; what is left of the content behind the value is an error.
    ///
    /// ```
    /// use netaio_driver::core::packify::as_set;
    /// use netaio_driver::{Handler, Packed};
    /// use serde::{Deserialize, Serialize};
    ///
    /// // pack({"sensor": 7, "celsius": 21.5})
    /// #[derive(Deserialize)]
    /// struct Reading { sensor: u32, celsius: f64 }
    /// // unpack(content) == {"number": 1, "flags": {"hot"}}
    /// #[derive(Serialize)]
    /// struct Stored {
    ///     number: u64,
    ///     #[serde(serialize_with = "as_set")]
    ///     flags: Vec<&'static str>,
    /// }
    ///
    /// fn takes<M>(_: impl Handler<M>) {}
    ///
    /// takes(|Packed(reading): Packed<Reading>| async move {
    ///     println!("{}: {} °C", reading.sensor, reading.celsius);
    ///     Packed(Stored { number: 1, flags: vec!["hot"] })
    /// });
    /// ```
    Packed, "packed", "packify",
    /// Sets the content to a value in packify's format.
    packed,
    /// The value of the content in packify's format.
    packed,
    |value| packify::to_vec(value),
    |bytes| packify::from_slice(bytes, &PACKED)
}

/// Each item takes a byte of the content, which is bounded, and two with its length.
#[cfg(feature = "packed")]
const PACKED: packify::DecodeLimits = packify::DecodeLimits {
    items: usize::MAX,
    ..packify::DecodeLimits::DEFAULT
};

format! {
    /// A content in [postcard](https://postcard.jamesmunns.com)'s format: small and fast, for
    /// ends that know the same types. What is left of the content behind the value is an
    /// error.
    ///
    /// ```
    /// use netaio_driver::{Handler, Postcard};
    ///
    /// fn takes<M>(_: impl Handler<M>) {}
    ///
    /// takes(|Postcard((id, celsius)): Postcard<(u32, f32)>| Postcard((id, celsius > 30.0)));
    /// ```
    Postcard, "postcard", "postcard",
    /// Sets the content to a value in postcard's format.
    postcard,
    /// The value of the content in postcard's format.
    postcard,
    |value| postcard::to_allocvec(value),
    |bytes| match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(std::format!("{} bytes behind the value", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

fn unencodable(request: &Request, error: &FormatError) -> Reply {
    limited!(
        request.remote.logs(),
        ERROR,
        "a handler's reply has no form in its format",
        %error
    );
    Reply::error("the handler failed")
}
