//! How much memory unpacking takes at most, by the length of the input.
#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use netaio_packify::{Decimal, DecodeLimits, Packable, Value, ValueRef};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The most bytes that were allocated at once while `work` ran, more than before. The
/// program has a single test, so nothing else allocates meanwhile.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (ALLOCATOR.peak_usage() - before, result)
}

/// What the documentation of `Value::decode` promises.
const FACTOR: usize = 25;

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 32,
    items: usize::MAX,
    packables: true,
};

const LIST: u8 = 10;
const SET: u8 = 11;
const TUPLE: u8 = 12;
const DICT: u8 = 13;

/// A container of `count` times `item`, with the widths that packify takes.
fn container(kind: u8, count: usize, item: &[u8]) -> Vec<u8> {
    let width = |len: usize| match len {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    };
    let put = |out: &mut Vec<u8>, number: usize, width: usize| {
        out.extend_from_slice(&(number as u32).to_be_bytes()[4 - width..]);
    };
    let bits = |width: usize| [0, 0x40, 0x80, 0, 0xc0][width];
    let (count_width, item_width) = (width(count), width(item.len()));
    let mut out = vec![bits(count_width) | kind, bits(item_width)];
    put(&mut out, count, count_width);
    (0..count).for_each(|_| put(&mut out, item.len(), item_width));
    (0..count).for_each(|_| out.extend_from_slice(item));
    out
}

fn pack(value: impl Into<Value>) -> Vec<u8> {
    value.into().to_vec().expect("packs")
}

#[test]
fn unpacking_takes_a_bounded_multiple_of_the_input() {
    let decimal = |text: &str| pack(Decimal::parse(text).expect("a decimal"));
    let mut items = vec![
        ("none", pack(None::<u8>)),
        ("bool", pack(true)),
        ("int", pack(1)),
        ("int of 10 bytes", pack(u128::MAX >> 48)),
        ("float", pack(0.1)),
        ("NaN", pack(f64::NAN)),
        ("empty bytes", pack(b"")),
        ("empty str", pack("")),
        ("str of 1", pack("a")),
        ("decimal", decimal("1")),
        ("small decimal", b"\x48\x041E-6".to_vec()),
        ("infinity", b"\x48\x03inf".to_vec()),
        ("long decimal", decimal(&"7".repeat(1200))),
        ("longer decimal", decimal(&"7".repeat(5000))),
        (
            "empty packable",
            pack(Packable {
                name: "".into(),
                data: [].into(),
            }),
        ),
        ("list of none", container(LIST, 1, &[0])),
        ("tuple of int", container(TUPLE, 1, &pack(1))),
    ];
    for (name, kind) in [
        ("list", LIST),
        ("set", SET),
        ("tuple", TUPLE),
        ("dict", DICT),
    ] {
        items.push((name, container(kind, 0, &[])));
    }
    let mut nested = vec![0];
    for _ in 0..31 {
        nested = container(TUPLE, 1, &nested);
    }
    items.push(("nested tuples", nested));

    let mut worst = (0.0, String::new());
    let mut check = |what: &str, packed: &[u8]| {
        let (parsing, accepted) = peak(|| ValueRef::parse(packed, &LIMITS).is_ok());
        assert_eq!(parsing, 0, "{what}: looking allocates nothing");
        let (unpacking, value) = peak(|| Value::decode(packed, &LIMITS));
        assert_eq!(value.is_ok(), accepted);
        if !accepted {
            assert_eq!(unpacking, 0, "{what}: malformed input allocates nothing");
        }
        assert!(
            unpacking <= FACTOR * packed.len(),
            "{what}: {unpacking} of {}",
            packed.len()
        );
        let ratio = unpacking as f64 / packed.len() as f64;
        if ratio > worst.0 {
            worst = (ratio, what.to_owned());
        }
    };
    for (name, item) in &items {
        check(name, item);
        let most = 20_000 / item.len();
        for count in [1, 2, 3, 16, 17, 255, 1024, most]
            .into_iter()
            .filter(|n| *n <= most)
        {
            check(
                &format!("list of {count} {name}"),
                &container(LIST, count, item),
            );
            check(
                &format!("tuple of {count} {name}"),
                &container(TUPLE, count, item),
            );
            check(
                &format!("set of {count} {name}"),
                &container(SET, count, item),
            );
            for (other, value) in [("none", &pack(None::<u8>)), ("the same", item)] {
                let (Ok(key_len), Ok(value_len)) = (item.len().try_into(), value.len().try_into())
                else {
                    continue;
                };
                let header: [u8; 5] = [0x4c, 0x40, 2, key_len, value_len];
                let pair = [&header, &item[..], value].concat();
                let what = format!("dict of {count} {name} to {other}");
                check(&what, &container(DICT, count, &pair));
            }
        }
    }
    // Distinct items: none is merged.
    for kind in [LIST, SET] {
        let ints: Vec<Vec<u8>> = (0..10_000u32).map(pack).collect();
        let mut packed = vec![0x80 | kind, 0x40];
        packed.extend_from_slice(&10_000u16.to_be_bytes());
        packed.extend(ints.iter().map(|int| int.len() as u8));
        packed.extend(ints.concat());
        check("distinct ints", &packed);
        packed.pop();
        check("truncated", &packed);
    }
    assert!(worst.0 > 16.0, "the factor is not for nothing: {worst:?}");
    println!("worst: {:.2} times the input, by a {}", worst.0, worst.1);
}
