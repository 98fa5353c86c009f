//! The order of packed bytes, without packing.

use core::cmp::Ordering;

use crate::code::Width;
use crate::lengths;
use crate::value::Value;

/// Compares the bytes that `a` and `b` pack to.
pub(crate) fn cmp_packed(a: &Value, b: &Value) -> Ordering {
    // The first bytes settle type and widths: what is compared below has equal ones, so
    // numbers compare as their big-endian bytes do. Values too long to be packed come last.
    let first = |value| lengths::first_bytes(value).unwrap_or((u8::MAX, u8::MAX));
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
                .then_with(|| lengths::pair_lens(a).cmp(lengths::pair_lens(b)))
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
pub(crate) fn cmp_packed_pair(a: &(Value, Value), b: &(Value, Value)) -> Ordering {
    let lens = |(key, value): &(Value, Value)| {
        let (key, value) = (lengths::known_len(key), lengths::known_len(value));
        (Width::for_len(key.max(value)).ok(), key, value)
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
        .then_with(|| lengths::item_lens(a).cmp(lengths::item_lens(b)))
        .then_with(|| cmp_all(a, b, cmp_packed))
}

fn cmp_all<T>(a: &[T], b: &[T], cmp: impl Fn(&T, &T) -> Ordering) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| cmp(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::{Decimal, Dict, Int, Packable, Set};

    fn samples() -> Vec<Value> {
        let mut samples: Vec<Value> = vec![
            Value::None,
            true.into(),
            false.into(),
            1.5.into(),
            (-1.5).into(),
            f64::NAN.into(),
            "".into(),
            "b".into(),
            "aa".into(),
            (&*"a".repeat(256)).into(),
            b"".into(),
            b"aa".into(),
            [0; 300].into(),
            Value::ByteArray(vec![1, 2]),
            Decimal::parse("2").unwrap().into(),
            Decimal::parse("10").unwrap().into(),
            Packable {
                name: "A".into(),
                data: [2].into(),
            }
            .into(),
            Packable {
                name: "AA".into(),
                data: [1].into(),
            }
            .into(),
            Packable {
                name: "B".into(),
                data: [1].into(),
            }
            .into(),
        ];
        for exponent in [0, 7, 8, 16, 31, 32, 64, 100] {
            samples.push((1i128 << exponent).into());
            samples.push((-1i128 << exponent).into());
        }
        for len in [255, 256, 257] {
            samples.push(Int::from_be_magnitude(false, &vec![9; len]).into());
            samples.push(Int::from_be_magnitude(true, &vec![9; len]).into());
        }
        for items in samples.clone().chunks(5).chain([&[][..]]) {
            samples.push(Value::List(items.into()));
            samples.push(Value::Tuple(items[..items.len().min(2)].into()));
            samples.push(Value::Tuple(items[..items.len().min(1)].into()));
            let hashable = || items.iter().filter(|item| item.is_hashable()).cloned();
            samples.push(Set::from_values(hashable()).unwrap().into());
            samples.push(
                Dict::from_pairs(hashable().zip(samples.clone()))
                    .unwrap()
                    .into(),
            );
        }
        samples.push(Value::List(vec![Value::None; 256]));
        samples
    }

    #[test]
    fn is_that_of_the_packed_bytes() {
        let samples = samples();
        let packed: Vec<_> = samples
            .iter()
            .map(|value| value.to_vec().unwrap())
            .collect();
        for (a, packed_a) in samples.iter().zip(&packed) {
            for (b, packed_b) in samples.iter().zip(&packed) {
                assert_eq!(cmp_packed(a, b), packed_a.cmp(packed_b), "{a:?} {b:?}");
                let (pair_a, pair_b) = ((a.clone(), b.clone()), (b.clone(), a.clone()));
                let tuple = |(a, b): (Value, Value)| Value::from((a, b)).to_vec().unwrap();
                assert_eq!(
                    cmp_packed_pair(&pair_a, &pair_b),
                    tuple(pair_a.clone()).cmp(&tuple(pair_b.clone())),
                );
            }
        }
    }
}
