//! Values that own what they hold.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::collections::{Dict, Set};
use super::decimal::Decimal;
use super::decode::DecodeLimits;
use super::encode;
use super::error::{DecodeError, EncodeError};
use super::int::{Int, OutOfRange};
use super::items::Items;
use super::view::ValueRef;

/// Anything that packify packs.
///
/// Equality is that of the parts: `Int(1)` is not `Bool(true)`, and a NaN is not itself.
/// (Python's equality, by which the two are the same key, is what [`Set`] and [`Dict`] go by.)
///
/// A value takes 32 bytes and nests as deep as its maker likes; [`decode`](Self::decode)
/// bounds what comes from elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Python's `None`.
    #[default]
    None,
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytearray`.
    ByteArray(Vec<u8>),
    /// `str`.
    Str(String),
    /// `int`.
    Int(Int),
    /// `bool`.
    Bool(bool),
    /// `float`.
    Float(f64),
    /// `Decimal`.
    Decimal(Decimal),
    /// `list`.
    List(Vec<Value>),
    /// `set`.
    Set(Set),
    /// `tuple`.
    Tuple(Vec<Value>),
    /// `dict`.
    Dict(Dict),
    /// An application's own type.
    Packable(Box<Packable>),
}

const _: () = assert!(size_of::<Value>() <= 32);

/// An application's own type, as packify sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packable {
    /// The name of its class.
    pub name: Box<str>,
    /// What its class packed itself as.
    pub data: Box<[u8]>,
}

impl Value {
    /// Unpacks the value that `input` begins with. Bytes behind it are ignored.
    ///
    /// Malformed input allocates nothing. For any other, no more than 25 times its length is
    /// allocated at once, on 64 bits: a `None` in a list is two bytes, and a `Value` 32; to
    /// find the duplicates in a set of them takes some more for a while.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where packify refuses the bytes, and past the `limits`.
    pub fn decode(input: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        ValueRef::parse(input, limits).map(|(value, _)| value.to_value())
    }

    /// Appends the packed value to `out`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if some part is longer than packify can say; `out` is as
    /// before.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.reserve(self.packed_len()?);
        encode::put_value(out, self).inspect_err(|_| out.truncate(start))
    }

    /// The packed value.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn to_vec(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        self.encode(&mut out)?;
        Ok(out)
    }

    /// How many bytes it packs to.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn packed_len(&self) -> Result<usize, EncodeError> {
        encode::len_of(self)
    }

    pub(super) fn from_ref(value: &ValueRef<'_>) -> Self {
        match *value {
            ValueRef::None => Self::None,
            ValueRef::Bytes(bytes) => Self::Bytes(bytes.into()),
            ValueRef::ByteArray(bytes) => Self::ByteArray(bytes.into()),
            ValueRef::Str(text) => Self::Str(text.into()),
            ValueRef::Int(int) => Self::Int(int.to_int()),
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Float(value) => Self::Float(value),
            // Validated: the default stands for nothing.
            ValueRef::Decimal(text) => Self::Decimal(Decimal::parse(text).unwrap_or_default()),
            ValueRef::List(items) => Self::List(gather(items)),
            ValueRef::Tuple(items) => Self::Tuple(gather(items)),
            ValueRef::Set(items) => Self::Set(Set::of_hashable(gather(items))),
            ValueRef::Dict(pairs) => {
                let mut owned = Vec::with_capacity(pairs.len());
                owned.extend(pairs.map(|(key, value)| (key.to_value(), value.to_value())));
                Self::Dict(Dict::of_hashable(owned))
            }
            ValueRef::Packable { name, data } => Self::Packable(Box::new(Packable {
                name: name.into(),
                data: data.into(),
            })),
        }
    }

    /// Whether Python can hash it, so that it may be in a [`Set`] or be a key of a [`Dict`]:
    /// all but lists, sets, dicts, bytearrays, signaling NaNs, and tuples with one inside.
    pub fn is_hashable(&self) -> bool {
        match self {
            Self::ByteArray(_) | Self::List(_) | Self::Set(_) | Self::Dict(_) => false,
            Self::Tuple(items) => items.iter().all(Self::is_hashable),
            Self::Decimal(decimal) => !decimal.is_signaling_nan(),
            _ => true,
        }
    }

    /// Whether it is `None`.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The content of a `bytes`. A `bytearray` is none.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The content of a `str`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, of an `int`. A `bool` is none.
    pub const fn as_int(&self) -> Option<&Int> {
        match self {
            Self::Int(int) => Some(int),
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

    /// The number, of a `Decimal`.
    pub const fn as_decimal(&self) -> Option<&Decimal> {
        match self {
            Self::Decimal(decimal) => Some(decimal),
            _ => None,
        }
    }

    /// The items of a `list`.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a `tuple`.
    pub fn as_tuple(&self) -> Option<&[Value]> {
        match self {
            Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The `set`, if it is one.
    pub const fn as_set(&self) -> Option<&Set> {
        match self {
            Self::Set(set) => Some(set),
            _ => None,
        }
    }

    /// The `dict`, if it is one.
    pub const fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The `dict`, if it is one.
    pub const fn as_dict_mut(&mut self) -> Option<&mut Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The packable, if it is one.
    pub fn as_packable(&self) -> Option<&Packable> {
        match self {
            Self::Packable(packable) => Some(packable),
            _ => None,
        }
    }
}

/// With the room needed and no more: `collect` would make some for four.
fn gather(items: Items<'_>) -> Vec<Value> {
    let mut owned = Vec::with_capacity(items.len());
    owned.extend(items.map(|item| item.to_value()));
    owned
}

macro_rules! from {
    ($($from:ty, $name:ident => $value:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($name: $from) -> Self {
                $value
            }
        }
    )*};
}

from! {
    bool, value => Self::Bool(value);
    f32, value => Self::Float(value.into());
    f64, value => Self::Float(value);
    &str, text => Self::Str(text.into());
    String, text => Self::Str(text);
    &[u8], bytes => Self::Bytes(bytes.into());
    Vec<u8>, bytes => Self::Bytes(bytes);
    Int, int => Self::Int(int);
    Decimal, decimal => Self::Decimal(decimal);
    Vec<Value>, items => Self::List(items);
    Set, set => Self::Set(set);
    Dict, dict => Self::Dict(dict);
    Packable, packable => Self::Packable(Box::new(packable));
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::Int(value.into())
            }
        }

        /// Of an `int`; all else is [`OutOfRange`].
        impl TryFrom<&Value> for $integer {
            type Error = OutOfRange;

            fn try_from(value: &Value) -> Result<Self, OutOfRange> {
                value.as_int().ok_or(OutOfRange)?.try_into()
            }
        }
    )*};
}

integers! { u8 i8 u16 i16 u32 i32 u64 i64 usize isize u128 i128 }

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// A `tuple` of two.
impl<A: Into<Value>, B: Into<Value>> From<(A, B)> for Value {
    fn from((a, b): (A, B)) -> Self {
        Self::Tuple(Vec::from([a.into(), b.into()]))
    }
}
