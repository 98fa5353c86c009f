//! What remotes say, on its way to a terminal, to standard error, to the log and in JSON.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use common::node::Node;
use common::server::Server;
use common::streams::{Ends, Stream, start_with};
use common::{Ran, run, stop};
use netaio_core::types::{AUTH_ERROR, ERROR, NOT_FOUND, NOT_PERMITTED};
use netaio_core::{MessageType, Printable};
use serde_json::{Value, json};

/// A title, a clear screen, C1, DEL, a line of its own, a direction, a separator of lines.
const HOSTILE: &str =
    "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\nnetaio: all is well\u{202e}\u{2028}é☂";
const ESCAPED: &str =
    r"\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\nnetaio: all is well\u{202e}\u{2028}é☂";

/// A frame, by the command itself.
fn frame(kind: u8, uri: &str, content: &str) -> Vec<u8> {
    let line = json!({"type": kind, "uri": uri, "content": content});
    run(&["encode"], line.to_string().as_bytes()).output()
}

/// Answers each connection with this, and returns where.
fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(&answer);
            // Until the client leaves.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    addr
}

/// Runs the command with a terminal for its output, and returns what was written to it.
fn at_a_terminal(args: &[&str]) -> (Option<i32>, String) {
    let mut input = Ends::input(Stream::Null);
    let (mut output, mut error) = (Ends::output(Stream::Terminal), Ends::output(Stream::Pipe));
    let mut child = start_with(args, &mut input, &mut output, &mut error);
    let printed = String::from_utf8(output.read().unwrap()).unwrap();
    // The terminal's own ends of lines.
    (child.wait().unwrap().code(), printed.replace("\r\n", "\n"))
}

fn shows(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || Printable::shows(c))
}

#[test]
fn an_errors_text_is_one_line_on_standard_error() {
    for kind in [ERROR, AUTH_ERROR, NOT_FOUND, NOT_PERMITTED].map(MessageType::value) {
        let server = answering(frame(kind, "u", HOSTILE));
        let ran = run(&["request", "u", "--server", &server], b"");
        assert_eq!((ran.status, &*ran.stdout), (1, &b""[..]), "{ran:?}");
        assert!(
            shows(&ran.stderr) && ran.stderr.contains(ESCAPED),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.lines().any(|line| line == "netaio: all is well"));
        // A long one is cut.
        let server = answering(frame(kind, "u", &"x\n".repeat(30_000)));
        let ran = run(&["request", "u", "--server", &server], b"");
        assert!(ran.stderr.len() < 8000 && ran.stderr.contains("(60000 bytes)"));
        // Whoever wants all of it has it.
        let ran = run(&["request", "u", "--json", "--server", &server], b"");
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(answer["content_hex"].as_str().unwrap().len(), 120_000);
    }
}

#[test]
fn content_is_raw_to_a_pipe_and_text_to_a_terminal() {
    let server = answering(frame(10, "u", HOSTILE));
    let args = ["request", "u", "--server", &server];
    assert_eq!(run(&args, b"").stdout, HOSTILE.as_bytes());
    let (status, printed) = at_a_terminal(&args);
    let lines = ESCAPED.replace(r"\n", "\n") + "\n";
    assert_eq!((status, printed), (Some(0), lines));
}

#[test]
fn frames_are_hex_on_a_terminal() {
    let path = std::env::temp_dir().join(format!("netaio-lines-{}", std::process::id()));
    let line = json!({"type": 0, "uri": HOSTILE, "content": HOSTILE}).to_string();
    fs::write(&path, format!("{line}\n{line}\n")).unwrap();
    let path = path.to_str().unwrap();
    let (status, printed) = at_a_terminal(&["encode", path]);
    assert_eq!((status, printed.lines().count()), (Some(0), 2));
    assert_eq!(run(&["encode", "--hex", path], b"").text(), printed);
    let frames = run(&["encode", path], b"").output();
    fs::remove_file(path).unwrap();
    let decoded = run(&["decode", "--hex", "--json"], printed.as_bytes()).output();
    assert_eq!(decoded, run(&["decode", "--json"], &frames).output());
}

#[test]
fn json_is_ascii_where_it_would_not_show() {
    let server = answering(frame(10, HOSTILE, HOSTILE));
    let printed = run(&["request", HOSTILE, "--json", "--server", &server], b"");
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(shows(&text) && text.contains(r"\u009b31m\u007f"), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["uri"], HOSTILE);
    for args in [&["decode", "--json"][..], &["decode"]] {
        let text = run(args, &frame(10, HOSTILE, HOSTILE)).text();
        assert!(shows(&text) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn notifications_make_no_lines_of_their_own_where_something_stands_before_them() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let publish = |uri: &str, content: &str| {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(&frame(7, uri, content)).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    };
    let content = "x\ndeleted important\u{1b}";
    let escaped = r"x\ndeleted important\u{1b}";
    for (options, uri, stream, wanted) in [
        (
            &["--changes"][..],
            "a",
            Stream::Pipe,
            format!("published {escaped}\n"),
        ),
        (&["b"], "a", Stream::Pipe, format!("a {escaped}\n")),
        (
            &["two words"],
            "two words",
            Stream::Pipe,
            format!("\"two words\" {escaped}\n"),
        ),
        (
            &["c", "--changes"],
            "c",
            Stream::Terminal,
            format!("published c {escaped}\n"),
        ),
        (&[], "a", Stream::Terminal, format!("{escaped}\n")),
        // The content alone is the content.
        (&[], "a", Stream::Pipe, format!("{content}\n")),
        // Twice the same uri is one.
        (&["a"], "a", Stream::Pipe, format!("{content}\n")),
    ] {
        let common = ["subscribe", "a", "--count", "1", "--server", &addr];
        let mut input = Ends::input(Stream::Null);
        let (mut output, mut error) = (Ends::output(stream), Ends::output(Stream::Pipe));
        let args = [&common, options].concat();
        let mut child = start_with(&args, &mut input, &mut output, &mut error);
        let mut said = String::new();
        BufReader::new(error.test()).read_line(&mut said).unwrap();
        publish(uri, content);
        let printed = String::from_utf8(output.read().unwrap()).unwrap();
        assert_eq!(printed.replace("\r\n", "\n"), wanted, "{options:?}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn json_of_a_subscriber_has_the_uri() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for uris in [&["a"][..], &["a", "b"]] {
        let common = ["subscribe", "--json", "--count", "1", "--server", &addr];
        let subscriber = common::subscriber::Subscriber::start(&[&common[1..], uris].concat());
        let told = ["publish", "a", "--content", "x", "--server", &addr];
        assert_eq!(run(&told, b"").stdout, b"1");
        let (status, printed) = subscriber.end();
        let news: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((status, &news["uri"]), (Some(0), &json!("a")));
    }
}

/// A CREATE_URI as long as may be, without layers.
fn longest(uri: &str) -> Vec<u8> {
    let mut body = u16::try_from(uri.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(uri.as_bytes());
    body.resize(65_480, b'x');
    let checksum = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let mut frame = vec![MessageType::CREATE_URI.value(), 0, 3];
    frame.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&(!checksum).to_be_bytes());
    frame.extend_from_slice(b"\x4d\x40\0");
    frame.extend_from_slice(&body);
    frame
}

/// Runs a server until it has answered these frames, and returns its log.
fn log_of(frames: &[Vec<u8>], options: &[&str]) -> String {
    let log = std::env::temp_dir().join(format!(
        "netaio-log-{}-{}",
        std::process::id(),
        options.len()
    ));
    let file = fs::File::create(&log).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_netaio"))
        .args(["serve", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"])
        .args(options)
        .stdout(std::process::Stdio::piped())
        .stderr(file)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut addr = || {
        let line = lines.next().unwrap().unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let (tcp, udp) = (addr(), addr());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for frame in frames {
        let mut stream = TcpStream::connect(&tcp).unwrap();
        stream.write_all(frame).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        let _ = socket.send_to(frame, &udp);
    }
    let asked = |options: &[&str]| -> Ran {
        run(
            &[&["request", "echo", "--content", "hi", "--server"], options].concat(),
            b"",
        )
    };
    assert_eq!(asked(&[&udp, "--udp"]).stdout, b"hi");
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    text
}

#[test]
fn a_log_has_no_lines_of_a_remotes() {
    let forged = "\n2026-01-01T00:00:00.000000Z ERROR netaio: all is lost\u{1b}[2J\u{9b}\u{202e}";
    // At the default level too: what leaves no room for layers, so that subscribers cannot be told.
    let mut frames = vec![longest(forged)];
    // Every type, with and without what a handler wants.
    for kind in MessageType::BASE {
        frames.push(frame(kind.value(), forged, forged));
    }
    for options in [&[][..], &["-vv"]] {
        let log = log_of(&frames, options);
        assert!(
            shows(&log) && log.contains("subscribers are not told"),
            "{log}"
        );
        for line in log.lines() {
            let timestamp = line.split(' ').next().unwrap();
            assert!(
                timestamp.ends_with('Z') && !timestamp.starts_with("2026-01-01"),
                "{line}"
            );
            assert!(line.len() < 2000, "{line}");
        }
    }
}

#[test]
fn a_peers_data_controls_no_terminal() {
    let meet = ["--group", "239.255.77.89", "--interface", "127.0.0.1"];
    let alice = |options: &[&str]| {
        Node::start(
            &[
                &["--listen", "127.0.0.1:0", "--id", "a11ce0"],
                &meet[..],
                options,
            ]
            .concat(),
        )
    };
    for options in [&[][..], &["--json"]] {
        let alice = alice(options);
        let addr = format!("127.0.0.2:{}", alice.addr.port());
        let mut bob = vec!["--listen", &addr, "--id", "b0b0"];
        bob.extend(meet);
        let data = HOSTILE.replace('\0', "");
        bob.extend(["--data", &data]);
        let _bob = Node::start(&bob);
        let line = alice.line();
        assert!(shows(&line) && line.contains(r"\u009b31m"), "{line}");
    }
}
