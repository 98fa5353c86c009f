//! Packed values as values of Rust and back, by serde.

mod de;
mod error;
mod marks;
mod ser;
#[cfg(test)]
mod tests;
mod values;

use alloc::vec::Vec;

use serde_core::Serialize;
use serde_core::de::{Deserialize, DeserializeOwned};

pub use self::error::{SerdeError, SerdeErrorKind};
pub use self::values::{as_bytes, as_set};
use crate::decode::{self, DecodeLimits};
use crate::value::Value;

/// What a value of Rust is in Python.
///
/// # Errors
///
/// As [`to_vec`], but for lengths.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, SerdeError> {
    value.serialize(ser::Writer::new())
}

/// Packs a value of Rust.
///
/// | Rust | Python |
/// | --- | --- |
/// | `bool`, integers, `f32` and `f64` | `bool`, `int`, `float` |
/// | `String`, `char` | `str` |
/// | `None`, `()`, a struct without fields | `None` |
/// | `Some(value)`, a struct around one value | that value |
/// | `Vec`, slices, sets | `list`; `set` with [`as_set`] |
/// | what serde takes for bytes, as the crates `bytes` and `serde_bytes` have it | `bytes`; a `Vec<u8>` with [`as_bytes`] |
/// | tuples, arrays, structs of fields without names | `tuple` |
/// | structs, maps | `dict`; fields are of the key `str` |
/// | variants without a value | `str`, their name |
/// | all other variants | `dict` of the name and what they hold |
/// | [`Value`], [`Decimal`](crate::Decimal), [`Set`](crate::Set), [`Int`](crate::Int) | themselves |
///
/// Types that have a text and a shorter form, as addresses have, take the text: Python has
/// parsers for that.
///
/// # Errors
///
/// [`SerdeError`] says where: a map's key that Python cannot hash, keys that are one in
/// Python, more than 32 containers inside one another, a part longer than four bytes can say,
/// and what the value's own `Serialize` refuses.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SerdeError> {
    to_value(value)?.to_vec().map_err(SerdeError::new)
}

/// Reads packed bytes as a value of Rust, which may borrow texts and bytes from them. All
/// of them are validated within the `limits` before the value is made; what that allocates is
/// its own affair.
///
/// ```
/// use netaio_packify::{DecodeLimits, from_slice, to_vec};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Reading<'a> {
///     sensor: &'a str,
///     celsius: f64,
/// }
///
/// // What Python packs from {"sensor": "roof", "celsius": 21.5}.
/// let packed = to_vec(&Reading { sensor: "roof", celsius: 21.5 })?;
/// let reading: Reading<'_> = from_slice(&packed, &DecodeLimits::DEFAULT)?;
/// assert_eq!(reading, Reading { sensor: "roof", celsius: 21.5 });
///
/// let error = from_slice::<(u8, bool)>(&to_vec(&(7, "yes"))?, &DecodeLimits::DEFAULT);
/// assert_eq!(error.unwrap_err().to_string(), r#"[1]: found str "yes", expected a boolean"#);
/// # Ok::<(), netaio_packify::SerdeError>(())
/// ```
///
/// The types are those of [`to_vec`]. Besides, sequences are read from lists, tuples and sets,
/// `Vec<u8>` and `[u8; N]` from `bytes` too, a bytearray as bytes, a text from a `Decimal`, a
/// float from an `int`, an integer from an `int` that fits. A `bool` is no number, and a
/// `bytes` no text. Keys that a struct does not have are left alone, unless it says otherwise.
///
/// # Errors
///
/// [`SerdeError`]: bytes that packify refuses, past the limits, or behind the value, and a
/// value of another type, with where it is.
pub fn from_slice<'de, T: Deserialize<'de>>(
    packed: &'de [u8],
    limits: &DecodeLimits,
) -> Result<T, SerdeError> {
    let used = decode::validate(packed, limits).map_err(SerdeError::new)?;
    match packed.len().saturating_sub(used) {
        0 => T::deserialize(de::Reader(packed)),
        len => Err(SerdeError::new(SerdeErrorKind::BytesBehind { len })),
    }
}

/// Reads a value of packify as one of Rust, as [`from_slice`] does: packs it once.
///
/// # Errors
///
/// As [`from_slice`]; containers may be inside one another [`MAX_DEPTH`](crate::MAX_DEPTH) deep.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, SerdeError> {
    let packed = value.to_vec().map_err(SerdeError::new)?;
    from_slice(&packed, &DecodeLimits::ANY)
}
