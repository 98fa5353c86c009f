//! Each of serde's types, and what is refused.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::*;
use crate::{Decimal, DecodeErrorKind, Dict, Int, Packable, Set};

/// Of a value and back, by its bytes and by [`Value`].
#[track_caller]
fn both_ways<T>(value: T, expected: impl Into<Value>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let expected = expected.into();
    assert_eq!(to_value(&value).as_ref(), Ok(&expected));
    let packed = to_vec(&value).unwrap();
    assert_eq!(packed, expected.to_vec().unwrap());
    assert_eq!(read::<T>(&packed).as_ref(), Ok(&value));
    assert_eq!(from_value::<T>(&expected), Ok(value));
}

fn read<'de, T: Deserialize<'de>>(packed: &'de [u8]) -> Result<T, SerdeError> {
    from_slice(packed, &DecodeLimits::DEFAULT)
}

fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let pairs = pairs.map(|(key, value)| (key.into(), value));
    Dict::from_pairs(pairs).unwrap().into()
}

/// What reading `value` as a `T` says.
fn refused<T: DeserializeOwned + Debug>(value: impl Into<Value>) -> String {
    from_value::<T>(&value.into()).unwrap_err().to_string()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    sensor: u32,
    celsius: f64,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Around(i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(bool, char);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Command {
    Stop,
    Speed(u8),
    Move(i32, i32),
    Paint { colour: String },
}

#[test]
fn each_type_has_its_own() {
    both_ways(true, true);
    both_ways(-7i8, -7);
    both_ways(u64::MAX, u64::MAX);
    both_ways(i128::MIN, i128::MIN);
    both_ways(u128::MAX, u128::MAX);
    both_ways(0.5f32, 0.5);
    both_ways(-0.25, -0.25);
    both_ways('ß', "ß");
    both_ways(String::from("a text"), "a text");
    both_ways((), Value::None);
    both_ways(None::<u8>, Value::None);
    both_ways(Some(7u8), 7);
    both_ways(Unit, Value::None);
    both_ways(Around(-9), -9);
    both_ways(vec![1u16, 2], Value::List(vec![1.into(), 2.into()]));
    both_ways((1u8, String::from("a")), (1, "a"));
    both_ways(Pair(true, 'x'), (true, "x"));
    both_ways([0.5, 1.5], (0.5, 1.5));
    both_ways(
        BTreeMap::from([(1u8, 'a'), (2, 'b')]),
        Dict::from_pairs([(1.into(), "a".into()), (2.into(), "b".into())]).unwrap(),
    );
    let address: core::net::SocketAddr = "[::1]:8888".parse().unwrap();
    both_ways(address, "[::1]:8888");
}

#[test]
fn structs_and_variants_are_dicts() {
    let reading = Reading {
        sensor: 7,
        celsius: 21.5,
        note: None,
    };
    let packed = dict([
        ("sensor", 7.into()),
        ("celsius", 21.5.into()),
        ("note", Value::None),
    ]);
    both_ways(reading, packed);
    both_ways(Command::Stop, "Stop");
    both_ways(Command::Speed(9), dict([("Speed", 9.into())]));
    both_ways(Command::Move(-1, 2), dict([("Move", (-1, 2).into())]));
    let paint = Command::Paint {
        colour: "red".into(),
    };
    both_ways(paint, dict([("Paint", dict([("colour", "red".into())]))]));
    assert_eq!(
        from_value(&dict([("Stop", Value::None)])),
        Ok(Command::Stop)
    );
}

#[test]
fn what_python_has_besides_is_read() {
    let set = || Set::from_values([1.into(), 2.into()]).unwrap();
    assert_eq!(from_value(&set().into()), Ok(BTreeSet::from([1, 2])));
    assert_eq!(from_value(&set().into()), Ok(vec![1, 2]));
    let list = Value::List(vec![1.into(), 2.into()]);
    assert_eq!(from_value(&list), Ok((1, 2)));
    assert_eq!(from_value(&list), Ok([1, 2]));
    for bytes in [b"ab".into(), Value::ByteArray(b"ab".into())] {
        assert_eq!(from_value::<Vec<u8>>(&bytes), Ok(b"ab".to_vec()));
        assert_eq!(from_value::<[u8; 2]>(&bytes), Ok(*b"ab"));
        assert_eq!(read::<&[u8]>(&bytes.to_vec().unwrap()), Ok(&b"ab"[..]));
    }
    let decimal = Value::from(Decimal::parse("1.10").unwrap());
    assert_eq!(from_value::<String>(&decimal), Ok("1.10".into()));
    // A number without a fraction is an int in Python's hands soon.
    assert_eq!(from_value::<f64>(&20.into()), Ok(20.0));
    // Keys that nobody asked for, and a missing one with a default.
    let packed = dict([("sensor", 7.into()), ("celsius", 1.into()), ("since", list)]);
    let reading = from_value::<Reading>(&packed).unwrap();
    assert_eq!((reading.sensor, reading.note), (7, None));
}

#[test]
fn texts_and_bytes_are_borrowed() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
        #[serde(borrow)]
        cow: Cow<'a, str>,
    }
    let packed = dict([
        ("text", "a".into()),
        ("bytes", b"b".into()),
        ("cow", "c".into()),
    ]);
    let packed = packed.to_vec().unwrap();
    let borrowed: Borrowed<'_> = read(&packed).unwrap();
    let inside = packed.as_ptr_range();
    for bytes in [borrowed.text.as_bytes(), borrowed.bytes] {
        assert!(inside.contains(&bytes.as_ptr()));
    }
    assert!(matches!(borrowed.cow, Cow::Borrowed("c")));
}

#[test]
fn packifys_own_values_pass_unchanged() {
    let big = |negative| Value::from(Int::from_be_magnitude(negative, &[7; 20]));
    let packable = Packable {
        name: "A".into(),
        data: [1].into(),
    };
    let values = Value::List(vec![
        Value::None,
        b"bytes".into(),
        Value::ByteArray(vec![1]),
        "text".into(),
        big(false),
        big(true),
        (-1).into(),
        true.into(),
        f64::INFINITY.into(),
        Decimal::parse("-1.50").unwrap().into(),
        Value::List(vec![]),
        Set::from_values([1.into(), ("a", 2).into()])
            .unwrap()
            .into(),
        (1, 2).into(),
        dict([("key", packable.into())]),
        Dict::from_pairs([((1, 2).into(), 3.into())])
            .unwrap()
            .into(),
    ]);
    assert_eq!(to_value(&values).as_ref(), Ok(&values));
    assert_eq!(from_value(&values), Ok(values.clone()));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Parts {
        int: Int,
        decimal: Decimal,
        set: Set,
        dict: Dict,
        any: Value,
    }
    let packed = dict([
        ("int", big(true)),
        ("decimal", Decimal::parse("2.0").unwrap().into()),
        ("set", Set::from_values([1.into()]).unwrap().into()),
        ("dict", dict([("a", 1.into())])),
        ("any", values),
    ]);
    let parts: Parts = from_value(&packed).unwrap();
    assert_eq!(to_value(&parts), Ok(packed));
    assert_eq!(refused::<Set>((1, 2)), "found tuple, expected set");
    assert_eq!(refused::<Int>("1"), "found str, expected int");
}

/// A map of another format may look like ours: it is looked at as any bytes are.
#[test]
fn nothing_is_taken_for_valid_by_its_name() {
    use serde::de::value::{BytesDeserializer, MapDeserializer};
    let packed = |bytes| {
        let pair = (marks::PACKED, BytesDeserializer::<SerdeError>::new(bytes));
        Value::deserialize(MapDeserializer::new([pair].into_iter()))
    };
    assert_eq!(packed(b"\x44\x07"), Ok(7.into()));
    let error = packed(b"\x4a\x40\x01\x05\0").unwrap_err().to_string();
    assert_eq!(error, "at byte 4: item needs 5 bytes, 1 are left");
}

#[test]
fn other_formats_get_the_nearest_they_have() {
    let dict = dict([
        ("set", Set::from_values([1.into()]).unwrap().into()),
        ("decimal", Decimal::parse("1.0").unwrap().into()),
        ("tuple", (true, -1).into()),
        ("none", Value::None),
    ]);
    // serde's own: the same names and lists, nothing of ours.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Other {
        Known {
            set: Vec<u8>,
            decimal: String,
            tuple: (bool, i8),
            none: Option<u8>,
        },
    }
    let known = Other::Known {
        set: vec![1],
        decimal: "1.0".into(),
        tuple: (true, -1),
        none: None,
    };
    assert_eq!(from_value(&dict), Ok(known));
}

#[test]
fn errors_say_what_and_where() {
    type Readings = BTreeMap<String, Vec<Reading>>;
    let wrong = |key: &str, value: Value| {
        let reading = dict([("sensor", 7.into()), (key, value)]);
        refused::<Readings>(dict([("roof", Value::List(vec![reading]))]))
    };
    let celsius = |value| wrong("celsius", value);
    for (said, expected) in [
        (
            celsius("warm".into()),
            "roof[0].celsius: found str \"warm\", expected f64",
        ),
        (
            celsius(true.into()),
            "roof[0].celsius: found True, expected f64",
        ),
        (
            celsius(Value::None),
            "roof[0].celsius: found None, expected f64",
        ),
        (
            celsius(b"1".into()),
            "roof[0].celsius: found 1 bytes, expected f64",
        ),
        (
            celsius((1, 2).into()),
            "roof[0].celsius: found list, tuple or set, expected f64",
        ),
        (
            celsius(dict([])),
            "roof[0].celsius: found dict, expected f64",
        ),
        (wrong("other", 1.into()), "roof[0]: missing field `celsius`"),
        (refused::<u8>(256), "found int 256, expected u8"),
        (refused::<u8>(-1), "found int -1, expected u8"),
        (refused::<u8>(true), "found True, expected u8"),
        (refused::<bool>(1), "found int 1, expected a boolean"),
        (refused::<u8>(1.0), "found float 1, expected u8"),
        (refused::<String>(b"a"), "found 1 bytes, expected a string"),
        (
            refused::<Vec<u16>>(b"a"),
            "found bytes instead of a list, expected u16",
        ),
        (refused::<(u8, u8)>(b"abc"), "1 items more than expected"),
        (refused::<(u8,)>((1, 2)), "1 items more than expected"),
        (
            refused::<(u8, u8, u8)>((1, 2)),
            "invalid length 2, expected a tuple of size 3",
        ),
        (
            refused::<i64>(Int::from_be_magnitude(false, &[1; 17])),
            "found int of more than 128 bits, expected i64",
        ),
        (
            refused::<Command>("Go"),
            "unknown variant `Go`, expected one of `Stop`, `Speed`, `Move`, `Paint`",
        ),
        (
            refused::<Command>("Speed"),
            "found unit variant, expected newtype variant",
        ),
        (
            refused::<Command>(dict([("Stop", 1.into())])),
            "Stop: found int 1, expected None",
        ),
        (
            refused::<Command>(dict([("Move", (1, "x").into())])),
            "Move[1]: found str \"x\", expected i32",
        ),
        (
            refused::<Command>(dict([("Stop", Value::None), ("Speed", 1.into())])),
            "found dict of 2 pairs, expected a variant: its name as str, or a dict of name and value",
        ),
        (
            refused::<Command>(1),
            "found int 1, expected a variant: its name as str, or a dict of name and value",
        ),
        (
            refused::<Reading>(Dict::from_pairs([(0.into(), 1.into())]).unwrap()),
            "[0]: found int 0, expected a name: str",
        ),
    ] {
        assert_eq!(said, expected);
    }
    let error = from_value::<Readings>(&dict([("a\n", 1.into())])).unwrap_err();
    assert_eq!(error.path(), "a\\n");
    assert!(matches!(error.kind(), SerdeErrorKind::Mismatch(_)));
    // Long texts are cut.
    let long = refused::<Readings>(dict([(&"k".repeat(1000), (&*"v".repeat(1000)).into())]));
    assert!(
        long.len() < 200 && long.contains("kk...: found str \"vv"),
        "{long}"
    );
}

#[test]
fn bytes_that_are_no_value_are_refused() {
    let kind = |packed: &[u8]| read::<Value>(packed).unwrap_err().kind().clone();
    assert_eq!(
        kind(b"\x44\x07more"),
        SerdeErrorKind::BytesBehind { len: 4 }
    );
    let error = read::<u8>(b"\x44").unwrap_err();
    assert_eq!(
        error.to_string(),
        "at byte 1: int needs 1 bytes, 0 are left"
    );
    let SerdeErrorKind::Decode(error) = kind(b"\x54\x01\0A") else {
        panic!("decoded");
    };
    assert_eq!(error.kind(), DecodeErrorKind::PackableRefused);
    let limits = DecodeLimits {
        items: 2,
        ..DecodeLimits::DEFAULT
    };
    let packed = to_vec(&[1, 2, 3]).unwrap();
    let error = from_slice::<Vec<u8>>(&packed, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "at byte 0: containers hold more than 2 items"
    );
}

#[test]
fn what_python_has_no_form_for_is_refused() {
    let error = |value: &dyn Fn() -> Result<Value, SerdeError>| value().unwrap_err().to_string();
    let keys = BTreeMap::from([("outer", BTreeMap::from([(vec![1], 2)]))]);
    assert_eq!(
        error(&|| to_value(&keys)),
        "outer: list is not hashable, which dict keys and set items have to be"
    );
    let equal = Dict::from_pairs([(1.into(), 1.into())]).unwrap();
    assert!(to_value(&equal).is_ok());

    #[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
    #[serde(untagged)]
    enum Key {
        Bool(bool),
        Int(u8),
    }
    let same = BTreeMap::from([(Key::Bool(true), "a"), (Key::Int(1), "b")]);
    assert_eq!(
        to_value(&[same]).unwrap_err().kind(),
        &SerdeErrorKind::EqualKeys
    );

    #[derive(Serialize)]
    struct Sets<T: Serialize> {
        #[serde(serialize_with = "as_set")]
        set: T,
    }
    let set = to_value(&Sets { set: [2, 1, 2] }).unwrap();
    let expected = Set::from_values([1.into(), 2.into()]).unwrap();
    assert_eq!(set, dict([("set", expected.into())]));
    assert_eq!(
        error(&|| to_value(&Sets { set: [vec![1]] })),
        "set: list is not hashable, which dict keys and set items have to be"
    );
    assert_eq!(
        error(&|| to_value(&Sets { set: 1 })),
        "set: a set is made of a sequence, not of int"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Option<Box<[Nested; 1]>>);

fn nested(levels: usize) -> Nested {
    (0..levels).fold(Nested(None), |inner, _| Nested(Some(Box::new([inner]))))
}

#[test]
fn what_is_written_can_be_read() {
    let deep = nested(32);
    let packed = to_vec(&deep).unwrap();
    assert_eq!(read::<Nested>(&packed), Ok(deep));
    let error = to_vec(&nested(33)).unwrap_err();
    assert_eq!(error.kind(), &SerdeErrorKind::TooDeep { limit: 32 });
    assert_eq!(error.path(), "[0]".repeat(32));

    // Variants are containers too.
    #[derive(Serialize)]
    enum Chain {
        End,
        Link(Box<Chain>),
        Tuple(u8, Box<Chain>),
    }
    let chain = |levels, link: fn(Chain) -> Chain| {
        let chain = (0..levels).fold(Chain::End, |inner, _| link(inner));
        to_value(&chain).is_ok()
    };
    let link = |inner| Chain::Link(Box::new(inner));
    let tuple = |inner| Chain::Tuple(0, Box::new(inner));
    assert!(chain(32, link) && !chain(33, link));
    assert!(chain(16, tuple) && !chain(17, tuple));
}
