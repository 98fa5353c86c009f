//! Python's equality of hashable values, for the keys of dicts and the items of sets.
//!
//! Each value has a *key*: bytes that two values share if and only if they are equal. Keys
//! are computed once per value and sorted, so that no input makes the comparison quadratic.

use alloc::vec;
use alloc::vec::Vec;

use crate::decimal::{Kind, Parts};
use crate::natural::Natural;
use crate::value::Value;

/// Ints of more bytes than this are not compared with decimals; see [`Dict`](crate::Dict).
const MAX_INT: usize = 512;
/// Digits that any int of `MAX_INT` bytes fits, and any float: these have up to 767.
const MAX_DIGITS: usize = 1234;

/// The room that most keys take besides their text or bytes.
const NUMBER_KEY: usize = 20;

const TAG_NONE: u8 = 0;
const TAG_BYTES: u8 = 1;
const TAG_STR: u8 = 2;
const TAG_TUPLE: u8 = 3;
const TAG_PACKABLE: u8 = 4;
const TAG_NAN: u8 = 5;
/// A number; its sign is added.
const TAG_NUMBER: u8 = 6;
const TAG_LONG_INT: u8 = 8;
const TAG_LONG_DECIMAL: u8 = 10;
const TAG_INFINITY: u8 = 12;

/// Whether Python calls `a` and `b` equal, two hashable values. NaNs are not.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(_) | Value::Bytes(_), _) | (_, Value::Str(_) | Value::Bytes(_)) => false,
        _ => {
            let mut keys = Keys::default();
            keys.push(a);
            let middle = keys.bytes.len();
            keys.push(b);
            let (a, b) = keys.bytes.split_at(middle);
            a == b
        }
    }
}

/// Drops all but the first of equal entries. Before, `merge` is given the first and the last
/// of them.
pub(crate) fn merge_equal<T>(
    entries: &mut Vec<T>,
    value: impl Fn(&T) -> &Value,
    merge: impl Fn(&mut T, &mut T),
) {
    if few_different_texts(entries, &value) {
        return;
    }
    let room = entries
        .iter()
        .map(|entry| bound(value(entry)))
        .fold(0, usize::saturating_add);
    let mut keys = Keys {
        bytes: Vec::with_capacity(room),
        nans: 0,
    };
    let ends: Vec<usize> = entries
        .iter()
        .map(|entry| {
            keys.push(value(entry));
            keys.bytes.len()
        })
        .collect();
    let key = |index: usize| {
        let start = index
            .checked_sub(1)
            .and_then(|before| ends.get(before))
            .copied();
        let end = ends.get(index).copied().unwrap_or_default();
        keys.bytes
            .get(start.unwrap_or_default()..end)
            .unwrap_or_default()
    };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
    let mut dropped = vec![false; entries.len()];
    for equals in order.chunk_by(|a, b| key(*a) == key(*b)) {
        let [first, later @ ..] = equals else {
            continue;
        };
        let Some(last) = later.last() else { continue };
        if let Ok([first, last]) = entries.get_disjoint_mut([*first, *last]) {
            merge(first, last);
        }
        for index in later {
            if let Some(dropped) = dropped.get_mut(*index) {
                *dropped = true;
            }
        }
    }
    let mut dropped = dropped.into_iter();
    entries.retain(|_| dropped.next() != Some(true));
}

/// The usual case, which needs no memory: a handful of field names.
fn few_different_texts<T>(entries: &[T], value: impl Fn(&T) -> &Value) -> bool {
    let mut rest = entries;
    entries.len() <= 16
        && entries
            .iter()
            .all(|entry| matches!(value(entry), Value::Str(_)))
        && entries.iter().all(|entry| {
            rest = rest.get(1..).unwrap_or_default();
            rest.iter()
                .all(|other| value(other).as_str() != value(entry).as_str())
        })
}

/// The most bytes that [`Keys::push`] appends.
fn bound(value: &Value) -> usize {
    let payload = match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Str(text) => text.len(),
        Value::Int(int) => int.magnitude().len(),
        Value::Float(_) => size_of::<f64>(),
        Value::Decimal(decimal) => decimal.as_str().len(),
        Value::Tuple(items) => items.iter().map(bound).fold(0, usize::saturating_add),
        Value::Packable(packable) => {
            let payload = packable.name.len().saturating_add(packable.data.len());
            return payload.saturating_add(18);
        }
        Value::None => return 1,
        _ => 1,
    };
    payload.saturating_add(NUMBER_KEY)
}

/// Keys, one behind the other. Each says itself where it ends.
#[derive(Default)]
struct Keys {
    bytes: Vec<u8>,
    nans: u64,
}

impl Keys {
    fn push(&mut self, value: &Value) {
        match value {
            Value::None => self.bytes.push(TAG_NONE),
            Value::Bytes(bytes) => self.push_bytes(TAG_BYTES, bytes),
            Value::Str(text) => self.push_bytes(TAG_STR, text.as_bytes()),
            Value::Tuple(items) => {
                self.push_bytes(TAG_TUPLE, &[]);
                self.bytes
                    .extend_from_slice(&(items.len() as u64).to_be_bytes());
                items.iter().for_each(|item| self.push(item));
            }
            Value::Packable(packable) => {
                self.push_bytes(TAG_PACKABLE, packable.name.as_bytes());
                self.push_bytes(TAG_PACKABLE, &packable.data);
            }
            Value::Bool(value) => self.push_number(false, Natural::from(u64::from(*value)), 0, 0),
            Value::Int(int) if int.magnitude().len() > MAX_INT => {
                self.push_bytes(signed(TAG_LONG_INT, int.is_negative()), int.magnitude());
            }
            Value::Int(int) => {
                self.push_number(
                    int.is_negative(),
                    Natural::from_be_bytes(int.magnitude()),
                    0,
                    0,
                );
            }
            Value::Float(value) => self.push_float(*value),
            Value::Decimal(decimal) => {
                if let Some(parts) = Parts::of(decimal.as_str()) {
                    self.push_decimal(&parts);
                }
            }
            // Not hashable: never asked for.
            Value::ByteArray(_) | Value::List(_) | Value::Set(_) | Value::Dict(_) => {}
        }
    }

    fn push_bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.bytes
            .extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Each NaN has a key of its own.
    fn push_nan(&mut self) {
        self.bytes.push(TAG_NAN);
        self.bytes.extend_from_slice(&self.nans.to_be_bytes());
        self.nans = self.nans.wrapping_add(1);
    }

    fn push_float(&mut self, value: f64) {
        if value.is_nan() {
            return self.push_nan();
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return self.bytes.push(signed(TAG_INFINITY, negative));
        }
        let fraction = value.to_bits() & 0xf_ffff_ffff_ffff;
        let (mantissa, twos) = match (value.to_bits() >> 52) as i64 & 0x7ff {
            0 => (fraction, -1074),
            exponent => (fraction | 1 << 52, exponent.saturating_sub(1075)),
        };
        self.push_number(negative, Natural::from(mantissa), twos, 0);
    }

    fn push_decimal(&mut self, parts: &Parts<'_>) {
        let (count, exponent) = match parts.kind {
            Kind::Finite { count, exponent } => (count, exponent),
            Kind::Infinity => return self.bytes.push(signed(TAG_INFINITY, parts.negative)),
            Kind::Nan { .. } => return self.push_nan(),
        };
        let kept = (1..)
            .zip(parts.significant())
            .filter(|(_, digit)| *digit != b'0')
            .last();
        let kept = kept.map_or(0, |(kept, _)| kept);
        let exponent = exponent.saturating_add_unsigned(count.saturating_sub(kept) as u64);
        let digits = parts.significant().take(kept);
        if kept <= MAX_DIGITS {
            return self.push_number(
                parts.negative,
                Natural::from_digits(digits),
                exponent,
                exponent,
            );
        }
        self.bytes.push(signed(TAG_LONG_DECIMAL, parts.negative));
        self.bytes.extend_from_slice(&exponent.to_be_bytes());
        self.bytes.extend_from_slice(&(kept as u64).to_be_bytes());
        self.bytes.extend(digits);
    }

    /// Of all ways to write a number as n * 2^twos * 5^fives, the key has that with the
    /// smallest n. So int, float and decimal meet without a power being multiplied out,
    /// however large the exponent.
    fn push_number(&mut self, negative: bool, mut n: Natural, twos: i64, fives: i64) {
        if n.is_zero() {
            return self.push_parts(false, &n, 0, 0);
        }
        let twos = twos.saturating_add_unsigned(n.strip_twos());
        let fives = fives.saturating_add_unsigned(n.strip_fives());
        self.push_parts(negative, &n, twos, fives);
    }

    fn push_parts(&mut self, negative: bool, n: &Natural, twos: i64, fives: i64) {
        self.bytes.push(signed(TAG_NUMBER, negative));
        self.bytes.extend_from_slice(&twos.to_be_bytes());
        self.bytes.extend_from_slice(&fives.to_be_bytes());
        let bytes = n.limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
        let bytes = bytes.skip_while(|byte| *byte == 0);
        // At most MAX_INT, or what MAX_DIGITS digits need.
        self.bytes
            .extend_from_slice(&(bytes.clone().count() as u16).to_be_bytes());
        self.bytes.extend(bytes);
    }
}

fn signed(tag: u8, negative: bool) -> u8 {
    tag | u8::from(negative)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::{Decimal, Int, Packable};

    fn decimal(text: &str) -> Value {
        Decimal::parse(text).unwrap().into()
    }

    fn pow(base: u32, exponent: usize) -> Int {
        let mut n = Natural::from(1);
        for _ in 0..exponent {
            n.mul_add(base, 0);
        }
        let bytes: Vec<u8> = n
            .limbs
            .iter()
            .rev()
            .flat_map(|limb| limb.to_be_bytes())
            .collect();
        Int::from_be_magnitude(false, &bytes)
    }

    /// Values of one line are equal, values of different lines are not.
    fn lines() -> Vec<Vec<Value>> {
        vec![
            vec![Value::None],
            vec![b"1".into()],
            vec!["1".into()],
            vec![
                0.into(),
                false.into(),
                0.0.into(),
                (-0.0).into(),
                decimal("-0.00"),
                decimal("0E9"),
            ],
            vec![
                1.into(),
                true.into(),
                1.0.into(),
                decimal("1"),
                decimal("1.000"),
            ],
            vec![(-1).into(), (-1.0).into(), decimal("-1")],
            vec![10.into(), 10.0.into(), decimal("1e1")],
            vec![0.5.into(), decimal("0.5"), decimal("5000E-4")],
            vec![decimal("0.1"), decimal("1e-1")],
            vec![
                0.1.into(),
                decimal("0.1000000000000000055511151231257827021181583404541015625"),
            ],
            vec![f64::INFINITY.into(), decimal("inf")],
            vec![f64::NEG_INFINITY.into(), decimal("-inf")],
            vec![1e22.into(), pow(10, 22).into(), decimal("1e22")],
            // The nearest float to 1e23 is below it.
            vec![1e23.into(), 99_999_999_999_999_991_611_392u128.into()],
            vec![pow(10, 23).into(), decimal("1e23")],
            vec![pow(2, 1000).into(), 2f64.powi(1000).into()],
            vec![5e-324.into(), decimal(&format!("{}E-1074", pow(5, 1074)))],
            vec![pow(10, 1233).into(), decimal("1e1233")],
            vec![decimal("1e1234"), decimal("10e1233")],
            vec![pow(10, 1234).into()],
            vec![pow(5, 1700).into()],
            vec![decimal("1E+999999999999999999")],
            vec![
                decimal(&"7".repeat(2000)),
                decimal(&format!("{}.0", "7".repeat(2000))),
            ],
            vec![decimal(&"7".repeat(1999))],
            vec![
                ("a", 1).into(),
                ("a", 1.0).into(),
                ("a", decimal("1.0")).into(),
            ],
            vec![("a", 2).into()],
            vec![Value::Tuple(vec![])],
            vec![
                Packable {
                    name: "A".into(),
                    data: [1].into(),
                }
                .into(),
            ],
            vec![
                Packable {
                    name: "A".into(),
                    data: [2; 100].into(),
                }
                .into(),
            ],
        ]
    }

    #[test]
    fn is_that_of_python() {
        let lines = lines();
        for (line, values) in lines.iter().enumerate() {
            for (other, others) in lines.iter().enumerate() {
                for a in values {
                    for b in others {
                        assert_eq!(equal(a, b), line == other, "{a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn nans_are_never_equal() {
        let nans = [f64::NAN.into(), decimal("nan"), (1, f64::NAN).into()];
        for nan in &nans {
            assert!(!equal(nan, nan));
        }
        let mut entries: Vec<Value> = nans.iter().chain(&nans).cloned().collect();
        merge_equal(&mut entries, |entry| entry, |_, _| {});
        assert_eq!(entries.len(), 6);
    }

    #[test]
    fn merging_keeps_the_first_of_each() {
        let lines = lines();
        let mut entries: Vec<Value> = lines.concat();
        entries.extend(lines.concat());
        merge_equal(&mut entries, |entry| entry, |_, _| {});
        let firsts: Vec<Value> = lines.iter().map(|line| line[0].clone()).collect();
        assert_eq!(entries, firsts);
    }

    #[test]
    fn room_for_keys_suffices() {
        for value in lines().concat() {
            let mut keys = Keys::default();
            keys.push(&value);
            assert!(keys.bytes.len() <= bound(&value), "{value:?}");
        }
    }
}
