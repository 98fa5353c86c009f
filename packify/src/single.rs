//! Dicts of one field, written without a table of lengths: what most auth sections are that are
//! not empty.

use alloc::vec::Vec;

use crate::code::{self, Width};
use crate::encode::{prefixed_len, put_dict_header, put_str, put_tuple2_header, tuple2_header_len};
use crate::error::EncodeError;

/// The codes of the dict, and of the tuple and the key in it, each with lengths of one byte.
const DICT: u8 = Width::One.bits() | code::DICT;
const TUPLE: u8 = Width::One.bits() | code::TUPLE;
const STR: u8 = Width::One.bits() | code::STR;
const ONE: u8 = Width::One.bits();

/// Appends a packed dict of one field up to its packed value, which the caller appends: so
/// many bytes.
///
/// # Errors
///
/// [`EncodeError::TooLong`] if a length is past 4,294,967,295; `out` is then as before.
#[inline]
pub fn put_single_field(
    out: &mut Vec<u8>,
    name: &str,
    value_len: usize,
) -> Result<(), EncodeError> {
    let text = u8::try_from(name.len()).ok();
    let key_len = text.and_then(|len| len.checked_add(2));
    let value = u8::try_from(value_len).ok();
    let pair = key_len
        .zip(value)
        .and_then(|(key, value)| key.checked_add(value));
    let item = pair.and_then(|len| len.checked_add(5));
    if let (Some(text), Some(key), Some(value), Some(item)) = (text, key_len, value, item) {
        out.extend_from_slice(&[DICT, ONE, 1, item, TUPLE, ONE, 2, key, value, STR, text]);
        out.extend_from_slice(name.as_bytes());
        return Ok(());
    }
    let start = out.len();
    let result = put_long(out, name, value_len);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn put_long(out: &mut Vec<u8>, name: &str, value_len: usize) -> Result<(), EncodeError> {
    let key_len = prefixed_len(name.len())?;
    let item = tuple2_header_len(key_len, value_len)?;
    let item = item.saturating_add(key_len).saturating_add(value_len);
    put_dict_header(out, core::iter::once(item))?;
    put_tuple2_header(out, key_len, value_len)?;
    put_str(out, name)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{Dict, Value};

    fn packed(name: &str, value: &Value) -> Vec<u8> {
        let pair = (Value::Str(name.into()), value.clone());
        Value::from(Dict::from_pairs([pair]).unwrap())
            .to_vec()
            .unwrap()
    }

    #[test]
    fn it_is_written_as_any_dict_is() {
        for name in [0, 1, 3, 100, 200, 253, 254, 255, 256, 70_000] {
            let name = "n".repeat(name);
            for len in [0, 1, 10, 40, 236, 237, 238, 239, 240, 255, 256, 70_000] {
                let value = Value::from(vec![7; len]);
                let bytes = value.to_vec().unwrap();
                let mut out = b"before".to_vec();
                put_single_field(&mut out, &name, bytes.len()).unwrap();
                out.extend_from_slice(&bytes);
                assert_eq!(out, [b"before", &packed(&name, &value)[..]].concat());
            }
        }
    }
}
