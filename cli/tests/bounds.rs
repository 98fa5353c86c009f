//! What clients of `netaio serve` may hold, and for how long.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use common::server::Server;
use common::{ECHO, RUNTIMES, Ran, run};

fn ask(server: &Server, args: &[&str]) -> Ran {
    let addr = server.addr.to_string();
    run(&[args, &["--server", &addr]].concat(), b"")
}

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.addr).unwrap()
}

/// Asks on a connection, and reads the answer.
fn echo(stream: &mut TcpStream) {
    stream.write_all(ECHO).unwrap();
    stream.read_exact(&mut [0; ECHO.len()]).unwrap();
}

/// Waits until the server has closed.
fn assert_closes(mut stream: TcpStream) {
    let read = stream.read(&mut [0; 1]);
    let reset = |error: std::io::Error| error.kind() == ErrorKind::ConnectionReset;
    assert!(read.map_or_else(reset, |count| count == 0));
}

#[test]
fn silent_connections_are_closed_in_time() {
    for runtime in RUNTIMES {
        let options = ["--auth-timeout", "0.3", "--runtime", runtime];
        let server = Server::start(&options);
        let mut shown = connect(&server);
        echo(&mut shown);
        assert_closes(connect(&server));
        // Who has shown itself may be silent.
        echo(&mut shown);
        let server = Server::start(&["--idle-timeout", "0.3", "--runtime", runtime]);
        let mut idle = connect(&server);
        echo(&mut idle);
        assert_closes(idle);
    }
}

#[test]
fn an_address_may_have_so_many_connections() {
    for runtime in RUNTIMES {
        let server = Server::start(&["--per-address", "2", "--runtime", runtime]);
        let mut streams = [connect(&server), connect(&server)];
        streams.iter_mut().for_each(echo);
        assert_closes(connect(&server));
        streams.iter_mut().for_each(echo);
    }
    assert_eq!(run(&["serve", "--per-address", "0"], b"").status, 2);
}

#[test]
fn an_address_may_have_so_many_udp_subscribers() {
    let server = Server::start_on(&["udp"], &["--per-address", "1"]);
    let addr = server.addr.to_string();
    let ask = |args: &[&str]| run(&[args, &["--udp", "--server", &addr]].concat(), b"");
    let mut first = common::subscriber::Subscriber::start(&["a", "--udp", "--server", &addr]);
    let second = ask(&["subscribe", "a"]);
    assert_eq!(second.status, 1);
    let error = "ERROR: 1 subscribers from this address already";
    assert!(second.stderr.contains(error), "{}", second.stderr);
    assert_eq!(ask(&["publish", "a", "--content", "news"]).stdout, b"1");
    assert_eq!(first.line(), "news\n");
}

#[test]
fn the_store_has_limits_and_says_which() {
    let limits = ["--max-resources", "2", "--max-bytes", "2000"];
    let server = Server::start(&[&limits[..], &["--max-content", "1000"]].concat());
    let full = |ran: &Ran, limit: &str| {
        assert_eq!(ran.status, 1);
        let error = format!("ERROR: the store is full: at most {limit}");
        assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    };
    // Each counts 256 bytes besides its own.
    let long = "x".repeat(1000);
    for args in [
        ["create", "a", "--content", &long],
        ["create", "b", "--content", ""],
    ] {
        assert_eq!(ask(&server, &args).status, 0);
    }
    let longer = "x".repeat(487);
    full(
        &ask(&server, &["update", "b", "--content", &longer]),
        "2000 bytes (--max-bytes)",
    );
    assert_eq!(
        ask(&server, &["update", "b", "--content", &longer[1..]]).status,
        0
    );
    let too_long = ask(&server, &["update", "a", "--content", &"x".repeat(1001)]);
    let error = "ERROR: a content of 1001 bytes; at most 1000 are kept (--max-content)";
    assert!(too_long.stderr.contains(error), "{}", too_long.stderr);
    let number = "2 resources (--max-resources)";
    full(&ask(&server, &["create", "c", "--content", ""]), number);
    assert_eq!(ask(&server, &["delete", "a"]).status, 0);
    assert_eq!(ask(&server, &["create", "c", "--content", &long]).status, 0);
}

#[test]
fn a_key_has_a_limit() {
    let server = Server::start(&[]);
    let key = "k".repeat(4097);
    let subscribed = ask(&server, &["subscribe", &key]);
    assert_eq!(subscribed.status, 1);
    let error = "a key of 4097 bytes; at most 4096 may be subscribed to";
    assert!(subscribed.stderr.contains(error), "{}", subscribed.stderr);
}
