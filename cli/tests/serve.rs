//! `netaio serve` and the commands that ask it, as commands.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use common::folder::Folder;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{ECHO, Ran, json_lines, run};

/// Asks a server.
fn ask(server: &Server, args: &[&str]) -> Ran {
    ask_with(server, args, b"")
}

fn ask_with(server: &Server, args: &[&str], input: &[u8]) -> Ran {
    let addr = server.addr.to_string();
    run(&[args, &["--server", &addr]].concat(), input)
}

/// Exit status, standard output, and what standard error says besides the time.
fn said(ran: &Ran) -> (i32, &str, Vec<&str>) {
    let stdout = std::str::from_utf8(&ran.stdout).unwrap();
    let lines = ran.stderr.lines();
    let words = lines.map(|line| line.split(" in ").next().unwrap());
    (ran.status, stdout, words.collect())
}

#[test]
fn resources_live_and_die() {
    let folder = Folder::new("live-and-die");
    for options in [&[][..], &["--store", &folder.path("store")]] {
        live_and_die(&Server::start(options));
    }
}

fn live_and_die(server: &Server) {
    let asked = |args: &[&str]| {
        let ran = ask(server, args);
        let (status, stdout, stderr) = said(&ran);
        (status, stdout.to_owned(), stderr.join(" | "))
    };
    let expect = |status: i32, stdout: &str, stderr: &str| (status, stdout.into(), stderr.into());
    let not_found = expect(1, "", "NOT_FOUND | netaio: NOT_FOUND: not found");
    assert_eq!(
        asked(&["request", "echo", "--content", "hi"]),
        expect(0, "hi", "RESPOND_URI")
    );
    assert_eq!(asked(&["request", "a"]), not_found);
    assert_eq!(asked(&["update", "a", "--content", "1"]), not_found);
    assert_eq!(asked(&["delete", "a"]), not_found);
    assert_eq!(
        asked(&["create", "a", "--content", "1"]),
        expect(0, "stored", "OK")
    );
    let overwrite = expect(1, "", "ERROR | netaio: ERROR: cannot overwrite");
    assert_eq!(asked(&["create", "a", "--content", "2"]), overwrite);
    assert_eq!(asked(&["request", "a"]), expect(0, "1", "RESPOND_URI"));
    assert_eq!(
        asked(&["update", "a", "--content", "3"]),
        expect(0, "stored", "OK")
    );
    assert_eq!(asked(&["request", "a"]), expect(0, "3", "RESPOND_URI"));
    assert_eq!(asked(&["delete", "a"]), expect(0, "deleted", "OK"));
    assert_eq!(asked(&["request", "a"]), not_found);
    // What nobody could read is not stored.
    for verb in ["create", "update"] {
        let (status, stdout, stderr) = asked(&[verb, "echo", "--content", "1"]);
        assert_eq!((status, &*stdout), (1, ""), "{stderr}");
        let error = "ERROR | netaio: ERROR: requests for echo are answered by the server itself";
        assert!(stderr.starts_with(error), "{stderr}");
    }
}

/// What is stored was said: whoever pipes something, or forgets it, is told, and stores no empty content.
#[test]
fn nothing_is_stored_that_was_not_given() {
    let server = Server::start(&[]);
    for verb in ["create", "update"] {
        let ran = ask_with(&server, &[verb, "a"], b"piped");
        assert_eq!((ran.status, &*ran.stdout), (2, &b""[..]), "{ran:?}");
        assert!(
            ran.stderr.contains("--content <TEXT>|--file <PATH>"),
            "{ran:?}"
        );
        assert_eq!(ask(&server, &["request", "a"]).status, 1);
    }
    assert_eq!(ask(&server, &["create", "a", "--content", ""]).status, 0);
    assert_eq!(ask(&server, &["update", "a", "--file", "-"]).status, 0);
    let read = ask(&server, &["request", "a"]);
    assert_eq!((read.status, &*read.stdout), (0, &b""[..]));
}

#[test]
fn error_answers_name_the_uri() {
    let server = Server::start(&[]);
    let ran = ask(&server, &["request", "nothing", "--json"]);
    assert_eq!(ran.status, 1);
    let answer = &json_lines(&ran.stdout)[0];
    assert_eq!(
        (&answer["name"], &answer["uri"]),
        (&"NOT_FOUND".into(), &"nothing".into())
    );
    assert_eq!(
        (&answer["type"], &answer["verified"]),
        (&24.into(), &true.into())
    );
}

#[test]
fn content_comes_from_files_and_goes_raw() {
    let server = Server::start(&[]);
    let bytes: Vec<u8> = (0..=255).cycle().take(65_000).collect();
    let place = std::env::temp_dir().join(format!("netaio-content-{}", std::process::id()));
    std::fs::write(&place, &bytes).unwrap();
    let created = ask(
        &server,
        &["create", "file", "--file", place.to_str().unwrap()],
    );
    std::fs::remove_file(&place).unwrap();
    assert_eq!(created.status, 0);
    assert_eq!(ask(&server, &["request", "file"]).stdout, bytes);
    let updated = ask_with(&server, &["update", "file", "--file", "-"], b"\0\xff\n");
    assert_eq!(updated.status, 0);
    assert_eq!(ask(&server, &["request", "file"]).stdout, b"\0\xff\n");
}

#[test]
fn layers_keep_strangers_out() {
    let keys = ["--secret", "s", "--key", "k"];
    let server = Server::start(&[&keys[..], &["--admin-secret", "admin"]].concat());
    let with = |args: &[&str], more: &[&str]| ask(&server, &[args, more].concat());
    assert_eq!(
        with(&["request", "echo", "--content", "hi"], &keys).stdout,
        b"hi"
    );
    let create = ["create", "a", "--content", "1"];
    let admin = [&keys[..], &["--admin-secret", "admin"]].concat();
    let wrong = [&keys[..], &["--admin-secret", "guess"]].concat();
    for refused in [&keys[..], &wrong] {
        let ran = with(&create, refused);
        assert_eq!(ran.status, 1);
        assert!(
            ran.stderr
                .contains("netaio: AUTH_ERROR: HMAC auth failed\n        secrets and keys"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(with(&create, &admin).status, 0);
    assert_eq!(with(&["request", "a"], &keys).stdout, b"1");
    let stranger = with(
        &["request", "a"],
        &["--secret", "guess", "--key", "k", "--json"],
    );
    assert_eq!(stranger.status, 1);
    assert_eq!(json_lines(&stranger.stdout)[0]["verified"], false);
}

/// The log says in words why a message is refused.
#[test]
fn refusals_are_logged_in_words() {
    for (transport, over) in [
        ("--tcp", &[][..]),
        ("--udp", &["--udp", "--timeout", "0.1"]),
    ] {
        let verbose = ["-v", "-v", "serve", transport, "127.0.0.1:0"];
        let mut server = Subscriber::start_with(&[&verbose[..], &["--secret", "s"]].concat());
        let line = server.line();
        let to = ["--server", line.trim_end().rsplit(' ').next().unwrap()];
        let ran = run(&[&["request", "echo"], &to[..], over].concat(), b"");
        assert_ne!(ran.status, 0);
        let logged = loop {
            let line = server.said();
            assert!(!line.is_empty(), "nothing is logged");
            if line.contains(" refused ") {
                break line;
            }
        };
        let reason = "reason=REQUEST_URI: auth check failed: field timestamp is missing";
        assert!(logged.contains(reason), "{logged}");
        let has_address = logged.contains(" remote=127.0.0.1:");
        assert!(has_address && !logged.contains("Some("), "{logged}");
    }
}

#[test]
fn the_cipher_may_leave_the_uri_readable() {
    let options = ["--key", "k", "--plain-uri"];
    let server = Server::start(&options);
    let ran = ask(
        &server,
        &[&["request", "echo", "--content", "hi"], &options[..]].concat(),
    );
    assert_eq!((ran.status, &ran.stdout[..]), (0, &b"hi"[..]));
}

#[test]
fn failures_have_their_exit_status() {
    let usage = |args: &[&str]| run(args, b"").status;
    assert_eq!(usage(&["request"]), 2);
    assert_eq!(usage(&["request", "a", "--timeout", "never"]), 2);
    for option in ["--secret", "--key", "--admin-secret"] {
        let empty = run(&["update", "a", "--content", "x", option, ""], b"");
        assert_eq!(empty.status, 2, "{option}");
        assert!(
            empty.stderr.contains("protects nothing"),
            "{}",
            empty.stderr
        );
    }
    assert_eq!(usage(&["create", "a", "--content", "x", "--file", "y"]), 2);
    assert_eq!(usage(&["create", "a", "--file", "/no/such/file"]), 2);
    // A port that nobody listens on: it was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let ran = run(&["request", "a", "--server", &free], b"");
    assert_eq!(ran.status, 4);
    assert!(
        ran.stderr.starts_with("netaio: cannot connect to"),
        "{}",
        ran.stderr
    );
    // Somebody who accepts and does not answer.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = mute.local_addr().unwrap().to_string();
    let ran = run(
        &["request", "a", "--server", &addr, "--timeout", "0.2"],
        b"",
    );
    let error = "netaio: no answer within 200ms\n        is there a server, ";
    assert_eq!(ran.status, 3);
    assert!(ran.stderr.starts_with(error), "{}", ran.stderr);
    let server = Server::start(&[]);
    let long = ask_with(&server, &["create", "long", "--file", "-"], &[0; 65_423]);
    assert_eq!(long.status, 2);
}

#[test]
fn signals_stop_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let server = Server::start(&[]);
        // A connection that is open does not hold it up.
        let mut open = TcpStream::connect(server.addr).unwrap();
        open.write_all(ECHO).unwrap();
        let mut answer = vec![0; ECHO.len()];
        open.read_exact(&mut answer).unwrap();
        assert_eq!((answer[0], &answer[1..]), (1, &ECHO[1..]));
        assert_eq!(server.stop(signal), Some(0), "{signal}");
        assert_eq!(open.read(&mut answer).unwrap(), 0);
    }
}

#[test]
fn an_address_that_is_taken_is_said_to_be_and_what_to_do() {
    let server = Server::start(&[]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken_by = [
        ("--tcp", server.addr),
        ("--udp", socket.local_addr().unwrap()),
    ];
    for (transport, taken) in taken_by {
        let taken = taken.to_string();
        let ran = run(&["serve", transport, &taken], b"");
        let problem = match transport {
            "--tcp" => format!("netaio: cannot listen on {taken}: "),
            _ => format!("netaio: cannot bind {taken}: "),
        };
        assert_eq!(ran.status, 1, "{transport}");
        assert!(ran.stderr.starts_with(&problem), "{}", ran.stderr);
        let advice = "        another program ";
        let line = ran.stderr.lines().nth(1).unwrap_or_default();
        assert!(line.starts_with(advice), "{}", ran.stderr);
    }
}
