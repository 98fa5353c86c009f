//! `netaio subscribe` and `netaio watch` while servers come and go.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;

use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, json_lines, run};
use serde_json::Value;

/// An address that no other process binds to, so that a server can have its port again.
fn own_host(number: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{number}.{high}.{low}")
}

/// A server that was killed and is started again where it was.
struct Restarted {
    address: String,
    server: Option<Server>,
}

impl Restarted {
    fn start(number: u8) -> Self {
        let mut this = Self {
            address: format!("{}:0", own_host(number)),
            server: None,
        };
        this.up();
        this
    }

    fn up(&mut self) {
        let server = Server::start_at(&self.address, &["tcp"], &[]);
        self.address = server.addr.to_string();
        // The port is TCP's alone: UDP has one of its own, and nobody else on this address.
        self.server = Some(server);
    }

    /// Without a farewell.
    fn kill(&mut self) {
        self.server.take().unwrap().stop("-KILL");
    }

    fn ask(&self, args: &[&str]) -> Vec<u8> {
        run(&[args, &["--server", &self.address]].concat(), b"").stdout
    }
}

#[test]
fn a_subscriber_outlives_its_server_and_says_what_is_missing() {
    for (number, runtime) in RUNTIMES.iter().enumerate() {
        let mut server = Restarted::start(10 + number as u8);
        let address = server.address.clone();
        let args = ["a", "b", "--server", &address, "--runtime", runtime];
        let mut subscriber = Subscriber::start(&args);
        server.ask(&["publish", "a", "--content", "before"]);
        assert_eq!(subscriber.line(), "a before\n");
        server.kill();
        subscriber.says("the connection ended: ");
        server.up();
        subscriber.says("subscribed again after ");
        assert_eq!(server.ask(&["publish", "b", "--content", "behind"]), b"1");
        assert_eq!(subscriber.line(), "b behind\n", "{runtime}");
        assert_eq!(subscriber.stop("-TERM"), Some(0));
    }
}

#[test]
fn a_server_that_refuses_when_it_is_back_ends_the_subscription() {
    let mut server = Restarted::start(20);
    let mut subscriber = Subscriber::start(&["a", "--server", &server.address]);
    server.kill();
    subscriber.says("the connection ended: ");
    let address = server.address.clone();
    let _secret = Server::start_at(&address, &["tcp"], &["--secret", "s"]);
    subscriber.says("netaio: AUTH_ERROR: ");
    assert_eq!(subscriber.end().0, Some(1));
}

/// What accepts and hangs up is asked ever less often, and a signal ends the pauses too.
#[test]
fn a_signal_ends_the_wait_for_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut subscriber = Subscriber::start_with(&["subscribe", "a", "--server", &address]);
    let confirm = br#"{"type":"CONFIRM_SUBSCRIBE","uri":"a"}"#;
    let confirm = run(&["encode"], confirm).output();
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0; 8]).unwrap();
    stream.write_all(&confirm).unwrap();
    subscriber.says("subscribed to a");
    drop((stream, listener));
    subscriber.says("not connected yet: cannot connect to ");
    assert_eq!(subscriber.stop("-INT"), Some(0));
}

#[test]
fn what_matches_a_pattern_is_told_with_its_uri() {
    for transport in ["tcp", "udp"] {
        let server = Server::start_on(&[transport], &[]);
        let address = server.addr.to_string();
        let over: &[&str] = match transport {
            "tcp" => &["--server", &address],
            _ => &["--udp", "--server", &address],
        };
        let ask = |args: &[&str]| run(&[args, over].concat(), b"");
        let patterns = ["s/*/t", "u/**", "--count", "2"];
        let mut subscriber = Subscriber::start(&[&patterns[..], over].concat());
        assert_eq!(ask(&["publish", "s/1/t", "--content", "x"]).stdout, b"1");
        assert_eq!(subscriber.line(), "s/1/t x\n");
        assert_eq!(ask(&["publish", "s/1/2/t"]).stdout, b"0");
        assert_eq!(ask(&["create", "u/1/2", "--content", "y"]).status, 0);
        assert_eq!(subscriber.end(), (Some(0), "u/1/2 y\n".into()));
        // Unsubscribed, over UDP too.
        while ask(&["publish", "u/1/2"]).stdout != b"0" {}
        // Not a whole segment: the uri itself, as anywhere else, which is said.
        let args = ["a*b", "a/*", "--count", "1"];
        let mut plain = Subscriber::start(&[&args, over].concat());
        let said = plain.said();
        let warned = "netaio: warning: a*b is no pattern";
        assert!(
            said.starts_with(warned) && said.contains("as in greet/*"),
            "{said}"
        );
        assert_eq!(ask(&["publish", "a*b", "--content", "z"]).stdout, b"1");
        assert_eq!(plain.end(), (Some(0), "a*b z\n".into()));
        let refused = ask(&["subscribe", "a/**/b"]);
        assert!(
            refused.error().contains("a wildcard has `*`"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_resource_is_watched_through_changes_and_restarts() {
    for (number, runtime) in RUNTIMES.iter().enumerate() {
        let mut server = Restarted::start(30 + number as u8);
        server.ask(&["create", "a", "--content", "1"]);
        let address = server.address.clone();
        let args = ["watch", "a", "--server", &address, "--runtime", runtime];
        let mut watcher = Subscriber::start_with(&args);
        assert_eq!(watcher.line(), "1\n");
        server.ask(&["publish", "a", "--content", "no change"]);
        server.ask(&["update", "a", "--content", "2"]);
        assert_eq!(watcher.line(), "2\n");
        server.ask(&["delete", "a"]);
        watcher.says("a is deleted");
        server.ask(&["create", "a", "--content", "3"]);
        assert_eq!(watcher.line(), "3\n");
        server.kill();
        watcher.says("the connection ended: ");
        server.up();
        watcher.says("subscribed again after ");
        // It is in memory only.
        watcher.says("a is deleted");
        server.ask(&["create", "a", "--content", "4"]);
        assert_eq!(watcher.line(), "4\n", "{runtime}");
        assert_eq!(watcher.stop("-TERM"), Some(0));
    }
}

/// A pattern is none there, which is said.
#[test]
fn what_is_watched_is_one_uri() {
    let server = Server::start(&[]);
    let address = server.addr.to_string();
    let mut watcher = Subscriber::start_with(&["watch", "a/*", "--server", &address]);
    watcher.says("netaio: warning: a/* is watched as that uri alone");
    watcher.says("there is no a/* yet");
    assert_eq!(watcher.stop("-TERM"), Some(0));
}

#[test]
fn states_are_json_and_end_after_their_number() {
    let server = Server::start_on(&["tcp", "udp"], &[]);
    let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
    let ask = |args: &[&str]| run(&[args, &["--server", &tcp]].concat(), b"");
    let watch = ["watch", "a", "--json", "--count", "3"];
    let watchers: [&[&str]; 2] = [&["--server", &tcp], &["--udp", "--server", &udp]];
    let watchers: Vec<_> = watchers
        .iter()
        .map(|over| {
            let mut watcher = Subscriber::start_with(&[&watch[..], over].concat());
            (watcher.line(), watcher)
        })
        .collect();
    assert_eq!(ask(&["create", "a", "--content", "1"]).status, 0);
    assert_eq!(ask(&["delete", "a"]).status, 0);
    for (first, watcher) in watchers {
        let (status, rest) = watcher.end();
        assert_eq!(status, Some(0));
        let lines = json_lines((first + &rest).as_bytes());
        let said = |line: &Value| (line["name"].clone(), line["change"].clone());
        let said: Vec<_> = lines.iter().map(said).collect();
        let told = |change: &str| ("NOTIFY_URI".into(), change.into());
        let absent = ("NOT_FOUND".into(), Value::Null);
        assert_eq!(said, [absent, told("created"), told("deleted")]);
    }
}

/// Over UDP the subscription is asked for again: a server that has restarted tells again.
#[test]
fn a_restarted_udp_server_tells_again() {
    let start = |address: &str| Server::start_at(address, &["udp"], &[]);
    let server = start(&format!("{}:0", own_host(40)));
    let address = server.addr.to_string();
    let over = ["--udp", "--server", &address];
    let ask = |args: &[&str]| run(&[args, &over].concat(), b"").stdout;
    let renew = ["--renew", "0.1"];
    let mut subscriber = Subscriber::start(&[&["a"], &over[..], &renew].concat());
    let mut watcher = Subscriber::start_with(&[&["watch", "a"], &over[..], &renew].concat());
    watcher.says("there is no a yet");
    assert_eq!(server.stop("-KILL"), None);
    for subscriber in [&mut subscriber, &mut watcher] {
        subscriber.says("the subscription is not confirmed any more: ");
    }
    let server = start(&address);
    for subscriber in [&mut subscriber, &mut watcher] {
        subscriber.says("subscribed again; ");
    }
    assert_eq!(ask(&["create", "a", "--content", "1"]), b"stored");
    assert_eq!(subscriber.line(), "1\n");
    assert_eq!(watcher.line(), "1\n");
    assert_eq!(subscriber.stop("-INT"), Some(0));
    assert_eq!(watcher.stop("-INT"), Some(0));
    drop(server);
}
