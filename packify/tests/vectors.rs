//! What packify 0.4.0 makes of some 450 inputs, by the file that `vectors/make.py` wrote.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use netaio_packify::{DecodeLimits, Value, ValueRef};

const VECTORS: &str = include_str!("vectors/vectors.jsonl");

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).expect("hex digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The members of a line, all of them strings: no reader of JSON is needed for their hex.
fn members(line: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    let parts: Vec<&str> = line.splitn(9, '"').collect();
    let [
        "{",
        "packed",
        ": ",
        packed,
        ", ",
        verdict,
        ": ",
        repacked,
        ..,
    ] = parts[..]
    else {
        panic!("unexpected line {line}");
    };
    let repacked = match verdict {
        "repacked" => Some(unhex(repacked)),
        "error" => None,
        _ => panic!("unexpected member {verdict}"),
    };
    (unhex(packed), repacked)
}

#[test]
fn verdicts_and_bytes_are_those_of_packify() {
    let mut lines = 0;
    for line in VECTORS.lines() {
        lines += 1;
        let (packed, expected) = members(line);
        let repacked = Value::decode(&packed, &DecodeLimits::DEFAULT)
            .map(|value| value.to_vec().expect("what was unpacked can be packed"));
        match expected {
            Some(expected) => assert_eq!(repacked.as_ref(), Ok(&expected), "{line}"),
            None => assert!(repacked.is_err(), "accepted as {repacked:02x?}: {line}"),
        }
        let view = ValueRef::parse(&packed, &DecodeLimits::DEFAULT);
        assert_eq!(
            view.map(|(view, _)| view.to_value().to_vec()),
            repacked.map(Ok),
            "{line}"
        );
    }
    assert!(lines > 400);
}
