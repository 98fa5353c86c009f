//! Packs values.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::code::{self, Width};
use crate::encode::{
    put_bool, put_bytearray, put_bytes, put_float, put_header, put_int, put_none, put_prefixed,
    put_str, put_tuple2_header,
};
use crate::error::EncodeError;
use crate::lengths::{item_lens, len_of, pair_lens};
use crate::value::Value;

impl Value {
    /// Appends the packed value to `out`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if some part is longer than packify can say; `out` is as
    /// before.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.reserve(self.packed_len()?);
        put_value(out, self).inspect_err(|_| out.truncate(start))
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
        len_of(self)
    }
}

/// Appends `value`. On error part of it may have been appended.
fn put_value(out: &mut Vec<u8>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::None => put_none(out),
        Value::Bytes(bytes) => put_bytes(out, bytes)?,
        Value::ByteArray(bytes) => put_bytearray(out, bytes)?,
        Value::Str(text) => put_str(out, text)?,
        Value::Int(int) => put_int(out, int)?,
        Value::Bool(value) => put_bool(out, *value),
        Value::Float(value) => put_float(out, *value),
        Value::Decimal(decimal) => {
            put_prefixed(out, code::DECIMAL, decimal.as_str().as_bytes())?;
        }
        Value::List(items) => put_items(out, code::LIST, items)?,
        Value::Set(set) => put_items(out, code::SET, set.as_slice())?,
        Value::Tuple(items) => put_items(out, code::TUPLE, items)?,
        Value::Dict(dict) => {
            put_header(out, code::DICT, pair_lens(dict.as_slice()))?;
            for (key, value) in dict.as_slice() {
                put_tuple2_header(out, len_of(key)?, len_of(value)?)?;
                put_value(out, key)?;
                put_value(out, value)?;
            }
        }
        Value::Packable(packable) => {
            let (name, data) = (packable.name.as_bytes(), &packable.data);
            let width = Width::for_len(name.len().max(data.len()))?;
            out.push(width.bits() | code::PACKABLE);
            width.put(name.len(), out);
            width.put(data.len(), out);
            out.extend_from_slice(name);
            out.extend_from_slice(data);
        }
    }
    Ok(())
}

fn put_items(out: &mut Vec<u8>, kind: u8, items: &[Value]) -> Result<(), EncodeError> {
    put_header(out, kind, item_lens(items))?;
    items.iter().try_for_each(|item| put_value(out, item))
}
