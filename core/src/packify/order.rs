//! The order of packed bytes, without packing.

use core::cmp::Ordering;

use super::encode;
use super::value::Value;

/// Compares the bytes that `a` and `b` pack to.
pub(super) fn cmp_packed(a: &Value, b: &Value) -> Ordering {
    // The first bytes settle type and widths: what is compared below has equal ones, so
    // numbers compare as their big-endian bytes do. Values too long to be packed come last.
    let first = |value| encode::first_bytes(value).unwrap_or((u8::MAX, u8::MAX));
    first(a).cmp(&first(b)).then_with(|| match (a, b) {
        (Value::Bytes(a), Value::Bytes(b)) | (Value::ByteArray(a), Value::ByteArray(b)) => {
            cmp_prefixed(a, b)
        }
        (Value::Str(a), Value::Str(b)) => cmp_prefixed(a.as_bytes(), b.as_bytes()),
        (Value::Int(a), Value::Int(b)) => cmp_prefixed(a.magnitude(), b.magnitude()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.to_bits().cmp(&b.to_bits()),
        (Value::Decimal(a), Value::Decimal(b)) => {
            cmp_prefixed(a.as_str().as_bytes(), b.as_str().as_bytes())
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => cmp_items(a, b),
        (Value::Set(a), Value::Set(b)) => cmp_items(a.as_slice(), b.as_slice()),
        (Value::Dict(a), Value::Dict(b)) => {
            let (a, b) = (a.as_slice(), b.as_slice());
            a.len()
                .cmp(&b.len())
                .then_with(|| encode::pair_lens(a).cmp(encode::pair_lens(b)))
                .then_with(|| cmp_all(a, b, cmp_packed_pair))
        }
        (Value::Packable(a), Value::Packable(b)) => (a.name.len(), a.data.len())
            .cmp(&(b.name.len(), b.data.len()))
            .then_with(|| a.name.as_bytes().cmp(b.name.as_bytes()))
            .then_with(|| a.data.cmp(&b.data)),
        _ => Ordering::Equal,
    })
}

/// Compares the tuples that two pairs of a dict pack to.
pub(super) fn cmp_packed_pair(a: &(Value, Value), b: &(Value, Value)) -> Ordering {
    let lens = |(key, value): &(Value, Value)| {
        let (key, value) = (encode::known_len(key), encode::known_len(value));
        (encode::width_for(key.max(value)), key, value)
    };
    lens(a)
        .cmp(&lens(b))
        .then_with(|| cmp_packed(&a.0, &b.0))
        .then_with(|| cmp_packed(&a.1, &b.1))
}

fn cmp_prefixed(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn cmp_items(a: &[Value], b: &[Value]) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| encode::item_lens(a).cmp(encode::item_lens(b)))
        .then_with(|| cmp_all(a, b, cmp_packed))
}

fn cmp_all<T>(a: &[T], b: &[T], cmp: impl Fn(&T, &T) -> Ordering) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| cmp(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
