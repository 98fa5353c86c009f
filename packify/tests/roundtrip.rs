//! Values and bytes at random: what is packed unpacks to the same, and both ways of reading
//! agree on everything, malformed input too.
#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use netaio_packify::{
    Decimal, DecodeError, DecodeErrorKind, DecodeLimits, Dict, Int, Packable, Set, Value, ValueRef,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 32,
    items: 4096,
    packables: true,
};

fn decimal() -> impl Strategy<Value = Decimal> {
    "[+-]?([0-9]{1,30}(\\.[0-9]{0,9})?(E[+-]?[0-9]{1,4})?|s?nan[0-9]{0,3}|inf)"
        .prop_map(|text| Decimal::parse(&text).expect("a decimal by its grammar"))
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        vec(any::<u8>(), 255..260).prop_map(Value::Bytes),
        vec(any::<u8>(), 0..4).prop_map(Value::ByteArray),
        "\\PC{0,12}".prop_map(Value::Str),
        select(vec!["ts", "nonce", "hmac", "iv"]).prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (any::<bool>(), vec(any::<u8>(), 0..12))
            .prop_map(|(negative, bytes)| Int::from_be_magnitude(negative, &bytes).into()),
        (any::<bool>(), vec(any::<u8>(), 253..259))
            .prop_map(|(negative, bytes)| Int::from_be_magnitude(negative, &bytes).into()),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
        (-3i8..3).prop_map(|value| f64::from(value).into()),
        decimal().prop_map(Value::from),
        ("[A-Z][a-z]{0,5}", vec(any::<u8>(), 0..6)).prop_map(|(name, data)| {
            Packable {
                name: name.into(),
                data: data.into(),
            }
            .into()
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let hashable = |items: Vec<Value>| items.into_iter().filter(Value::is_hashable);
    scalar().prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec(inner.clone(), 0..4).prop_map(Value::Tuple),
            vec(inner.clone(), 0..6)
                .prop_map(move |items| Set::from_values(hashable(items)).expect("hashable").into()),
            (vec(inner.clone(), 0..6), vec(inner, 6)).prop_map(move |(keys, values)| {
                Dict::from_pairs(hashable(keys).zip(values))
                    .expect("hashable")
                    .into()
            }),
        ]
    })
}

fn pack(value: &Value) -> Vec<u8> {
    value.to_vec().expect("packs")
}

/// Reads `packed` in all ways there are. Returns the value, packed again.
fn read(packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let owned = Value::decode(packed, &LIMITS);
    let (view, consumed) = match ValueRef::parse(packed, &LIMITS) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert_eq!(owned, Err(error));
            assert!(error.offset() <= packed.len());
            return Err(error);
        }
    };
    let repacked = pack(&owned.expect("both accept"));
    assert_eq!(pack(&view.to_value()), repacked);
    assert!(consumed <= packed.len());
    assert_eq!(read_prefix(&packed[..consumed]), repacked);
    walk(view);
    Ok(repacked)
}

fn read_prefix(packed: &[u8]) -> Vec<u8> {
    pack(&Value::decode(packed, &LIMITS).expect("nothing behind the value is needed"))
}

/// Visits all there is; packed slices hold what the views show.
fn walk(view: ValueRef<'_>) {
    match view {
        ValueRef::List(items) | ValueRef::Set(items) | ValueRef::Tuple(items) => {
            assert_eq!(items.count(), items.len());
            assert_eq!(items.packed().len(), items.len());
            for (item, packed) in items.zip(items.packed()) {
                assert_eq!(read_prefix(packed), pack(&item.to_value()));
                walk(item);
            }
        }
        ValueRef::Dict(pairs) => {
            assert_eq!(pairs.count(), pairs.len());
            let value = view.to_value();
            let dict = value.as_dict().expect("a dict");
            for ((key, value), packed) in pairs.zip(pairs.packed()) {
                assert_eq!(read_prefix(packed.key), pack(&key.to_value()));
                assert_eq!(read_prefix(packed.value), pack(&value.to_value()));
                assert_eq!(packed.key_str(), key.as_str());
                if let Some(key) = key.as_str() {
                    let last = pairs.get(key).expect("the key is there").to_value();
                    assert_eq!(dict.get(key).map(pack), Some(pack(&last)));
                    let (first, longer) = (pairs.packed().next(), [key, "-"].concat());
                    let first = first.and_then(|pair| pair.key_str()).unwrap_or_default();
                    let keys = [key, &longer, first];
                    let alone = keys.map(|key| pairs.get_packed(key));
                    assert_eq!(pairs.get_each_packed(keys), alone);
                }
                walk(key);
                walk(value);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back(value in value(), behind in vec(any::<u8>(), 0..5)) {
        let mut packed = vec![7];
        value.encode(&mut packed).expect("packs");
        let packed = packed.split_off(1);
        prop_assert_eq!(Ok(packed.len()), value.packed_len());
        let (_, consumed) = ValueRef::parse(&packed, &LIMITS).expect("what was packed unpacks");
        prop_assert_eq!(consumed, packed.len());
        prop_assert_eq!(read(&packed), Ok(packed.clone()));
        prop_assert_eq!(read(&[&packed[..], &behind].concat()), Ok(packed));
    }

    #[test]
    fn every_byte_is_needed(value in value(), cut in any::<Index>()) {
        let packed = pack(&value);
        let error = read(&packed[..cut.index(packed.len())]).expect_err("incomplete");
        let truncated = matches!(error.kind(), DecodeErrorKind::Truncated { .. });
        prop_assert!(truncated, "{}", error);
    }

    #[test]
    fn changed_bytes_are_read_alike(
        value in value(),
        changes in vec((any::<Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut packed = pack(&value);
        for (at, byte, change) in changes {
            let at = at.index(packed.len());
            match change {
                0 => packed[at] = byte,
                1 => packed.insert(at, byte),
                _ if packed.len() > 1 => drop(packed.remove(at)),
                _ => {}
            }
        }
        if let Ok(repacked) = read(&packed) {
            prop_assert_eq!(read(&repacked), Ok(repacked.clone()));
        }
    }

    #[test]
    fn random_bytes_are_read_alike(
        packed in vec(
            prop_oneof![
                any::<u8>(),
                0..5u8,
                select(vec![0x40, 0x41, 0x43, 0x44, 0x4a, 0x4b, 0x4c, 0x4d, 0x48, 6, 7, 14, 0x54]),
            ],
            0..40,
        ),
    ) {
        if let Ok(repacked) = read(&packed) {
            prop_assert_eq!(read(&repacked), Ok(repacked.clone()));
        }
    }

    #[test]
    fn limits_are_kept(value in value(), depth in 0..5usize, items in 0..20usize) {
        fn size(value: &Value) -> (usize, usize) {
            let inner: Vec<(usize, usize)> = match value {
                Value::List(items) | Value::Tuple(items) => items.iter().map(size).collect(),
                Value::Set(set) => set.iter().map(size).collect(),
                Value::Dict(dict) => dict.iter().map(|(key, value)| {
                    let (key, value) = (size(key), size(value));
                    (key.0.max(value.0), key.1 + value.1)
                }).collect(),
                _ => return (0, 0),
            };
            let depth = inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0) + 1;
            (depth, inner.iter().map(|(_, items)| items + 1).sum())
        }
        let (deep, many) = size(&value);
        let verdict = Value::decode(&pack(&value), &DecodeLimits { depth, items, ..LIMITS });
        prop_assert_eq!(verdict.is_ok(), deep <= depth && many <= items);
        match verdict.map_err(|error| error.kind()) {
            Err(DecodeErrorKind::TooDeep { limit }) => prop_assert_eq!(limit, depth),
            Err(DecodeErrorKind::TooManyItems { limit }) => prop_assert_eq!(limit, items),
            Err(kind) => prop_assert!(false, "{}", kind),
            Ok(_) => {}
        }
    }
}
