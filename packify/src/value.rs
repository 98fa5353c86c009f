//! Values that own what they hold.
//!
//! How they are packed, ordered and compared lies above this file: what [`Set`] and [`Dict`]
//! do with their entries needs all three, and is in `collections.rs`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::decimal::Decimal;
use crate::int::{Int, OutOfRange};

/// Anything that packify packs.
///
/// Equality is that of the parts: `Int(1)` is not `Bool(true)`, and a NaN is not itself.
/// (Python's equality, by which the two are the same key, is what [`Set`] and [`Dict`] go by.)
///
/// A value takes 32 bytes and nests as deep as its maker likes; [`decode`](Self::decode)
/// bounds what comes from elsewhere.
#[derive(Clone, Default, PartialEq)]
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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Packable {
    /// The name of its class.
    pub name: Box<str>,
    /// What its class packed itself as.
    pub data: Box<[u8]>,
}

/// A Python `set`: hashable values, no two of them [equal](Dict#which-keys-are-equal), in
/// ascending order of their packed bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    pub(crate) items: Vec<Value>,
}

impl Set {
    /// The items in packed order.
    pub const fn as_slice(&self) -> &[Value] {
        self.items.as_slice()
    }
}

/// A Python `dict`: hashable keys, no two of them equal, each with a value, in ascending
/// order of the packed pairs.
///
/// # Which keys are equal
///
/// Those that are in Python: ints, bools, floats and decimals of one value are (`1`, `True`,
/// `1.0` and `Decimal("1.0")` are one key), tuples of equal items are, NaNs never are. One
/// thing differs: an int of more than 512 bytes does not equal a decimal, since to find out
/// takes a time that grows with the square of their size. Packables (which each have an
/// equality of their own) are equal if name and data are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dict {
    pub(crate) pairs: Vec<(Value, Value)>,
}

impl Dict {
    /// The pairs in packed order.
    pub const fn as_slice(&self) -> &[(Value, Value)] {
        self.pairs.as_slice()
    }
}

impl Value {
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
