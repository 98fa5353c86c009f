//! Unpacks: copies packed bytes into values of their own.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::decimal::Decimal;
use crate::decode::DecodeLimits;
use crate::error::DecodeError;
use crate::value::{Dict, Packable, Set, Value};
use crate::view::{Items, ValueRef};

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
}

impl ValueRef<'_> {
    /// Copies it into a value of its own. Sets and dicts lose their duplicates as in Python:
    /// of equal keys the first stays, with the last one's value.
    pub fn to_value(&self) -> Value {
        match *self {
            ValueRef::None => Value::None,
            ValueRef::Bytes(bytes) => Value::Bytes(bytes.into()),
            ValueRef::ByteArray(bytes) => Value::ByteArray(bytes.into()),
            ValueRef::Str(text) => Value::Str(text.into()),
            ValueRef::Int(int) => Value::Int(int.to_int()),
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::Float(value) => Value::Float(value),
            // Validated: the default stands for nothing.
            ValueRef::Decimal(text) => Value::Decimal(Decimal::parse(text).unwrap_or_default()),
            ValueRef::List(items) => Value::List(gather(items)),
            ValueRef::Tuple(items) => Value::Tuple(gather(items)),
            ValueRef::Set(items) => Value::Set(Set::of_hashable(gather(items))),
            ValueRef::Dict(pairs) => {
                let mut owned = Vec::with_capacity(pairs.len());
                owned.extend(pairs.map(|(key, value)| (key.to_value(), value.to_value())));
                Value::Dict(Dict::of_hashable(owned))
            }
            ValueRef::Packable { name, data } => Value::Packable(Box::new(Packable {
                name: name.into(),
                data: data.into(),
            })),
        }
    }
}

/// With the room needed and no more: `collect` would make some for four.
fn gather(items: Items<'_>) -> Vec<Value> {
    let mut owned = Vec::with_capacity(items.len());
    owned.extend(items.map(|item| item.to_value()));
    owned
}
