//! `netaio bench` between identities for X25519.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "only tests run this"
)]

mod common;

use std::fs;

use common::folder::Folder;
use common::party::{OVER, Party, refused};
use common::{RUNTIMES, json_lines, run};
use serde_json::Value;

/// What `netaio bench` measures for a moment.
fn measured(options: &[&str]) -> Value {
    let fixed = ["bench", "--secs", "0.2", "--timeout", "60", "--json"];
    let ran = run(&[&fixed, options].concat(), b"");
    assert_eq!(ran.status, 0, "{ran:?}");
    json_lines(&ran.stdout).remove(0)
}

/// Asserts that something came back, and nothing else.
fn assert_well(measured: &Value) {
    assert_eq!(measured["x25519"], true);
    for of in ["requests", "deliveries"] {
        let sums = &measured[of];
        let all_well = || sums["errors"] == serde_json::json!({}) && sums["count"] != 0;
        assert!(sums.is_null() || all_well(), "{measured}");
    }
    assert!(measured["lost"].is_null() || measured["lost"] == 0);
}

/// What is measured, each way.
const WAYS: [&[&str]; 4] = [
    &["--connections", "3", "--in-flight", "4"],
    &["--fanout", "3", "--in-flight", "4"],
    &["--ask", "read", "--in-flight", "4"],
    &["--ask", "update", "--in-flight", "4"],
];

#[test]
fn a_server_of_its_own_is_believed_at_once() {
    let folder = Folder::new("bench-self");
    let bob = Party::new(&folder, "bob");
    let own = ["--self", "--identity-file", &bob.file];
    for runtime in RUNTIMES {
        let ways = WAYS
            .iter()
            .flat_map(|way| OVER.map(|(_, over)| (way, over)));
        for (way, over) in ways {
            let layer = ["--runtime", runtime, "--secret", "s"];
            assert_well(&measured(&[&own, *way, over, &layer].concat()));
        }
    }
    // Of a server that is gone nothing is kept.
    assert!(!fs::exists(format!("{}.servers", bob.file)).unwrap());
    let report = run(&[&["bench", "--secs", "0.2"], &own[..]].concat(), b"");
    assert!(report.text().contains(", with X25519: 1 connection"));
    let pinned = [&["bench"], &own[..], &["--server-key", &bob.key]].concat();
    refused(&run(&pinned, b""), 2, "cannot be used with");
}

#[test]
fn a_server_is_measured_that_knows_its_clients() {
    let folder = Folder::new("bench-server");
    let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
    let known = folder.private("known", &bob.key);
    for (transport, over) in OVER {
        let server = alice.serve_over(transport, &["--known-clients", &known, "--secret", "s"]);
        let addr = server.addr.to_string();
        let to = [&["--server", &*addr, "--secret", "s"], over].concat();
        let pinned = ["--server-key", &*alice.key];
        for way in WAYS {
            let own = ["--identity-file", &*bob.file];
            assert_well(&measured(&[way, &to[..], &own, &pinned].concat()));
        }
        let bench = |own: &[&str]| run(&[&["bench"], &to[..], own].concat(), b"");
        let ran = bench(&["--identity-file", &eve.file]);
        refused(&ran, 1, "X25519 auth failed");
        assert!(ran.stderr.contains(&eve.key), "{ran:?}");
        // By datagrams nobody is believed who says so without the secret.
        match transport {
            "tcp" => refused(&bench(&[]), 1, "wants --identity-file"),
            _ => refused(
                &bench(&["--timeout", "0.5"]),
                3,
                "does it want --identity-file",
            ),
        }
        let ran = bench(&["--identity-file", &bob.file, "--server-key", &eve.key]);
        refused(&ran, 1, "does not name");
    }
}
