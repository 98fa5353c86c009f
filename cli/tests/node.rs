//! `netaio node`, as a command.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use common::node::Node;
use common::{json_lines, run};
use serde_json::json;

/// Where nodes of one test meet; each test has a port of its own.
const MEET: [&str; 4] = ["--group", "239.255.77.88", "--interface", "127.0.0.1"];

fn alice(options: &[&str]) -> Node {
    let who = ["--listen", "127.0.0.1:0", "--id", "a11ce0"];
    Node::start(&[&who, &MEET[..], options].concat())
}

/// On Alice's port, as those who are to find her must be.
fn bob(alice: &Node, options: &[&str]) -> Node {
    let addr = format!("127.0.0.2:{}", alice.addr.port());
    let who = ["--listen", &addr, "--id", "b0b0"];
    Node::start(&[&who, &MEET[..], options].concat())
}

#[test]
fn nodes_find_each_other_and_part() {
    for signal in ["-INT", "-TERM"] {
        let alice = alice(&["--data", "hello there"]);
        assert_eq!((&*alice.id, &*alice.group), ("a11ce0", "239.255.77.88"));
        let bob = bob(&alice, &["--data", r#"{"name":"Bob","age":7}"#]);
        let came = format!(r#"came b0b0 {} {{"age":7,"name":"Bob"}}"#, bob.addr);
        assert_eq!(alice.line(), came);
        let came = format!(r#"came a11ce0 {} {{"data":"hello there"}}"#, alice.addr);
        assert_eq!(bob.line(), came);
        let gone = format!("gone b0b0 {} left", bob.addr);
        assert_eq!(bob.stop(signal), (Some(0), vec![]));
        assert_eq!(alice.line(), gone);
        assert_eq!(alice.stop(signal), (Some(0), vec![]));
    }
}

#[test]
fn an_address_may_be_mapped_into_ipv6() {
    let who = ["--listen", "[::ffff:127.0.0.1]:0"];
    let node = Node::start(&[&who, &MEET[..]].concat());
    assert_eq!(node.addr.ip().to_string(), "127.0.0.1");
    assert_eq!(node.stop("-TERM"), (Some(0), vec![]));
}

#[test]
fn lines_may_be_json() {
    let alice = alice(&["--json", "--secret", "s", "--key", "k"]);
    let bob = bob(&alice, &["--secret", "s", "--key", "k", "--data", "{}"]);
    let mut event = json!({
        "event": "came",
        "id": "b0b0",
        "addresses": [bob.addr],
        "data": {},
        "data_hex": "4d4000",
    });
    assert_eq!(json_lines(alice.line().as_bytes()), [event.clone()]);
    bob.stop("-TERM");
    event["event"] = "gone".into();
    event["why"] = "left".into();
    assert_eq!(json_lines(alice.line().as_bytes()), [event]);
}

#[test]
fn a_peer_changes_with_its_data() {
    let alice = alice(&[]);
    let bob = bob(&alice, &["--data", "1"]);
    let addr = bob.addr;
    assert_eq!(alice.line(), format!(r#"came b0b0 {addr} {{"data":"1"}}"#));
    // Killed, it takes no leave. Who comes next at its address has its id.
    bob.stop("-KILL");
    let bob = self::bob(&alice, &["--data", "2"]);
    assert_eq!(
        alice.line(),
        format!(r#"changed b0b0 {addr} {{"data":"2"}}"#)
    );
    bob.stop("-TERM");
    assert_eq!(alice.line(), format!("gone b0b0 {addr} left"));
}

#[test]
fn a_peer_that_falls_silent_is_gone() {
    let alice = alice(&["--every", "0.1", "--peer-timeout", "0.3"]);
    let bob = bob(&alice, &["--every", "3600"]);
    let peer = format!("b0b0 {}", bob.addr);
    assert_eq!(alice.line(), format!("came {peer} {{}}"));
    // He answered her advertisements, and takes no leave.
    bob.stop("-KILL");
    assert_eq!(alice.line(), format!("gone {peer} timed-out"));
}

#[test]
fn strangers_and_other_applications_are_not_peers() {
    let alice = alice(&["--secret", "s", "--every", "0.05"]);
    // Those whom she does not list, and one whom she does.
    let port = alice.addr.port();
    let start = |host: u8, options: &[&str]| {
        let addr = format!("127.0.0.{host}:{port}");
        Node::start(&[&["--listen", &addr], &MEET[..], options].concat())
    };
    let stranger = start(2, &["--secret", "guess"]);
    let other = start(3, &["--secret", "s", "--app-id", "another"]);
    let friend = start(4, &["--secret", "s"]);
    for node in [&stranger, &other, &friend] {
        // Chosen at random.
        assert_eq!(node.id.len(), 32);
    }
    assert_eq!(
        alice.line(),
        format!("came {} {} {{}}", friend.id, friend.addr)
    );
    assert_ne!(stranger.id, friend.id);
    assert_eq!(alice.stop("-TERM"), (Some(0), vec![]));
}

#[test]
fn what_cannot_be_is_refused() {
    for wrong in [
        &["--listen", "8888"][..],
        &["--group", "127.0.0.1"],
        &["--id", "xyz"],
        &["--id", ""],
        &["--every", "0"],
        &["--peer-timeout", "never"],
    ] {
        let ran = run(&[&["node"], wrong].concat(), b"");
        assert_eq!(ran.status, 2, "{wrong:?}: {}", ran.stderr);
    }
    let here = ["node", "--listen", "127.0.0.1:0"];
    let short = ["--every", "5", "--peer-timeout", "9"];
    let ran = run(&[&here, &MEET[..], &short].concat(), b"");
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    let told = "silent for 9s is removed, and advertisements come every 5s";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let long = "00".repeat(10_000);
    let ran = run(&[&here, &MEET[..], &["--id", &long]].concat(), b"");
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("10000 bytes of id"), "{}", ran.stderr);
    let ran = run(
        &[&here[..], &["--interface", "no-such-interface"]].concat(),
        b"",
    );
    assert!(ran.error().contains("no-such-interface"), "{ran:?}");
}
