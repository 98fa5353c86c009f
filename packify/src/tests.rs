//! Values and views as those who use them see them.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use crate::{
    Decimal, DecodeLimits, Dict, Int, IntRef, OutOfRange, Packable, Set, Value, ValueRef,
    is_packed_str, put_bytes_item, put_dict_header,
};

const LIMITS: DecodeLimits = DecodeLimits {
    packables: true,
    ..DecodeLimits::DEFAULT
};

/// One of each kind, none of them empty, zero or false.
fn one_of_each() -> Vec<Value> {
    let packable = Packable {
        name: "Kind".into(),
        data: b"data".as_slice().into(),
    };
    vec![
        Value::None,
        Value::Bytes(b"bytes".into()),
        Value::ByteArray(b"array".into()),
        "text".into(),
        (-7).into(),
        true.into(),
        2.5.into(),
        Decimal::parse("1.50").unwrap().into(),
        vec![Value::from(1)].into(),
        Set::from_values([2.into()]).unwrap().into(),
        Value::Tuple(vec![3.into()]),
        Dict::from_pairs([("key".into(), 4.into())]).unwrap().into(),
        packable.into(),
    ]
}

/// The kinds for which `shows` holds, by their place in [`one_of_each`].
fn kinds(shows: impl Fn(&Value) -> bool) -> Vec<usize> {
    let values = one_of_each();
    (0..values.len()).filter(|at| shows(&values[*at])).collect()
}

#[test]
fn a_value_shows_itself_as_what_it_is_and_as_nothing_else() {
    let seven = Int::from(-7);
    let decimal = Decimal::parse("1.50").unwrap();
    assert_eq!(kinds(Value::is_none), [0]);
    assert_eq!(kinds(|v| v.as_bytes().is_some()), [1]);
    assert_eq!(kinds(|v| v.as_bytes() == Some(b"bytes")), [1]);
    assert_eq!(kinds(|v| v.as_str().is_some()), [3]);
    assert_eq!(kinds(|v| v.as_str() == Some("text")), [3]);
    assert_eq!(kinds(|v| v.as_int().is_some()), [4]);
    assert_eq!(kinds(|v| v.as_int() == Some(&seven)), [4]);
    assert_eq!(kinds(|v| v.as_bool().is_some()), [5]);
    assert_eq!(kinds(|v| v.as_bool() == Some(true)), [5]);
    assert_eq!(kinds(|v| v.as_float().is_some()), [6]);
    assert_eq!(kinds(|v| v.as_float() == Some(2.5)), [6]);
    assert_eq!(kinds(|v| v.as_decimal().is_some()), [7]);
    assert_eq!(kinds(|v| v.as_decimal() == Some(&decimal)), [7]);
    assert_eq!(kinds(|v| v.as_list().is_some()), [8]);
    assert_eq!(kinds(|v| v.as_list() == Some(&[1.into()])), [8]);
    assert_eq!(kinds(|v| v.as_set().is_some()), [9]);
    assert_eq!(
        kinds(|v| v.as_set().is_some_and(|s| s.contains(&2.into()))),
        [9]
    );
    assert_eq!(kinds(|v| v.as_tuple().is_some()), [10]);
    assert_eq!(kinds(|v| v.as_tuple() == Some(&[3.into()])), [10]);
    assert_eq!(kinds(|v| v.as_dict().is_some()), [11]);
    assert_eq!(
        kinds(|v| v.as_dict().and_then(|d| d.get("key")) == Some(&4.into())),
        [11]
    );
    assert_eq!(kinds(|v| v.clone().as_dict_mut().is_some()), [11]);
    assert_eq!(kinds(|v| v.as_packable().is_some()), [12]);
    assert_eq!(
        kinds(|v| v.as_packable().is_some_and(|p| &*p.name == "Kind")),
        [12]
    );
    assert_eq!(kinds(|v| !v.is_hashable()), [2, 8, 9, 11]);
}

#[test]
fn a_view_shows_itself_as_what_it_is_and_as_nothing_else() {
    let views = |shows: fn(&ValueRef<'_>) -> bool| {
        kinds(|value| {
            let packed = value.to_vec().unwrap();
            shows(&ValueRef::parse(&packed, &LIMITS).unwrap().0)
        })
    };
    assert_eq!(views(|v| v.is_none()), [0]);
    assert_eq!(views(|v| v.as_bytes().is_some()), [1]);
    assert_eq!(views(|v| v.as_bytes() == Some(b"bytes")), [1]);
    assert_eq!(views(|v| v.as_str().is_some()), [3]);
    assert_eq!(views(|v| v.as_str() == Some("text")), [3]);
    assert_eq!(views(|v| v.as_int().is_some()), [4]);
    assert_eq!(
        views(|v| v.as_int().and_then(|int| int.to_i64()) == Some(-7)),
        [4]
    );
    assert_eq!(views(|v| v.as_bool().is_some()), [5]);
    assert_eq!(views(|v| v.as_bool() == Some(true)), [5]);
    assert_eq!(views(|v| v.as_float().is_some()), [6]);
    assert_eq!(views(|v| v.as_float() == Some(2.5)), [6]);
    assert_eq!(views(|v| v.as_list().is_some()), [8]);
    assert_eq!(
        views(|v| v.as_list().is_some_and(
            |mut items| items.len() == 1 && items.next().unwrap().to_value() == 1.into()
        )),
        [8]
    );
    assert_eq!(views(|v| v.as_tuple().is_some()), [10]);
    assert_eq!(
        views(|v| v.as_tuple().is_some_and(
            |mut items| items.len() == 1 && items.next().unwrap().to_value() == 3.into()
        )),
        [10]
    );
    assert_eq!(views(|v| v.as_dict().is_some()), [11]);
    assert_eq!(
        views(|v| v.as_dict().and_then(|pairs| pairs.get("key")).is_some()),
        [11]
    );
}

#[test]
fn a_copy_of_a_view_is_the_value_that_was_packed() {
    for value in one_of_each() {
        let packed = value.to_vec().unwrap();
        assert_eq!(value.packed_len(), Ok(packed.len()));
        assert_eq!(Value::decode(&packed, &LIMITS), Ok(value));
    }
}

#[test]
fn a_dict_within_a_value_can_be_changed() {
    let mut value = Value::from(Dict::new());
    value.as_dict_mut().unwrap().insert("a", 1).unwrap();
    assert_eq!(value.as_dict().unwrap().get("a"), Some(&1.into()));
}

#[test]
fn containers_say_whether_they_are_empty_and_give_what_they_hold() {
    let set = Set::from_values([1.into(), 2.into()]).unwrap();
    let dict = Dict::from_pairs([("a".into(), 1.into())]).unwrap();
    assert!(Set::new().is_empty() && !set.is_empty());
    assert!(Dict::new().is_empty() && !dict.is_empty());
    assert_eq!((&set).into_iter().count(), 2);
    assert_eq!(set.iter().collect::<Vec<_>>(), [&1.into(), &2.into()]);
    assert_eq!(
        set.into_iter().collect::<Vec<_>>(),
        [1.into(), Value::from(2)]
    );
    let pair = ("a".into(), 1.into());
    assert_eq!((&dict).into_iter().collect::<Vec<_>>(), [&pair]);
    assert_eq!(dict.iter().collect::<Vec<_>>(), [&pair]);
    assert_eq!(dict.into_iter().collect::<Vec<_>>(), [pair]);
}

#[test]
fn views_of_containers_count_down_as_they_are_read() {
    let packed = Value::List(vec![1.into(), 2.into()]).to_vec().unwrap();
    let mut items = ValueRef::parse(&packed, &LIMITS)
        .unwrap()
        .0
        .as_list()
        .unwrap();
    let mut slices = items.packed();
    for left in [2, 1] {
        assert!(!items.is_empty());
        assert_eq!((items.len(), slices.len()), (left, left));
        assert!(items.next().is_some() && slices.next().is_some());
    }
    assert!(items.is_empty() && items.next().is_none());
    assert!(slices.len() == 0 && slices.next().is_none());

    let dict = Dict::from_pairs([(1.into(), "one".into()), (2.into(), "two".into())]).unwrap();
    let packed = Value::from(dict).to_vec().unwrap();
    let mut pairs = ValueRef::parse(&packed, &LIMITS)
        .unwrap()
        .0
        .as_dict()
        .unwrap();
    let mut slices = pairs.packed();
    for (left, text) in [(2, "one"), (1, "two")] {
        assert!(!pairs.is_empty());
        assert_eq!((pairs.len(), slices.len()), (left, left));
        assert_eq!(pairs.next().unwrap().1.as_str(), Some(text));
        let pair = slices.next().unwrap();
        assert_eq!(pair.key_str(), None);
        assert_eq!(pair.value_ref().as_str(), Some(text));
        assert!(pair.key_ref().as_int().is_some());
    }
    assert!(pairs.is_empty() && pairs.next().is_none());
    assert!(slices.len() == 0 && slices.next().is_none());
}

#[test]
fn numbers_are_taken_out_where_they_fit() {
    assert_eq!(u8::try_from(&Value::from(255)), Ok(255));
    assert_eq!(u8::try_from(&Value::from(256)), Err(OutOfRange));
    assert_eq!(i64::try_from(&Value::from(-1)), Ok(-1));
    assert_eq!(u64::try_from(&Value::from(true)), Err(OutOfRange));
    assert_eq!(u64::try_from(&Value::from("1")), Err(OutOfRange));

    let view = |value: i64| {
        let packed = Value::from(value).to_vec().unwrap();
        let int = |int: IntRef<'_>| (u32::try_from(int), u64::try_from(int));
        int(ValueRef::parse(&packed, &LIMITS)
            .unwrap()
            .0
            .as_int()
            .unwrap())
    };
    assert_eq!(view(7), (Ok(7), Ok(7)));
    assert_eq!(view(1 << 32), (Err(OutOfRange), Ok(1 << 32)));
    assert_eq!(view(-1), (Err(OutOfRange), Err(OutOfRange)));
}

#[test]
fn decimals_read_and_show_their_canonical_text() {
    let decimal: Decimal = " 1e2 ".parse().unwrap();
    assert_eq!(decimal.to_string(), "1E+2");
    assert_eq!(decimal.as_str(), "1E+2");
    assert_eq!("ten".parse::<Decimal>(), Err(super::InvalidDecimal));
    assert_eq!(Decimal::default(), Decimal::parse("0").unwrap());
    assert_eq!(Int::default(), Int::ZERO);
    assert_eq!(DecodeLimits::default(), DecodeLimits::DEFAULT);
}

#[test]
fn what_cannot_be_hashed_may_be_where_nothing_is() {
    for inner in [
        Decimal::parse("snan").unwrap().into(),
        Value::ByteArray(b"array".into()),
        Value::List(Vec::new()),
    ] {
        for value in [
            inner.clone(),
            Value::List(vec![inner.clone()]),
            Value::Tuple(vec![inner.clone()]),
            Dict::from_pairs([("key".into(), inner)]).unwrap().into(),
        ] {
            let packed = value.to_vec().unwrap();
            assert_eq!(Value::decode(&packed, &LIMITS), Ok(value));
        }
    }
}

#[test]
fn items_are_written_as_in_dicts() {
    for name in [0, 1, 100, 253, 254, 255, 256, 70_000] {
        let name = "n".repeat(name);
        for len in [0, 1, 100, 253, 254, 255, 256, 70_000] {
            let bytes = vec![7; len];
            let pair = (Value::Str(name.clone()), Value::Bytes(bytes.clone()));
            let dict = Value::from(Dict::from_pairs([pair]).unwrap());
            let dict = dict.to_vec().unwrap();
            let mut item = Vec::new();
            put_bytes_item(&mut item, &name, &bytes).unwrap();
            assert!(dict.ends_with(&item));
            let mut whole = Vec::new();
            put_dict_header(&mut whole, [item.len()].into_iter()).unwrap();
            whole.extend_from_slice(&item);
            assert_eq!(whole, dict);
        }
    }
}

#[test]
fn a_packed_str_is_found_in_any_width() {
    let long = "x".repeat(300);
    let packed = Value::from(long.as_str()).to_vec().unwrap();
    assert!(is_packed_str(&packed, &long) && !is_packed_str(&packed, "x"));
    for packed in [&b"\x43\x02ab"[..], b"\x83\0\x02ab", b"\xc3\0\0\0\x02ab"] {
        assert!(is_packed_str(packed, "ab"), "{packed:?}");
        for other in ["", "a", "abc", "ac"] {
            assert!(!is_packed_str(packed, other), "{packed:?}");
        }
    }
    assert!(!is_packed_str(b"\x41\x02ab", "ab") && !is_packed_str(b"\0", ""));
}
