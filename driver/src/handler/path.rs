//! What a pattern captures of a uri.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netaio_core::Captures;

use super::extract::{FromRequest, NOT_SET_UP};
use super::reply::Reply;
use super::request::Request;
use crate::logging::limited;

/// The parts of a uri that the names of its handler's [pattern](netaio_core::Pattern) stand
/// for: one value, or a tuple of up to eight, in the order of the pattern.
///
/// A part that its type does not [take](FromSegment) is answered with an `ERROR`. So is every
/// message where the pattern has another number of names than the tuple, or the handler's key
/// is no pattern, and the log says so. Own types, such as one that takes names, implement
/// [`FromPath`].
///
/// ```
/// use netaio_driver::{Handler, Path, Text};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// // (CREATE_URI, "sensors/{id}/readings")
/// takes(|Path(id): Path<u32>, reading: Text| format!("{id}: {}", &*reading));
/// // (REQUEST_URI, "rooms/{room}/sensors/{id}")
/// takes(|Path((room, id)): Path<(String, u32)>| async move { format!("{id} in {room}") });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path<T>(pub T);

/// Why there is no [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// The pattern does not have the names that the type takes: a mistake of the program.
    Names,
    /// The uri's part for a name does not fit.
    Segment {
        /// The name in the pattern.
        name: String,
    },
}

/// What a [`Path`] may be: every [`FromSegment`], tuples of them, and own types.
///
/// ```
/// use netaio_driver::core::Captures;
/// use netaio_driver::{FromPath, PathError, path_segment};
///
/// struct Sensor {
///     room: String,
///     id: u32,
/// }
///
/// // "rooms/{room}/sensors/{id}", and others with these names.
/// impl FromPath for Sensor {
///     fn from_path(captures: &Captures<'_, '_>) -> Result<Self, PathError> {
///         Ok(Self {
///             room: path_segment(captures, "room")?,
///             id: path_segment(captures, "id")?,
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from a uri",
    note = "`Path<T>` takes text, numbers, `bool`, `char`, addresses, and tuples of them; own types implement `FromSegment` for one part or `FromPath` for several"
)]
pub trait FromPath: Sized {
    /// Takes it from the parts of a uri.
    ///
    /// # Errors
    /// It cannot be.
    fn from_path(captures: &Captures<'_, '_>) -> Result<Self, PathError>;
}

/// One part of a uri as a value. Implemented for text, numbers, `bool`, `char` and addresses,
/// as their `FromStr` reads them.
pub trait FromSegment: Sized {
    /// The value of a text; `None` if it has none.
    fn from_segment(text: &str) -> Option<Self>;
}

/// The part of a uri that a name stands for.
///
/// # Errors
/// The pattern has no such name, or the part does not fit.
pub fn path_segment<T: FromSegment>(
    captures: &Captures<'_, '_>,
    name: &str,
) -> Result<T, PathError> {
    parse(name, captures.get(name).ok_or(PathError::Names)?)
}

fn parse<T: FromSegment>(name: &str, text: &str) -> Result<T, PathError> {
    T::from_segment(text).ok_or_else(|| PathError::Segment { name: name.into() })
}

macro_rules! segments {
    ($($type:ty)*) => {
        $(
            impl FromSegment for $type {
                fn from_segment(text: &str) -> Option<Self> {
                    text.parse().ok()
                }
            }
        )*
    };
}

segments! {
    String bool char f32 f64
    i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize
    IpAddr Ipv4Addr Ipv6Addr SocketAddr
}

impl<T: FromSegment> FromPath for T {
    fn from_path(captures: &Captures<'_, '_>) -> Result<Self, PathError> {
        let (value,) = FromPath::from_path(captures)?;
        Ok(value)
    }
}

macro_rules! tuples {
    ($($part:ident)*) => {
        impl<$($part: FromSegment),*> FromPath for ($($part,)*) {
            fn from_path(captures: &Captures<'_, '_>) -> Result<Self, PathError> {
                const NAMES: usize = [$(stringify!($part)),*].len();
                if captures.len() != NAMES {
                    return Err(PathError::Names);
                }
                let mut parts = captures.iter();
                Ok(($({
                    let (name, text) = parts.next().ok_or(PathError::Names)?;
                    parse::<$part>(name, text)?
                },)*))
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

impl<T: FromPath> FromRequest for Path<T> {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        let captures = request
            .pattern()
            .and_then(|pattern| pattern.captures(&request.message.uri));
        match captures
            .ok_or(PathError::Names)
            .and_then(|found| T::from_path(&found))
        {
            Ok(value) => Ok(Self(value)),
            Err(PathError::Segment { name }) => {
                Err(Reply::error(format!("the uri's {{{name}}} does not fit")))
            }
            Err(PathError::Names) => {
                let path = std::any::type_name::<T>();
                limited!(
                    request.remote.logs(),
                    ERROR,
                    "a handler takes a path whose names are not those of its key",
                    path
                );
                Err(Reply::error(NOT_SET_UP))
            }
        }
    }
}
