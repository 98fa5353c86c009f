//! Any value by serde: the same as without, for what packify packs and for what it refuses.
#![cfg(feature = "serde")]
#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use netaio_packify::{DecodeLimits, Value, from_slice, to_vec};

#[test]
fn packifys_own_values_pass_by_serde() {
    let mut accepted = 0;
    for line in include_str!("vectors/vectors.jsonl").lines() {
        let hex = line.split('"').nth(3).expect("packed bytes");
        let digit = |at| hex.get(at..at + 2).map(|hex| u8::from_str_radix(hex, 16));
        let packed: Result<Vec<u8>, _> = (0..hex.len()).step_by(2).map_while(digit).collect();
        let packed = packed.expect("hexadecimal");
        // Python takes bytes behind a value; by serde they are refused.
        let used = netaio_packify::ValueRef::parse(&packed, &DecodeLimits::DEFAULT);
        let packed = match used {
            Ok((_, used)) => &packed[..used],
            Err(_) => &packed,
        };
        let plain = Value::decode(packed, &DecodeLimits::DEFAULT).ok();
        let value: Option<Value> = from_slice(packed, &DecodeLimits::DEFAULT).ok();
        let repacked = |value: &Option<Value>| value.as_ref().map(Value::to_vec);
        // By their bytes: NaNs are not equal.
        assert_eq!(repacked(&value), repacked(&plain), "{line}");
        let Some(value) = value else { continue };
        assert_eq!(to_vec(&value).ok(), value.to_vec().ok(), "{line}");
        accepted += 1;
    }
    assert!(accepted > 200);
}
