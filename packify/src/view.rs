//! Looking at packed bytes where they are.

use crate::code::{self, Width};
use crate::decode::{self, DecodeLimits};
use crate::error::DecodeError;
use crate::head::{self, Head};
use crate::int_ref::IntRef;
use crate::slices::Slices;

/// A packed value, borrowed from the bytes it was found in. Copying is cheap, nothing
/// allocates, and everything was validated by [`parse`](Self::parse): reading cannot fail.
///
/// What a container holds is read as it is iterated. Sets and dicts show every packed entry
/// in packed order, duplicates too; [`Pairs::get`] and [`to_value`](Self::to_value) see what
/// Python would keep.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// Python's `None`.
    None,
    /// `bytes`.
    Bytes(&'a [u8]),
    /// `bytearray`.
    ByteArray(&'a [u8]),
    /// `str`.
    Str(&'a str),
    /// `int`.
    Int(IntRef<'a>),
    /// `bool`.
    Bool(bool),
    /// `float`.
    Float(f64),
    /// `Decimal`: its text as packed, one that [`Decimal`](crate::Decimal) accepts.
    Decimal(&'a str),
    /// `list`.
    List(Items<'a>),
    /// `set`.
    Set(Items<'a>),
    /// `tuple`.
    Tuple(Items<'a>),
    /// `dict`.
    Dict(Pairs<'a>),
    /// An application's own type. Found only where [`DecodeLimits::packables`] is on.
    Packable {
        /// The name of its class.
        name: &'a str,
        /// What its class packed itself as.
        data: &'a [u8],
    },
}

/// The items of a packed list, set or tuple, in packed order. To iterate leaves copies as
/// they are.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    pub(crate) slices: Slices<'a>,
}

/// The pairs of a packed dict, in packed order. To iterate leaves copies as they are.
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    pub(crate) slices: Slices<'a>,
}

/// The code of a `bytes` whose length is one byte.
const BYTES: u8 = Width::One.bits() | code::BYTES;

impl<'a> ValueRef<'a> {
    /// Validates the value that `input` begins with, down to its last item, and returns it
    /// with the number of bytes it takes up. Bytes behind it are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where packify refuses the bytes, and past the `limits`.
    pub fn parse(input: &'a [u8], limits: &DecodeLimits) -> Result<(Self, usize), DecodeError> {
        let consumed = decode::validate(input, limits)?;
        Ok((Self::validated(input), consumed))
    }

    /// Reads the value that `input` begins with without validating it: for bytes that
    /// [`parse`](Self::parse) accepted before, and that were kept since. Constant time.
    ///
    /// Of other bytes the view shows something, without a panic and without reading outside
    /// them: what is malformed is `None`, empty or missing. But nothing bounds how deep such
    /// a view nests, and [`to_value`](Self::to_value) and `Debug` recurse.
    #[inline]
    pub fn validated(input: &'a [u8]) -> Self {
        // Most are short `bytes`.
        if let [BYTES, len, rest @ ..] = input
            && let Some(bytes) = rest.get(..usize::from(*len))
        {
            return Self::Bytes(bytes);
        }
        Self::validated_any(input)
    }

    fn validated_any(input: &'a [u8]) -> Self {
        // No validated value gets to the fallbacks.
        let Ok((head, rest)) = head::head(input, input.len()) else {
            return Self::None;
        };
        match head {
            Head::None => Self::None,
            Head::Bytes(bytes) => Self::Bytes(bytes),
            Head::ByteArray(bytes) => Self::ByteArray(bytes),
            Head::Str(text) => Self::Str(text_of(text)),
            Head::Int(int) => Self::Int(int),
            Head::Bool(value) => Self::Bool(value),
            Head::Float(value) => Self::Float(value),
            Head::Decimal(text) => Self::Decimal(text_of(text)),
            Head::Container(kind, table) => {
                let slices = Slices::new(table, rest);
                match kind {
                    code::LIST => Self::List(Items { slices }),
                    code::SET => Self::Set(Items { slices }),
                    code::TUPLE => Self::Tuple(Items { slices }),
                    _ => Self::Dict(Pairs { slices }),
                }
            }
            Head::Packable { name, data } => Self::Packable {
                name: text_of(name),
                data,
            },
        }
    }

    /// Whether it is `None`.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The content of a `bytes`. A `bytearray` is none.
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The content of a `str`.
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, of an `int`. A `bool` is none.
    pub const fn as_int(&self) -> Option<IntRef<'a>> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The truth, of a `bool`.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, of a `float`.
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The pairs of a `dict`.
    pub const fn as_dict(&self) -> Option<Pairs<'a>> {
        match self {
            Self::Dict(pairs) => Some(*pairs),
            _ => None,
        }
    }

    /// The items of a `tuple`.
    pub const fn as_tuple(&self) -> Option<Items<'a>> {
        match self {
            Self::Tuple(items) => Some(*items),
            _ => None,
        }
    }

    /// The items of a `list`.
    pub const fn as_list(&self) -> Option<Items<'a>> {
        match self {
            Self::List(items) => Some(*items),
            _ => None,
        }
    }
}

/// Whether a packed value, which was validated, is this `str`.
#[inline]
pub fn is_packed_str(packed: &[u8], text: &str) -> bool {
    const SHORT: u8 = Width::One.bits() | code::STR;
    match packed {
        [SHORT, len, rest @ ..] => {
            usize::from(*len) == text.len() && rest.starts_with(text.as_bytes())
        }
        _ => ValueRef::validated(packed).as_str() == Some(text),
    }
}

fn text_of(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn parse(packed: &[u8]) -> ValueRef<'_> {
        ValueRef::parse(packed, &DecodeLimits::DEFAULT).unwrap().0
    }

    #[test]
    fn ints_ignore_leading_zeros() {
        let int = |packed: &'static [u8]| parse(packed).as_int().unwrap();
        assert_eq!(
            u32::try_from(int(b"\x04\x06\0\0\xff\xff\xff\xff")),
            Ok(u32::MAX)
        );
        assert_eq!(int(b"\x04\x05\x01\0\0\0\0").to_u32(), None);
        assert_eq!(
            int(b"\x04\x08\xff\xff\xff\xff\xff\xff\xff\xff").to_u64(),
            Some(u64::MAX)
        );
        assert_eq!(int(b"\x04\x09\x01\0\0\0\0\0\0\0\0").to_u64(), None);
        assert_eq!(int(b"\x05\x08\x80\0\0\0\0\0\0\0").to_i64(), Some(i64::MIN));
        assert_eq!(int(b"\x05\x08\x80\0\0\0\0\0\0\x01").to_i64(), None);
        assert_eq!(int(b"\x45\x01").to_u64(), None);
        assert_eq!(int(b"\x45\0").to_u64(), Some(0));
        assert!(!int(b"\x45\0").is_negative() && int(b"\x45\x01").is_negative());
    }

    #[test]
    fn shows_what_it_holds() {
        let packed = b"\x4a\x40\x02\x03\x02\x43\x01a\x45\x07";
        assert_eq!(
            format!("{:?}", parse(packed)),
            r#"List([Str("a"), Int(-7)])"#
        );
    }
}
