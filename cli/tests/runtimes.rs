//! The commands on every runtime that was built in.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use common::node::Node;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, run};

#[test]
fn every_command_runs_on_every_runtime() {
    for serving in RUNTIMES {
        let server = Server::start_on(&["tcp", "udp"], &["--runtime", serving]);
        let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
        for asking in RUNTIMES {
            for over in [&["--server", &tcp][..], &["--udp", "--server", &udp]] {
                let common = [over, &["--runtime", asking]].concat();
                // One of its own, of which an earlier subscriber has not heard.
                let uri = format!("{asking} {}", over.len());
                let uri = &*uri;
                let ask = |args: &[&str]| run(&[args, &common].concat(), b"").stdout;
                let mut subscriber = Subscriber::start(&[&[uri], &common[..]].concat());
                assert_eq!(ask(&["create", uri, "--content", "1"]), b"stored");
                assert_eq!(subscriber.line(), "1\n");
                assert_eq!(ask(&["update", uri, "--content", "2"]), b"stored");
                assert_eq!(subscriber.line(), "2\n");
                assert_eq!(ask(&["request", uri]), b"2", "{uri} asks {serving}");
                assert_eq!(ask(&["publish", uri, "--content", "3"]), b"1");
                assert_eq!(subscriber.line(), "3\n");
                assert_eq!(ask(&["delete", uri]), b"deleted");
            }
        }
        assert_eq!(server.stop("-TERM"), Some(0), "{serving}");
    }
}

#[test]
fn nodes_find_each_other_on_every_runtime() {
    let meet = ["--group", "239.255.77.89", "--interface", "127.0.0.1"];
    for one in RUNTIMES {
        let listen = ["--listen", "127.0.0.1:0", "--runtime", one];
        let first = Node::start(&[&listen, &meet[..]].concat());
        for other in RUNTIMES {
            let listen = format!("127.0.0.2:{}", first.addr.port());
            let listen = ["--listen", &listen, "--runtime", other];
            let second = Node::start(&[&listen, &meet[..]].concat());
            let peer = format!("{} {}", second.id, second.addr);
            assert_eq!(first.line(), format!("came {peer} {{}}"), "{one} {other}");
            let came = format!("came {} {} {{}}", first.id, first.addr);
            assert_eq!(second.line(), came, "{one} {other}");
            assert_eq!(second.stop("-TERM"), (Some(0), vec![]), "{one} {other}");
            assert_eq!(first.line(), format!("gone {peer} left"), "{one} {other}");
        }
        assert_eq!(first.stop("-INT"), (Some(0), vec![]), "{one}");
    }
}

#[test]
fn every_runtime_is_listed() {
    let help = run(&["request", "--help"], b"").text();
    for name in ["tokio", "smol", "async-std"] {
        assert!(help.contains(&format!("- {name}:")), "{help}");
    }
}

#[cfg(not(feature = "async-std"))]
#[test]
fn a_runtime_that_was_not_built_in_is_refused() {
    let sentence = "this netaio was built without async-std; build it with --features async-std";
    for command in [
        &["serve"][..],
        &["request", "a"],
        &["publish", "a"],
        &["subscribe", "a"],
        &["watch", "a"],
        &["ping"],
        &["node"],
        &["bench"],
    ] {
        let ran = run(&[command, &["--runtime", "async-std"]].concat(), b"");
        assert_eq!(ran.status, 2, "{command:?}");
        assert!(ran.stderr.contains(sentence), "{}", ran.stderr);
    }
}
