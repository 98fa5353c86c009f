//! Python's values as structs of ours: what the package packs and unpacks.

use std::collections::{BTreeMap, BTreeSet};

use netaio_driver::core::packify::{Decimal, Value, as_bytes, as_set};
use netaio_driver::core::types::*;
use netaio_driver::{Client, Packed, Runtime, Server};
use serde::{Deserialize, Serialize};

use super::exchanges::assert_message;
use super::{PATIENCE, blocking};
use crate::python::Python;

/// A sample of `tests/python/packed.py`, of every type that Python has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    name: String,
    #[serde(serialize_with = "as_bytes")]
    raw: Vec<u8>,
    count: u32,
    negative: i64,
    large: u128,
    celsius: f64,
    on: bool,
    note: Option<String>,
    readings: Vec<f64>,
    place: (u8, String, bool),
    #[serde(serialize_with = "as_set")]
    tags: BTreeSet<String>,
    levels: BTreeMap<i32, String>,
    mode: Mode,
    price: Decimal,
    any: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Mode {
    Slow,
    Fast(u8),
}

fn samples() -> [Sample; 2] {
    let text = String::from;
    let first = Sample {
        name: text("roof \u{e9}\u{6f22}"),
        raw: (0..=255).collect(),
        count: 7,
        negative: i64::MIN,
        large: u128::MAX,
        celsius: 21.5,
        on: true,
        note: None,
        readings: vec![1.5, -0.25, f64::INFINITY],
        place: (3, text("x"), false),
        tags: ["hot", "wet"].map(text).into(),
        levels: [(1, text("low")), (-2, text("lower"))].into(),
        mode: Mode::Fast(9),
        price: Decimal::parse("1.10").unwrap(),
        any: Value::None,
    };
    let second = Sample {
        name: text(""),
        raw: vec![],
        count: 0,
        negative: 0,
        large: 0,
        celsius: -1e300,
        on: false,
        note: Some("n".repeat(300)),
        readings: (0..2000).map(f64::from).collect(),
        place: (255, text(""), true),
        tags: BTreeSet::new(),
        levels: (0..300).map(|n| (n, n.to_string())).collect(),
        mode: Mode::Slow,
        price: Decimal::parse("-0E-7").unwrap(),
        any: Value::None,
    };
    [first, second]
}

/// Whether it is one of the samples, whatever `any` is.
fn assert_known(sample: &Sample) {
    let mut known = sample.clone();
    known.any = Value::None;
    assert!(samples().contains(&known), "{sample:?}");
}

/// A Python client packs for a handler of ours, and unpacks what that returns.
pub async fn python_packs_for_ours<R: Runtime>(python: &Python) {
    let server = Server::<R>::builder().on((CREATE_URI, "same"), |sample: Packed<Sample>| {
        assert_known(&sample);
        sample
    });
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let (python, port) = (python.clone(), server.local_addr().port());
    let done = blocking(move || {
        let port = format!("--port={port}");
        let mut client = python.spawn("packed.py", &["ask", &port]).unwrap();
        client.read_line(PATIENCE).unwrap()
    });
    assert_eq!(done.await, "done");
    server.stop().await;
}

/// Our client packs for a handler in Python, and reads what that packs.
pub async fn ours_packs_for_python<R: Runtime>(python: &Python) {
    let python = python.clone();
    let (server, address) = blocking(move || {
        let mut server = python.spawn("packed.py", &["answer"]).unwrap();
        let address = server.read_place("listening", PATIENCE).unwrap();
        (server, address)
    })
    .await;
    let client = Client::<R>::builder().build().unwrap();
    let connection = client.connect(address).await.unwrap();
    for number in ["0", "1"] {
        let answer = connection.request(number).await.unwrap();
        let sample: Sample = answer.packed().unwrap();
        assert_known(&sample);
        // With what Python has in `any`, and without the key that the struct does not know.
        let request = connection.create("take", "").packed(&sample).unwrap();
        assert_message(&request.await.unwrap(), OK, "the same");
    }
    client.close().await;
    blocking(move || server.close()).await;
}
