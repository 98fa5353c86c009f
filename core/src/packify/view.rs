//! Looking at packed bytes where they are.

use core::fmt;

use super::code;
use super::decode::{self, DecodeLimits};
use super::error::DecodeError;
use super::head::{self, Head};
use super::int::{Int, OutOfRange};
use super::items::{Items, Pairs};
use super::value::Value;

/// A packed value, borrowed from the bytes it was found in. Copying is cheap, nothing
/// allocates, and everything was validated by [`parse`](Self::parse): reading cannot fail.
///
/// What a container holds is read as it is iterated. Sets and dicts show every packed entry
/// in packed order, duplicates too; [`Pairs::get`] and [`to_value`](Self::to_value) see what
/// Python would keep.
#[derive(Clone, Copy, Debug)]
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
    /// `Decimal`: its text as packed, one that [`Decimal`](super::Decimal) accepts.
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

    /// Reads one that was validated by [`parse`](Self::parse).
    pub(crate) fn validated(input: &'a [u8]) -> Self {
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
            Head::Container(kind, table) => match kind {
                code::LIST => Self::List(Items::new(table, rest)),
                code::SET => Self::Set(Items::new(table, rest)),
                code::TUPLE => Self::Tuple(Items::new(table, rest)),
                _ => Self::Dict(Pairs::new(table, rest)),
            },
            Head::Packable { name, data } => Self::Packable {
                name: text_of(name),
                data,
            },
        }
    }

    /// Copies it into a value of its own. Sets and dicts lose their duplicates as in Python:
    /// of equal keys the first stays, with the last one's value.
    pub fn to_value(&self) -> Value {
        Value::from_ref(self)
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

fn text_of(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

/// A packed int: a sign and a magnitude, as they were packed.
#[derive(Clone, Copy)]
pub struct IntRef<'a> {
    negative: bool,
    magnitude: &'a [u8],
}

impl<'a> IntRef<'a> {
    #[inline]
    pub(super) const fn new(negative: bool, magnitude: &'a [u8]) -> Self {
        Self {
            negative,
            magnitude,
        }
    }

    /// Whether it is below zero. 0 packed as a negative number is 0.
    pub fn is_negative(&self) -> bool {
        self.negative && !self.magnitude().is_empty()
    }

    /// The absolute value, big-endian, without leading zeros: empty for 0.
    pub fn magnitude(&self) -> &'a [u8] {
        let mut magnitude = self.magnitude;
        while let Some((0, rest)) = magnitude.split_first() {
            magnitude = rest;
        }
        magnitude
    }

    /// The number, if it fits.
    pub fn to_u32(&self) -> Option<u32> {
        u32::try_from(self.to_u64()?).ok()
    }

    /// The number, if it fits.
    pub fn to_u64(&self) -> Option<u64> {
        u64::try_from(self.to_i128()?).ok()
    }

    /// The number, if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    fn to_i128(self) -> Option<i128> {
        let magnitude = self.magnitude();
        if magnitude.len() > 8 {
            return None;
        }
        let value = magnitude
            .iter()
            .fold(0, |value: i128, byte| value << 8 | i128::from(*byte));
        Some(if self.negative {
            value.wrapping_neg()
        } else {
            value
        })
    }

    /// Copies it into a number of its own.
    pub fn to_int(&self) -> Int {
        Int::from_be_magnitude(self.negative, self.magnitude)
    }
}

impl fmt::Debug for IntRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_int(), f)
    }
}

impl TryFrom<IntRef<'_>> for u32 {
    type Error = OutOfRange;

    fn try_from(int: IntRef<'_>) -> Result<Self, OutOfRange> {
        int.to_u32().ok_or(OutOfRange)
    }
}

impl TryFrom<IntRef<'_>> for u64 {
    type Error = OutOfRange;

    fn try_from(int: IntRef<'_>) -> Result<Self, OutOfRange> {
        int.to_u64().ok_or(OutOfRange)
    }
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
