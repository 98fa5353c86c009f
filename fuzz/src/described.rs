//! Values, and what may befall their bytes, as a fuzzer describes them.

use arbitrary::Arbitrary;
use netaio_packify::{Decimal, DecodeLimits, Dict, Int, Packable, Set, Value};

/// Any value that packify packs, of any depth.
#[derive(Debug, Arbitrary)]
pub(super) enum AnyValue<'a> {
    None,
    Bytes(&'a [u8]),
    ByteArray(&'a [u8]),
    Str(&'a str),
    Small(i16),
    Int(bool, &'a [u8]),
    Bool(bool),
    Float(f64),
    /// A sign, digits and an exponent.
    Decimal(bool, u64, i8),
    /// A decimal as it is spelled; 0 where that is none.
    Spelled(&'a str),
    Packable(&'a str, &'a [u8]),
    List(Vec<AnyValue<'a>>),
    Set(Vec<AnyValue<'a>>),
    Tuple(Vec<AnyValue<'a>>),
    Dict(Vec<(AnyValue<'a>, AnyValue<'a>)>),
    /// Tuples within one another, a quarter as many, around a value: to look at
    /// deeper ones takes long.
    Nested(u8, &'a [u8]),
}

impl AnyValue<'_> {
    /// The value. What cannot be hashed is left out where it would have to be.
    pub(super) fn build(&self) -> Value {
        match self {
            Self::None => Value::None,
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::ByteArray(bytes) => Value::ByteArray(bytes.to_vec()),
            Self::Str(text) => Value::Str((*text).into()),
            Self::Small(number) => Value::from(*number),
            Self::Int(negative, magnitude) => {
                Value::Int(Int::from_be_magnitude(*negative, magnitude))
            }
            Self::Bool(value) => Value::Bool(*value),
            Self::Float(number) => Value::Float(*number),
            Self::Decimal(negative, digits, exponent) => {
                let sign = if *negative { "-" } else { "" };
                decimal(&format!("{sign}{digits}E{exponent}"))
            }
            Self::Spelled(text) => decimal(text),
            Self::Packable(name, data) => Value::from(Packable {
                name: (*name).into(),
                data: (*data).into(),
            }),
            Self::List(items) => Value::List(items.iter().map(Self::build).collect()),
            Self::Tuple(items) => Value::Tuple(items.iter().map(Self::build).collect()),
            Self::Set(items) => {
                let items = items.iter().map(Self::build).filter(Value::is_hashable);
                Value::Set(Set::from_values(items).expect("hashable items"))
            }
            Self::Dict(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| (key.build(), value.build()));
                let pairs = pairs.filter(|(key, _)| key.is_hashable());
                Value::Dict(Dict::from_pairs(pairs).expect("hashable keys"))
            }
            Self::Nested(levels, bytes) => {
                let value = Value::Bytes(bytes.to_vec());
                (0..levels / 4).fold(value, |value, _| Value::Tuple([value].into()))
            }
        }
    }
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Decimal::parse(text).unwrap_or_default())
}

/// What [`DecodeLimits`] bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) depth: usize,
    pub(super) items: usize,
    pub(super) packables: bool,
}

impl Extent {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::List(items) | Value::Tuple(items) => Self::around(items.len(), items),
            Value::Set(items) => Self::around(items.len(), items),
            Value::Dict(pairs) => {
                let parts = pairs.iter().flat_map(|(key, value)| [key, value]);
                Self::around(pairs.len(), parts)
            }
            Value::Packable(_) => Self {
                packables: true,
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// That of a container with `count` entries, made of these values.
    pub(super) fn around<'v>(count: usize, parts: impl IntoIterator<Item = &'v Value>) -> Self {
        let empty = Self {
            depth: 1,
            items: count,
            packables: false,
        };
        parts
            .into_iter()
            .map(Self::of)
            .fold(empty, |all, part| Self {
                depth: all.depth.max(part.depth + 1),
                items: all.items + part.items,
                packables: all.packables | part.packables,
            })
    }

    pub(super) fn is_within(&self, limits: &DecodeLimits) -> bool {
        self.depth <= limits.depth
            && self.items <= limits.items
            && (limits.packables || !self.packables)
    }
}

/// What befalls bytes that were well-formed. Places are counted from the start,
/// and from there again behind the end.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub(super) enum Damage {
    /// A byte changes by these bits.
    Flip(u16, u8),
    /// A byte becomes another.
    Put(u16, u8),
    /// A byte comes in between.
    Insert(u16, u8),
    /// So many bytes are lost.
    Lose(u16, u8),
    /// So many bytes come twice.
    Repeat(u16, u8),
    /// All from there on is lost.
    Cut(u16),
}

impl Damage {
    pub(super) fn apply(self, bytes: &mut Vec<u8>) {
        let place = |place: u16| usize::from(place) % bytes.len().max(1);
        let range = |start: u16, len: u8| {
            let start = place(start);
            start..bytes.len().min(start + usize::from(len))
        };
        match self {
            _ if bytes.is_empty() => {}
            Self::Flip(at, bits) => {
                let at = place(at);
                bytes[at] ^= bits;
            }
            Self::Put(at, byte) => {
                let at = place(at);
                bytes[at] = byte;
            }
            Self::Insert(at, byte) => bytes.insert(place(at), byte),
            Self::Lose(at, len) => drop(bytes.drain(range(at, len))),
            Self::Repeat(at, len) => bytes.extend_from_within(range(at, len)),
            Self::Cut(at) => bytes.truncate(place(at)),
        }
    }
}
