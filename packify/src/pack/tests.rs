//! Values as packify packs them.

use alloc::vec;

use super::*;
use crate::{
    Decimal, Dict, Int, Packable, Set, prefixed_len, put_dict_header, put_i64, put_u64,
    tuple2_header_len,
};

fn packed(value: impl Into<Value>) -> Vec<u8> {
    let value = value.into();
    let packed = value.to_vec().unwrap();
    assert_eq!(value.packed_len(), Ok(packed.len()));
    packed
}

#[test]
fn scalars() {
    assert_eq!(packed(None::<bool>), [0]);
    assert_eq!(packed(true), [6, 1]);
    assert_eq!(packed(1.0), [7, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(packed("hi"), b"\x43\x02hi");
    assert_eq!(packed(b"hi"), b"\x41\x02hi");
    assert_eq!(packed(Value::ByteArray(b"hi".into())), b"\x42\x02hi");
    assert_eq!(packed(Decimal::parse("1e2").unwrap()), b"\x48\x041E+2");
    let packable = Packable {
        name: "A".into(),
        data: (*b"xy").into(),
    };
    assert_eq!(packed(packable), b"\x54\x01\x02Axy");
}

#[test]
fn ints_take_the_narrowest_form() {
    assert_eq!(packed(0), [0x44, 0]);
    assert_eq!(packed(-255), [0x45, 255]);
    assert_eq!(packed(256), [0x84, 1, 0]);
    assert_eq!(packed(65536), [0xc4, 0, 1, 0, 0]);
    assert_eq!(packed(u32::MAX), [0xc4, 255, 255, 255, 255]);
    assert_eq!(packed(1u64 << 32), [4, 5, 1, 0, 0, 0, 0]);
    let int = |len| Value::Int(Int::from_be_magnitude(true, &vec![1; len]));
    assert_eq!(packed(int(255))[..3], [5, 255, 1]);
    assert_eq!(packed(int(256))[..6], [15, 0, 0, 1, 0, 1]);
    let positive = Int::from_be_magnitude(false, &[1; 256]);
    assert_eq!(packed(positive)[..6], [14, 0, 0, 1, 0, 1]);
}

#[test]
fn u64_and_i64_are_put_as_ints_are() {
    for shift in 0..64 {
        for value in [0, u64::MAX >> shift, 1 << shift] {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            assert_eq!(out, packed(value));
            out.clear();
            put_i64(&mut out, value as i64);
            assert_eq!(out, packed(value as i64));
        }
    }
}

#[test]
fn lengths_widen() {
    let text = |len| packed(&*"x".repeat(len));
    assert_eq!(text(255)[..2], [0x43, 255]);
    assert_eq!(text(256)[..3], [0x83, 1, 0]);
    assert_eq!(text(65536)[..5], [0xc3, 0, 1, 0, 0]);
    assert_eq!(
        packed(vec![Value::None; 256])[..6],
        [0x8a, 0x40, 1, 0, 1, 1]
    );
    assert_eq!(
        packed(vec![Value::from([0; 254])])[..5],
        [0x4a, 0x80, 1, 1, 0]
    );
}

#[test]
fn dicts_and_sets_are_sorted_by_packed_bytes() {
    let dict = Dict::from_pairs([
        ("nonce".into(), [b'1'; 16].into()),
        ("ts".into(), b"abcd".into()),
        ("hmac".into(), [b'h'; 32].into()),
    ]);
    let packed_dict = packed(dict.unwrap());
    assert_eq!(packed_dict[..9], *b"\x4d\x40\x03\x0f\x2d\x1e\x4c\x40\x02");
    assert_eq!(packed(Dict::new()), [0x4d, 0x40, 0]);
    let set = Set::from_values([256.into(), "b".into(), 7.into(), None::<u8>.into()]);
    assert_eq!(
        packed(set.unwrap()),
        b"\x4b\x40\x04\x01\x03\x02\x03\0\x43\x01b\x44\x07\x84\x01\0"
    );
}

#[test]
fn a_dict_can_be_written_in_pieces() {
    let (mut key, mut value, mut out) = (Vec::new(), Vec::new(), Vec::new());
    put_str(&mut key, "ts").unwrap();
    put_bytes(&mut value, &[7; 300]).unwrap();
    let header = tuple2_header_len(key.len(), value.len()).unwrap();
    assert_eq!(value.len(), prefixed_len(300).unwrap());
    let item_len = [header, key.len(), value.len()].iter().sum();
    put_dict_header(&mut out, [item_len].into_iter()).unwrap();
    let before = out.len();
    put_tuple2_header(&mut out, key.len(), value.len()).unwrap();
    assert_eq!(out[before..].len(), header);
    out.append(&mut key);
    out.append(&mut value);
    let dict = Dict::from_pairs([("ts".into(), [7; 300].into())]).unwrap();
    assert_eq!(out, packed(dict));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn what_is_too_long_leaves_the_buffer_alone() {
    const LEN: usize = 1 << 32;
    let mut out = vec![1];
    let error = Err(EncodeError::TooLong { len: LEN });
    assert_eq!(put_dict_header(&mut out, [LEN].into_iter()), error);
    assert_eq!(put_tuple2_header(&mut out, 1, LEN), error);
    assert_eq!(tuple2_header_len(LEN, 1).map(drop), error);
    assert_eq!(prefixed_len(LEN).map(drop), error);
    assert_eq!(out, [1]);
    assert!(prefixed_len(LEN - 1).is_ok());
}
