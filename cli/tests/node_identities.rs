//! `netaio node` between identities for X25519: what peers announce, prove and are refused.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::fs;

use common::folder::Folder;
use common::node::Node;
use common::party::{ECHO, Party, refused, says};
use common::{RUNTIMES, json_lines, run};
use netaio_core::plugin::X25519Cipher;
use netaio_core::types::REQUEST_URI;
use netaio_core::{ManagementConfig, Peer};
use netaio_driver::{Content, key_files};
use netaio_smol::UdpNode;

/// Where nodes of one test meet; each test has a port of its own.
const MEET: [&str; 4] = ["--group", "239.255.77.89", "--interface", "127.0.0.1"];

fn node(listen: &str, options: &[&str]) -> Node {
    Node::start(&[&["--listen", listen], &MEET[..], options].concat())
}

/// At the same port, as those who are to be found must be.
fn beside(other: &Node, options: &[&str]) -> Node {
    node(&format!("127.0.0.2:{}", other.addr.port()), options)
}

/// The next line about a key.
fn key(node: &Node) -> String {
    loop {
        let line = node.line();
        if line.starts_with("key ") {
            return line;
        }
    }
}

#[test]
fn peers_prove_their_keys_and_are_known_from_then_on() {
    for runtime in RUNTIMES {
        for layer in [&["--secret", "s"][..], &[]] {
            let folder = Folder::new(&format!("proving-{runtime}-{}", layer.len()));
            let [alice, bob, eve] = ["alice", "bob", "eve"].map(|name| Party::new(&folder, name));
            let options = [layer, &["--runtime", runtime]].concat();
            let [of_alice, of_bob, of_eve] = [&alice, &bob, &eve]
                .map(|party| [&["--identity-file", &*party.file], &options[..]].concat());
            let here = node("127.0.0.1:0", &[&of_alice[..], &["--data", "hi"]].concat());
            assert_eq!(here.id, alice.key);
            let peers = format!("{}.peers", alice.file);
            for trust in ["new", "known"] {
                let there = beside(&here, &[&of_bob[..], &["--id", "b0b0"]].concat());
                assert_eq!(key(&here), format!("key b0b0 {} {trust}", bob.key));
                let proved = format!("key {0} {0} {trust}", alice.key);
                assert_eq!(key(&there), proved);
                there.stop("-TERM");
                let kept = fs::read_to_string(&peers).unwrap();
                assert_eq!(kept, format!("b0b0 {}\n", bob.key));
            }
            // Somebody else says to be Bob, who has another key.
            let there = beside(&here, &[&of_eve[..], &["--id", "b0b0"]].concat());
            assert_eq!(key(&here), format!("key b0b0 {} changed", eve.key));
            there.stop("-TERM");
            // One without a key.
            let there = beside(&here, &[&options[..], &["--id", "c0"]].concat());
            assert_eq!(key(&here), "key c0 - none");
            there.stop("-TERM");
            let kept = fs::read_to_string(&peers).unwrap();
            assert_eq!(kept, format!("b0b0 {}\n", bob.key));
        }
    }
}

#[test]
fn only_those_with_a_key_are_answered() {
    let folder = Folder::new("answered");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let here = node("127.0.0.1:0", &["--identity-file", &alice.file, "--json"]);
    let addr = here.addr.to_string();
    let pinned = ["--udp", "--server-key", &*alice.key];
    says(&bob.run(&addr, &[&ECHO[..], &pinned].concat()), "hi");
    let ran = run(&[&ECHO[..], &["--udp", "--server", &addr]].concat(), b"");
    refused(&ran, 1, "X25519 auth failed");
    // It came and went, and could not be asked.
    for event in ["came", "gone", "key"] {
        let line = json_lines(here.line().as_bytes()).remove(0);
        assert_eq!(line["event"], event);
        if event == "key" {
            assert_eq!(line["key"], bob.key);
            assert_eq!(line["trust"], "unproved");
        }
    }
}

/// What is encrypted between two opens at either end: a mirror shows nothing.
#[test]
fn who_sends_back_what_it_is_asked_has_proved_nothing() {
    let folder = Folder::new("mirror");
    let [alice, bob] = ["alice", "bob"].map(|name| Party::new(&folder, name));
    let here = node("127.0.0.1:0", &["--identity-file", &alice.file]);
    let bobs = X25519Cipher::from_seed(*key_files::read(&bob.file).unwrap());
    let mirror = UdpNode::builder()
        .local_peer(Peer::new("mirror").with_data(bobs.peer_data()))
        .manage_peers(ManagementConfig::new())
        .no_group()
        .ignore_own_ip(false)
        .on((REQUEST_URI, "netaio/key"), |content: Content| content);
    smol::block_on(async {
        let mirror = mirror.bind("127.0.0.1:0").await.unwrap();
        mirror.introduce(here.addr).await.unwrap();
        assert_eq!(key(&here), format!("key 6d6972726f72 {} unproved", bob.key));
        let metrics = mirror.metrics();
        assert!(metrics.datagrams.received >= 3, "it was asked");
        mirror.stop().await;
    });
    assert!(!fs::exists(format!("{}.peers", alice.file)).unwrap());
}

#[test]
fn files_that_cannot_be_used_are_wrong_usage() {
    let folder = Folder::new("unusable");
    let alice = Party::new(&folder, "alice");
    let own = ["node", "--listen", "127.0.0.1:0", "--identity-file"];
    let peers = folder.private("peers", "b0b0 12\n");
    let with = |file: &str, more: &[&str]| run(&[&own[..], &[file], more].concat(), b"");
    refused(&with(&alice.file, &["--known-peers", &peers]), 2, "line 1");
    refused(&with("-", &[]), 2, "needs --known-peers");
    let ran = with(&folder.path("missing"), &[]);
    refused(&ran, 2, "netaio keygen x25519");
    let alone = run(&["node", "--known-peers", &peers], b"");
    refused(&alone, 2, "--identity-file");
}
