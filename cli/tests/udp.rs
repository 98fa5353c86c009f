//! `netaio serve` and the commands that ask it, over UDP.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::net::{SocketAddr, UdpSocket};

use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, Ran, json_lines, run, start};

/// Asks a server over UDP.
fn ask(server: SocketAddr, args: &[&str]) -> Ran {
    let server = server.to_string();
    run(&[args, &["--udp", "--server", &server]].concat(), b"")
}

/// Exit status and standard output.
fn said(ran: &Ran) -> (i32, &str) {
    (ran.status, std::str::from_utf8(&ran.stdout).unwrap())
}

#[test]
fn every_verb_is_served() {
    let server = Server::start_on(&["udp"], &[]);
    let script: [(&[&str], (i32, &str), &str); 10] = [
        (
            &["request", "echo", "--content", "hi"],
            (0, "hi"),
            "RESPOND_URI",
        ),
        (&["request", "a"], (1, ""), "NOT_FOUND"),
        (&["create", "a", "--content", "1"], (0, "stored"), "OK"),
        (&["create", "a", "--content", "2"], (1, ""), "ERROR"),
        (&["update", "a", "--content", "3"], (0, "stored"), "OK"),
        (&["request", "a"], (0, "3"), "RESPOND_URI"),
        (&["publish", "a", "--content", "4"], (0, "0"), "OK"),
        (&["delete", "a"], (0, "deleted"), "OK"),
        (&["delete", "a"], (1, ""), "NOT_FOUND"),
        (&["request", "a"], (1, ""), "NOT_FOUND"),
    ];
    for (args, wanted, name) in script {
        let ran = ask(server.addr, args);
        assert_eq!(said(&ran), wanted, "{args:?}: {}", ran.stderr);
        let prefix = format!("{name} in ");
        assert!(ran.stderr.starts_with(&prefix), "{args:?}: {}", ran.stderr);
    }
    let ran = ask(server.addr, &["request", "a", "--json"]);
    let answer = &json_lines(&ran.stdout)[0];
    assert_eq!(
        (&answer["name"], &answer["uri"]),
        (&"NOT_FOUND".into(), &"a".into())
    );
    assert_eq!(server.stop("-INT"), Some(0));
}

#[test]
fn layers_keep_strangers_out() {
    let keys = ["--secret", "s", "--key", "k"];
    let server = Server::start_on(
        &["udp"],
        &[&keys[..], &["--admin-secret", "admin"]].concat(),
    );
    let with = |args: &[&str], more: &[&[&str]]| ask(server.addr, &[args, &more.concat()].concat());
    let create = ["create", "a", "--content", "1"];
    let admin = with(&create, &[&keys, &["--admin-secret", "admin"]]);
    assert_eq!(said(&admin), (0, "stored"));
    assert_eq!(said(&with(&["request", "a"], &[&keys])), (0, "1"));
    // The errors that follow are not sealed, and so may be anybody's.
    let briefly = ["--timeout", "0.3"];
    let stranger = ["--secret", "guess", "--key", "k"];
    let ran = with(&["request", "a"], &[&stranger, &briefly]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let guess = ["--admin-secret", "guess"];
    for refused in [&[][..], &guess] {
        let ran = with(&["delete", "a"], &[&keys, refused, &briefly]);
        assert_eq!(ran.status, 3, "{}", ran.stderr);
    }
    assert_eq!(said(&with(&["request", "a"], &[&keys])), (0, "1"));
}

#[test]
fn an_inner_layer_alone_says_who_may_not() {
    let server = Server::start_on(&["udp"], &["--admin-secret", "admin"]);
    let ran = ask(server.addr, &["create", "a", "--content", "1"]);
    assert_eq!(ran.status, 1);
    let error = "netaio: AUTH_ERROR: HMAC auth failed\n        secrets and keys must be";
    assert!(ran.stderr.contains(error), "{}", ran.stderr);
}

#[test]
fn subscribers_are_told_what_happens() {
    let server = Server::start_on(&["udp"], &["--secret", "s"]);
    let addr = server.addr.to_string();
    let common = ["--udp", "--server", &addr, "--secret", "s"];
    let ask = |args: &[&str]| run(&[args, &common].concat(), b"");
    let mut both = Subscriber::start(&[&["a", "b"], &common[..]].concat());
    let one = Subscriber::start(&[&["b", "--json", "--count", "1"], &common[..]].concat());
    for (args, told) in [
        (&["create", "a", "--content", "first"][..], "a first\n"),
        (&["update", "a", "--content", "second"], "a second\n"),
        (&["delete", "a"], "a \n"),
        (&["publish", "b", "--content", "news"], "b news\n"),
    ] {
        assert_eq!(ask(args).status, 0, "{args:?}");
        assert_eq!(both.line(), told);
    }
    let (status, printed) = one.end();
    assert_eq!(status, Some(0));
    let news = &json_lines(printed.as_bytes())[0];
    assert_eq!(
        (&news["name"], &news["uri"], &news["content_hex"]),
        (&"NOTIFY_URI".into(), &"b".into(), &"6e657773".into())
    );
    // Whoever has ended is subscribed no more: no connection says it.
    while ask(&["publish", "b", "--content", "more"]).stdout != b"1" {
        assert_eq!(both.line(), "b more\n");
    }
    assert_eq!(both.line(), "b more\n");
    assert_eq!(both.stop("-TERM"), Some(0));
    while ask(&["publish", "a", "--content", "more"]).stdout != b"0" {}
}

#[test]
fn both_transports_share_one_store() {
    let server = Server::start_on(&["tcp", "udp"], &[]);
    let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
    let over_tcp = ["--server", &tcp];
    let over_udp = ["--udp", "--server", &udp];
    let ask = |args: &[&str], over: &[&str]| run(&[args, over].concat(), b"").stdout;
    let mut tcp_subscriber = Subscriber::start(&[&["a", "--no-reconnect"], &over_tcp[..]].concat());
    let mut udp_subscriber = Subscriber::start(&[&["a"], &over_udp[..]].concat());
    let mut hear = |line: &str| {
        assert_eq!(tcp_subscriber.line(), line);
        assert_eq!(udp_subscriber.line(), line);
    };
    assert_eq!(
        ask(&["create", "a", "--content", "1"], &over_udp),
        b"stored"
    );
    hear("1\n");
    assert_eq!(ask(&["request", "a"], &over_tcp), b"1");
    assert_eq!(
        ask(&["update", "a", "--content", "2"], &over_tcp),
        b"stored"
    );
    hear("2\n");
    assert_eq!(ask(&["request", "a"], &over_udp), b"2");
    for over in [&over_tcp[..], &over_udp] {
        assert_eq!(ask(&["publish", "a", "--content", "3"], over), b"2");
        hear("3\n");
    }
    assert_eq!(ask(&["delete", "a"], &over_tcp), b"deleted");
    hear("\n");
    assert_eq!(server.stop("-TERM"), Some(0));
    // A connection has an end; datagrams just stop.
    assert_eq!(tcp_subscriber.end(), (Some(4), String::new()));
    assert_eq!(udp_subscriber.stop("-INT"), Some(0));
}

#[test]
fn only_the_server_is_believed() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = server.local_addr().unwrap().to_string();
    let args = ["subscribe", "a", "--count", "1", "--udp", "--server", &addr];
    let child = start(&args);
    let mut request = [0; 64];
    let (_, subscriber) = server.recv_from(&mut request).unwrap();
    let send = |from: &UdpSocket, message: &str| {
        let frame = run(&["encode"], message.as_bytes()).output();
        from.send_to(&frame, subscriber).unwrap();
    };
    send(&server, r#"{"type":"CONFIRM_SUBSCRIBE","uri":"a"}"#);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    send(
        &stranger,
        r#"{"type":"NOTIFY_URI","uri":"a","content":"lies"}"#,
    );
    send(
        &server,
        r#"{"type":"NOTIFY_URI","uri":"a","content":"truth"}"#,
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"truth\n");
}

#[test]
fn failures_have_their_exit_status() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ran = ask(
        mute.local_addr().unwrap(),
        &["request", "a", "--timeout", "0.2"],
    );
    let error = "netaio: no answer within 200ms\n        is there a server, ";
    assert_eq!(ran.status, 3);
    assert!(ran.stderr.starts_with(error), "{}", ran.stderr);
    // Nobody has the port, and Linux hears so of itself.
    for server in ["127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
        for runtime in RUNTIMES {
            let never = ["--timeout", "3600", "--runtime", runtime];
            let args = [&["request", "a", "--udp", "--server", server], &never[..]].concat();
            if cfg!(target_os = "linux") {
                let ran = run(&args, b"");
                let error = "netaio: the datagram was not delivered: ";
                assert_eq!(ran.status, 4, "{ran:?}");
                assert!(ran.stderr.starts_with(error), "{}", ran.stderr);
                // What it says to type is a command: here of an address that is taken.
                let advised = ran.stderr.split('`').nth(1).unwrap();
                let taken = mute.local_addr().unwrap().to_string();
                let advised = advised.replace("127.0.0.1:8888", &taken);
                let words: Vec<_> = advised.split(' ').skip(1).collect();
                let error = format!("cannot bind {taken}: ");
                let ran = run(&words, b"");
                assert!(ran.error().starts_with(&error), "{ran:?}");
            }
        }
    }
    let name = "no-such-host.invalid:1";
    let ran = run(&["request", "a", "--udp", "--server", name], b"");
    let error = format!("netaio: cannot connect to {name}: ");
    assert_eq!(ran.status, 4);
    assert!(ran.stderr.starts_with(&error), "{}", ran.stderr);
    let server = mute.local_addr().unwrap().to_string();
    let long = ["create", "a", "--file", "-", "--udp", "--server", &server];
    assert_eq!(run(&long, &[0; 65_423]).status, 2);
    assert_eq!(run(&["serve", "--udp", "8888"], b"").status, 2);
    let taken = run(&["serve", "--udp", &server], b"");
    let error = format!("cannot bind {server}: ");
    assert!(taken.error().starts_with(&error), "{taken:?}");
}

/// It is said at once, over either transport.
#[test]
fn a_link_local_address_needs_a_zone() {
    for options in [&[][..], &["--udp"]] {
        for args in [&["request", "a"], &["subscribe", "a"]] {
            let server = ["--timeout", "3600", "--server", "[fe80::1]:7000"];
            let ran = run(&[&args[..], &server, options].concat(), b"");
            assert_eq!(ran.status, 4, "{ran:?}");
            let problem = "a link-local address needs a zone, such as [fe80::1%eth0]:7000\n";
            assert!(ran.stderr.contains(problem), "{ran:?}");
        }
    }
}

#[test]
fn several_servers_are_for_tcp() {
    let servers = "127.0.0.1:1,127.0.0.1:2";
    for args in [
        &["request", "a", "--udp", "--server", servers][..],
        &["subscribe", "a", "--udp", "--server", servers],
        &["ping", "--udp", "--server", servers],
    ] {
        let ran = run(args, b"");
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("several servers are for TCP"),
            "{ran:?}"
        );
    }
}
