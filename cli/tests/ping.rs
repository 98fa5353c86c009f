//! `netaio ping`, as a command.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::net::UdpSocket;

use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, json_lines, run};

const THRICE: &[&str] = &["ping", "--count", "3", "--interval", "0.01"];

#[test]
fn round_trips_are_printed_and_summed_up() {
    let server = Server::start_on(&["tcp", "udp"], &["--secret", "s"]);
    let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
    for runtime in RUNTIMES {
        for (address, over) in [(&tcp, "TCP"), (&udp, "UDP")] {
            let udp: &[&str] = if over == "UDP" { &["--udp"] } else { &[] };
            let more = ["--server", address, "--secret", "s", "--runtime", runtime];
            let text = run(&[THRICE, &more, udp].concat(), b"").text();
            let lines: Vec<_> = text.lines().collect();
            for (number, line) in lines[..3].iter().enumerate() {
                let start = format!("{}: NOT_FOUND from {address} in ", number + 1);
                assert!(line.starts_with(&start) && line.ends_with(" ms"), "{line}");
            }
            assert_eq!(lines[3], format!("--- {address} over {over} ---"));
            assert!(lines[4].starts_with("3 sent, 3 answered, 0% lost, "));
            assert!(lines[5].starts_with("round trip min/avg/max/mdev = "));
            assert_eq!(lines.len(), 6);
            let json = run(&[THRICE, &more, udp, &["--json"]].concat(), b"").output();
            let json = json_lines(&json);
            assert_eq!(json.len(), 4);
            assert_eq!(json[2]["number"], 3);
            assert_eq!(
                (&json[3]["answered"], &json[3]["sent"]),
                (&3.into(), &3.into())
            );
            assert!(json[3]["seconds"]["min"].as_f64() <= json[3]["seconds"]["max"].as_f64());
        }
    }
}

#[test]
fn failures_have_their_exit_status() {
    let server = Server::start(&["--secret", "s"]);
    let address = server.addr.to_string();
    let ran = run(&[THRICE, &["--server", &address]].concat(), b"");
    assert!(ran.stderr.starts_with("netaio: AUTH_ERROR: "), "{ran:?}");
    assert_eq!(ran.status, 1);
    assert_eq!(server.stop("-TERM"), Some(0));
    let ran = run(&[THRICE, &["--server", &address]].concat(), b"");
    assert_eq!((ran.status, &ran.stdout[..]), (4, &b""[..]), "{ran:?}");
    // Somebody is there, and never answers.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let briefly = ["--udp", "--timeout", "0.01", "--server", &address];
    let ran = run(&[THRICE, &briefly].concat(), b"");
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(
        printed.starts_with("1: no answer within 10ms\n2: no answer "),
        "{printed}"
    );
    assert!(
        printed.contains("\n3 sent, 0 answered, 100% lost, "),
        "{printed}"
    );
    assert_eq!(ran.status, 3);
    for command in [&["ping"][..], &["subscribe", "a"], &["watch", "a"]] {
        let ran = run(&[command, &["--count", "0"]].concat(), b"");
        assert_eq!(ran.status, 2);
        let problem = "'--count <N>': must be 1 at least; without the option there is no limit";
        assert!(ran.stderr.contains(problem), "{ran:?}");
    }
}

#[test]
fn a_signal_ends_it_with_its_report() {
    let server = Server::start(&[]);
    let address = server.addr.to_string();
    let often = ["ping", "--interval", "0.001", "--server", &address];
    let mut ping = Subscriber::start_with(&often);
    assert!(ping.line().starts_with("1: NOT_FOUND from "));
    server.stop("-TERM");
    // The connection is lost, and is not there again.
    while ping.line().contains(": NOT_FOUND from ") {}
    ping.kill("-INT");
    let (status, rest) = ping.end();
    assert_eq!(status, Some(0));
    assert!(rest.contains("\nround trip min/avg/max/mdev = "), "{rest}");
}
