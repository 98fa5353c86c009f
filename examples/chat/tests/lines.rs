//! Without terminals: lines in, lines out; keys that are kept, and refused when they change.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests fail by panicking"
)]
#![cfg(target_os = "linux")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use netaio_tokio::config::ManagementConfig;
use netaio_tokio::{Peer, UdpNode};
use support::Meeting;
use support::lines::Lines;
use tokio::runtime::Runtime;

#[test]
fn a_changed_key_is_refused_aloud_until_it_is_forgotten() {
    let meeting = Meeting::new("changed");
    let alice = || Lines::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    let bob = |key| Lines::start(&meeting.arguments("bob", "127.0.0.2", key));
    let (mut one, mut two) = (alice(), bob("bob"));
    one.sees("* bob is here, with a NEW key");
    two.sees("* alice is here, with a NEW key");
    one.enter(b"first");
    two.sees("alice to all: first");
    one.sees("* message 1: delivered to bob");
    one.end();
    two.sees("* alice has left");
    two.end();

    // Both are known again.
    let (mut one, mut two) = (alice(), bob("bob"));
    one.sees("* bob is here, key ");
    two.sees("* alice is here, key ");
    two.end();
    one.sees("* bob has left");

    // Somebody else calls himself Bob.
    let mut mallory = bob("mallory");
    one.sees("!!! THE KEY OF bob HAS CHANGED");
    mallory.sees("alice is here, with a NEW key");
    one.enter(b"to all");
    one.sees("* nobody is here: nothing is sent");
    one.enter(b"@bob to one");
    one.sees("* message 1: NOT delivered to bob: the key has changed");
    mallory.enter(b"@alice it is me");
    mallory.sees("* message 1: NOT delivered to alice: ");
    // It is right after all.
    one.enter(b"/forget bob");
    one.sees("* bob is here, with a NEW key");
    mallory.enter(b"@alice really");
    one.sees("bob to you: really");
    mallory.sees("* message 2: delivered to alice");
    assert!(!one.seen.iter().any(|line| line.contains("it is me")));
    mallory.end();
    one.end();
}

#[test]
fn a_script_may_send_and_end() {
    let meeting = Meeting::new("script");
    let mut alice = Lines::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    let mut script = Lines::start(&meeting.arguments("script", "127.0.0.3", "script"));
    script.sees("alice is here");
    alice.sees("script is here");
    for number in 0..100 {
        script.enter(format!("number {number}").as_bytes());
    }
    script.enter("x".repeat(1001).as_bytes());
    // What was sent is answered before it ends.
    script.end();
    let mut left: Vec<_> = (0..100).map(|number| format!("number {number}")).collect();
    while !left.is_empty() {
        let line = alice.sees("script to all: number ");
        let text = line.strip_prefix("script to all: ").unwrap();
        // Each of them comes once.
        left.remove(left.iter().position(|it| it == text).unwrap());
    }
    alice.sees("* script has left");
    alice.end();
}

#[test]
fn who_is_no_person_of_the_chat_is_told_of_and_left_alone() {
    let meeting = Meeting::new("strangers");
    let mut alice = Lines::start(&meeting.arguments("alice", "127.0.0.1", "alice"));
    alice.sees("* alice at 127.0.0.1");
    let runtime = Runtime::new().unwrap();
    let group: IpAddr = meeting.group.parse().unwrap();
    let appear = |id: &'static str, address: &str| {
        let node = UdpNode::builder()
            .local_peer(Peer::new(id))
            .manage_peers(ManagementConfig::new().with_app_id("netaio-chat"))
            .group(group)
            .interface("127.0.0.1")
            .bind(format!("{address}:{}", meeting.port));
        runtime.block_on(node).unwrap()
    };
    let evil = appear("\x1b]0;evil\x07\n!!!", "127.0.0.2");
    alice.sees(r"or a name that is none: \u{1b}]0;evil\u{7}\n!!!");
    let keyless = appear("bob", "127.0.0.3");
    alice.sees("has no key, or a name that is none: bob");
    // What is not sealed is nothing.
    let address = format!("127.0.0.1:{}", meeting.port).parse().unwrap();
    for node in [&evil, &keyless] {
        let letter = node.create(address, "netaio-chat", "hello");
        let answer = runtime.block_on(async { letter.timeout(Duration::from_millis(200)).await });
        assert!(!answer.is_ok_and(|answer| answer.into_result().is_ok()));
    }
    alice.enter(b"anybody?");
    alice.sees("* nobody is here: nothing is sent");
    runtime.block_on(async {
        for node in [evil, keyless] {
            node.stop().await;
        }
    });
    assert!(
        !alice
            .seen
            .iter()
            .any(|line| line.contains(char::is_control))
    );
    alice.end();
}
