//! How long the packed bytes of a value are, and how they begin, without packing.

use crate::code::{self, Width};
use crate::encode::{code_of_int, int_len, measure, prefixed_len, tuple2_header_len};
use crate::error::EncodeError;
use crate::value::Value;

/// [`len_of`], and usize::MAX for what cannot be packed: no width fits that.
pub(crate) fn known_len(value: &Value) -> usize {
    len_of(value).unwrap_or(usize::MAX)
}

/// As [`known_len`], of the tuple that a dict packs a pair as.
fn pair_len(key: &Value, value: &Value) -> usize {
    let (key, value) = (known_len(key), known_len(value));
    let header = tuple2_header_len(key, value).unwrap_or(usize::MAX);
    header.saturating_add(key).saturating_add(value)
}

/// The lengths that the items of a container pack to.
pub(crate) fn item_lens(items: &[Value]) -> impl ExactSizeIterator<Item = usize> + Clone {
    items.iter().map(known_len)
}

/// As [`item_lens`], of the tuples that a dict packs its pairs as.
pub(crate) fn pair_lens(pairs: &[(Value, Value)]) -> impl ExactSizeIterator<Item = usize> + Clone {
    pairs.iter().map(|(key, value)| pair_len(key, value))
}

/// The code that `value` packs to, and for a container the item-width byte.
pub(crate) fn first_bytes(value: &Value) -> Result<(u8, u8), EncodeError> {
    let prefixed = |kind, len| Ok((Width::for_len(len)?.bits() | kind, 0));
    let container =
        |kind, (count, item, _): (Width, Width, usize)| Ok((count.bits() | kind, item.bits()));
    match value {
        Value::None => Ok((code::NONE, 0)),
        Value::Bytes(bytes) => prefixed(code::BYTES, bytes.len()),
        Value::ByteArray(bytes) => prefixed(code::BYTEARRAY, bytes.len()),
        Value::Str(text) => prefixed(code::STR, text.len()),
        Value::Int(int) => Ok((code_of_int(int), 0)),
        Value::Bool(_) => Ok((code::BOOL, 0)),
        Value::Float(_) => Ok((code::FLOAT, 0)),
        Value::Decimal(decimal) => prefixed(code::DECIMAL, decimal.as_str().len()),
        Value::List(items) => container(code::LIST, measure(item_lens(items))?),
        Value::Set(set) => container(code::SET, measure(item_lens(set.as_slice()))?),
        Value::Tuple(items) => container(code::TUPLE, measure(item_lens(items))?),
        Value::Dict(dict) => container(code::DICT, measure(pair_lens(dict.as_slice()))?),
        Value::Packable(packable) => {
            prefixed(code::PACKABLE, packable.name.len().max(packable.data.len()))
        }
    }
}

/// How many bytes `value` packs to.
pub(crate) fn len_of(value: &Value) -> Result<usize, EncodeError> {
    match value {
        Value::None => Ok(1),
        Value::Bytes(bytes) | Value::ByteArray(bytes) => prefixed_len(bytes.len()),
        Value::Str(text) => prefixed_len(text.len()),
        Value::Int(int) => int_len(int),
        Value::Bool(_) => Ok(2),
        Value::Float(_) => Ok(9),
        Value::Decimal(decimal) => prefixed_len(decimal.as_str().len()),
        Value::List(items) | Value::Tuple(items) => Ok(measure(item_lens(items))?.2),
        Value::Set(set) => Ok(measure(item_lens(set.as_slice()))?.2),
        Value::Dict(dict) => Ok(measure(pair_lens(dict.as_slice()))?.2),
        Value::Packable(packable) => {
            let (name, data) = (packable.name.len(), packable.data.len());
            let width = Width::for_len(name.max(data))?.bytes();
            Ok(name
                .saturating_add(data)
                .saturating_add(width.saturating_mul(2))
                .saturating_add(1))
        }
    }
}
