//! Dicts of one field, read and written without a table of lengths: what most auth sections
//! are that are not empty.

use alloc::vec::Vec;

use crate::code::{self, Width};
use crate::encode::{prefixed_len, put_dict_header, put_str, put_tuple2_header, tuple2_header_len};
use crate::error::EncodeError;
use crate::head::{self, Head};
use crate::view::ValueRef;

/// The only pair of a packed dict, in the shortest form: a `str` and a `bytes` or an `int`, of
/// at most 255 bytes with all that is before them; the `str` in ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SingleField<'a> {
    /// The packed key.
    pub key: &'a [u8],
    /// The packed value.
    pub value: &'a [u8],
}

/// The codes of the dict, and of the tuple and the key in it, each with lengths of one byte.
const DICT: u8 = Width::One.bits() | code::DICT;
const TUPLE: u8 = Width::One.bits() | code::TUPLE;
const STR: u8 = Width::One.bits() | code::STR;
const ONE: u8 = Width::One.bits();

impl<'a> SingleField<'a> {
    /// The field of a packed dict, checked as [`ValueRef::parse`] checks it, where its form is
    /// that and nothing is behind it; `None` says nothing of other bytes.
    #[inline]
    pub fn parse(packed: &'a [u8]) -> Option<Self> {
        let (start, pair) = packed.split_first_chunk::<9>()?;
        let &[DICT, ONE, 1, item_len, TUPLE, ONE, 2, key_len, value_len] = start else {
            return None;
        };
        let (key_len, value_len) = (usize::from(key_len), usize::from(value_len));
        let pair_len = key_len.checked_add(value_len)?;
        if pair.len() != pair_len || usize::from(item_len) != pair_len.checked_add(5)? {
            return None;
        }
        let (key, value) = pair.split_at_checked(key_len)?;
        let (&[STR, text_len], text) = key.split_first_chunk::<2>()? else {
            return None;
        };
        if text.len() != usize::from(text_len) || !text.is_ascii() {
            return None;
        }
        match head::head(value, value.len()) {
            Ok((Head::Int(_) | Head::Bytes(_), [])) => Some(Self { key, value }),
            _ => None,
        }
    }

    /// The key, as UTF-8.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.key.get(2..).unwrap_or_default()
    }

    /// The value.
    pub fn value_ref(&self) -> ValueRef<'a> {
        ValueRef::validated(self.value)
    }
}

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
    use alloc::string::String;
    use alloc::vec;

    use super::*;
    use crate::{DecodeLimits, Dict, Value};

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

    #[test]
    fn it_is_read_as_any_dict_is() {
        let values = [0u64, 1, 255, 256, 1 << 20, 1 << 40, u64::MAX].map(Value::from);
        let bytes = [0, 1, 200].map(|len| Value::from(vec![7u8; len]));
        for value in values.iter().chain(&bytes) {
            for name in ["", "rid", "a-name"] {
                let packed = packed(name, value);
                let field = SingleField::parse(&packed).unwrap();
                assert_eq!(field.name(), name.as_bytes());
                assert_eq!(field.value_ref().to_value(), *value);
                assert_eq!(field.key, Value::Str(name.into()).to_vec().unwrap());
                assert_eq!(field.value, value.to_vec().unwrap());
            }
        }
    }

    #[test]
    fn what_it_accepts_is_valid_and_the_same() {
        let whole = packed("rid", &Value::from(u64::MAX));
        for at in 0..whole.len() {
            for byte in 0..=255u8 {
                let mut changed = whole.clone();
                changed[at] = byte;
                let Some(field) = SingleField::parse(&changed) else {
                    continue;
                };
                let (value, len) = ValueRef::parse(&changed, &DecodeLimits::DEFAULT).unwrap();
                let mut pairs = value.as_dict().unwrap().packed();
                let pair = pairs.next().unwrap();
                assert_eq!((len, pairs.next()), (changed.len(), None));
                assert_eq!((pair.key, pair.value), (field.key, field.value));
            }
        }
    }

    #[test]
    fn other_forms_are_left_to_others() {
        let two = Dict::from_pairs([("a".into(), 1.into()), ("b".into(), 2.into())]);
        let two = Value::from(two.unwrap()).to_vec().unwrap();
        let long = packed("rid", &Value::from(vec![7; 300]));
        let text = packed("rid", &Value::Str(String::from("text")));
        let mut behind = packed("rid", &Value::from(1));
        behind.push(0);
        for other in [two, long, text, behind, vec![], vec![0x4d, 0x40, 0]] {
            assert_eq!(SingleField::parse(&other), None, "{other:?}");
        }
    }
}
