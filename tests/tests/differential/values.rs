//! Random packify values, and ways to pack them that packify reads and would not write.

use netaio_core::packify::{Decimal, Dict, Int, Set, Value};

use crate::generate::Dice;

/// Numbers that are equal in Python in several types: they meet as keys and items.
const SMALL: [i64; 5] = [0, 1, 2, -1, 256];
const DECIMALS: [&str; 20] = [
    "0", "-0", "1", "1.0", "1.50", "-1", "2E+2", "256", "0.10", "1e3", "NaN", "sNaN", "-NaN12",
    "inf", " 2 ", "1_0", "+7", ".5", "5.", "1E-400",
];
const TEXTS: [&str; 8] = [
    "",
    "a",
    "hmac",
    "nonce",
    "ts",
    "iv",
    "grüße ☂",
    "a longer text than the others",
];

/// Any value; containers at most `depth` deep.
pub(crate) fn value(dice: &mut Dice, depth: usize) -> Value {
    if depth == 0 || dice.chance(60) {
        return scalar(dice, false);
    }
    let count = dice.below(5);
    match dice.below(4) {
        0 => Value::List((0..count).map(|_| value(dice, depth - 1)).collect()),
        1 => Value::Tuple((0..count).map(|_| value(dice, depth - 1)).collect()),
        2 => {
            let items: Vec<_> = (0..count).map(|_| key(dice, depth - 1)).collect();
            Value::Set(Set::from_values(items).unwrap_or_default())
        }
        _ => Value::Dict(fields(dice, count, depth - 1)),
    }
}

/// A dict with up to `count` pairs.
pub(crate) fn fields(dice: &mut Dice, count: usize, depth: usize) -> Dict {
    let pairs: Vec<_> = (0..count)
        .map(|_| {
            let name = match dice.chance(70) {
                true => Value::Str((*dice.pick(&TEXTS)).to_owned()),
                false => key(dice, depth),
            };
            (name, value(dice, depth))
        })
        .collect();
    Dict::from_pairs(pairs).unwrap_or_default()
}

/// A value that Python can hash.
fn key(dice: &mut Dice, depth: usize) -> Value {
    if depth > 0 && dice.chance(20) {
        let count = dice.below(3);
        return Value::Tuple((0..count).map(|_| key(dice, depth - 1)).collect());
    }
    scalar(dice, true)
}

/// A value that is no container.
pub(crate) fn scalar(dice: &mut Dice, hashable: bool) -> Value {
    loop {
        let value = match dice.below(12) {
            0 => Value::None,
            1 => Value::Bool(dice.chance(50)),
            2 | 3 => Value::from(*dice.pick(&SMALL)),
            4 => integer(dice),
            5 => Value::Float(*dice.pick(&SMALL) as f64),
            6 => Value::Float(f64::from_bits(dice.bits())),
            7 => decimal(dice),
            8 => Value::Str((*dice.pick(&TEXTS)).to_owned()),
            9 => {
                let len = dice.below(40);
                Value::ByteArray(dice.bytes(len))
            }
            _ => {
                let len = *dice.pick(&[0, 1, 4, 16, 32, 255, 256, 300]);
                Value::Bytes(dice.bytes(len))
            }
        };
        if !hashable || value.is_hashable() {
            return value;
        }
    }
}

fn integer(dice: &mut Dice) -> Value {
    let len = *dice.pick(&[1, 2, 3, 4, 5, 8, 9, 255, 256, 300]);
    Value::Int(Int::from_be_magnitude(dice.chance(50), &dice.bytes(len)))
}

fn decimal(dice: &mut Dice) -> Value {
    let text = match dice.chance(60) {
        true => (*dice.pick(&DECIMALS)).to_owned(),
        false => {
            let exponent = dice.below(2_000) as i64 - 1_000;
            format!("{}.{}e{exponent}", dice.below(300), dice.below(300))
        }
    };
    Value::Decimal(Decimal::parse(&text).unwrap_or_default())
}

/// Packs a value in widths that need not be the smallest, items in an order that need not be
/// packify's, and now and then with bytes behind an item that nobody reads.
pub(crate) fn pack_loosely(dice: &mut Dice, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => prefixed(dice, 1, bytes, out),
        Value::ByteArray(bytes) => prefixed(dice, 2, bytes, out),
        Value::Str(text) => prefixed(dice, 3, text.as_bytes(), out),
        Value::Decimal(decimal) => prefixed(dice, 8, decimal.as_str().as_bytes(), out),
        Value::Int(int) => {
            let magnitude = int.magnitude();
            let size = magnitude.len() + dice.below(3);
            let kind = 4 + u8::from(int.is_negative());
            match size {
                1 | 2 | 4 if dice.chance(50) => out.push(kind | WIDTHS[size / 2]),
                0..=255 if dice.chance(80) => out.extend([kind, size as u8]),
                _ => {
                    out.push(kind + 10);
                    out.extend((size as u32).to_be_bytes());
                }
            }
            out.resize(out.len() + size - magnitude.len(), 0);
            out.extend_from_slice(magnitude);
        }
        Value::List(items) => container(dice, 10, items.iter(), out),
        Value::Set(set) => container(dice, 11, set.iter(), out),
        Value::Tuple(items) => container(dice, 12, items.iter(), out),
        Value::Dict(dict) => {
            let pairs: Vec<Value> = dict
                .iter()
                .map(|(key, value)| Value::Tuple(vec![key.clone(), value.clone()]))
                .collect();
            container(dice, 13, pairs.iter(), out);
        }
        other => out.extend(other.to_vec().unwrap_or_default()),
    }
}

/// The width bits for 1, 2 and 4 bytes, by half of that.
const WIDTHS: [u8; 3] = [0x40, 0x80, 0xc0];

/// One that holds `len`, not always the smallest: its bits and its bytes.
fn width(dice: &mut Dice, len: usize) -> (u8, usize) {
    let least = match len {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        _ => 2,
    };
    let chosen = match dice.chance(70) {
        true => least,
        false => least + dice.below(3 - least),
    };
    (WIDTHS[chosen], 1 << chosen)
}

fn number(len: usize, bytes: usize, out: &mut Vec<u8>) {
    let all = (len as u32).to_be_bytes();
    out.extend_from_slice(&all[4 - bytes..]);
}

fn prefixed(dice: &mut Dice, kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let (bits, bytes) = width(dice, payload.len());
    out.push(bits | kind);
    number(payload.len(), bytes, out);
    out.extend_from_slice(payload);
}

fn container<'a>(
    dice: &mut Dice,
    kind: u8,
    items: impl Iterator<Item = &'a Value>,
    out: &mut Vec<u8>,
) {
    let mut packed: Vec<Vec<u8>> = items
        .map(|item| {
            let mut bytes = Vec::new();
            pack_loosely(dice, item, &mut bytes);
            if dice.chance(3) {
                let len = dice.below(3);
                bytes.extend(dice.bytes(len));
            }
            bytes
        })
        .collect();
    let is_unordered = kind == 11 || kind == 13;
    if is_unordered && packed.len() > 1 {
        if dice.chance(20) {
            let (a, b) = (dice.below(packed.len()), dice.below(packed.len()));
            packed.swap(a, b);
        }
        if dice.chance(5) {
            let again = dice.pick(&packed).clone();
            packed.push(again);
        }
    }
    let longest = packed.iter().map(Vec::len).max().unwrap_or_default();
    let (count_bits, count_bytes) = width(dice, packed.len());
    let (item_bits, item_bytes) = width(dice, longest);
    out.extend([count_bits | kind, item_bits]);
    number(packed.len(), count_bytes, out);
    packed
        .iter()
        .for_each(|item| number(item.len(), item_bytes, out));
    packed.iter().for_each(|item| out.extend_from_slice(item));
}
