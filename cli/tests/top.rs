//! `netaio top`, at a terminal and without one.
#![cfg(all(target_os = "linux", feature = "top"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use common::screen::{Screen, resize};
use common::server::Server;
use common::streams::terminal;
use common::{RUNTIMES, json_lines, kill, run, start};

/// What is asked of a server until somebody stops it.
struct Load(Child);

impl Load {
    fn start(server: &Server) -> Self {
        let addr = server.addr.to_string();
        Self(start(&["bench", "--server", &addr, "--secs", "600"]))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_terminal_that_goes_away_is_no_panic() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let metrics = server.metrics.unwrap().to_string();
    let (mut master, terminal) = terminal();
    resize(&master, (80, 24));
    let mut child = Command::new("setsid")
        .args(["--ctty", env!("CARGO_BIN_EXE_netaio"), "top", "--metrics"])
        .args([&metrics, "--interval", "0.1"])
        .env("TERM", "xterm-256color")
        .stdin(terminal.try_clone().unwrap())
        .stdout(terminal)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut shown, mut bytes) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&shown).contains("connections") {
        // An error, where the command has ended.
        let Ok(count) = master.read(&mut bytes) else {
            break;
        };
        shown.extend_from_slice(&bytes[..count]);
    }
    drop(master);
    let mut said = String::new();
    let error = child.stderr.as_mut().unwrap();
    error.read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    // By SIGHUP, or since it cannot draw.
    assert!(
        !shown.is_empty() && matches!(code, Some(0 | 1 | 129)),
        "{code:?} {said}"
    );
    assert!(said.is_empty() || said.starts_with("netaio: "), "{said}");
    assert!(!said.contains("cursor"), "{said}");
}

/// Whether a line of the screen has a label and, anywhere behind it, what is wanted.
fn shows(text: &str, label: &str, is_so: impl Fn(&str) -> bool) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.trim_start().strip_prefix(label).is_some_and(&is_so))
}

#[test]
fn a_server_is_shown_while_it_works_goes_and_comes() {
    let server = Server::start_on(&["tcp", "udp", "metrics"], &[]);
    let metrics = server.metrics.unwrap().to_string();
    let args = ["top", "--metrics", &metrics, "--interval", "0.1"];
    let mut screen = Screen::start(&args, &[], (80, 24));
    screen.wait_for("connections            0");
    let load = Load::start(&server);
    // Messages every second, and how long handlers take.
    let flows = |rest: &str| rest.contains("/s") && !rest.trim_start().starts_with("0/s");
    let text = screen.wait("load", |text| {
        shows(text, "connections", |rest| {
            rest.trim_start().starts_with('1')
        }) && shows(text, "messages in, out", flows)
            && shows(text, "requests handled", flows)
            && shows(text, "handler time, mean", |rest| rest.contains("99%"))
            && text.contains('█')
    });
    assert!(text.starts_with(" netaio top"), "{text}");
    assert!(
        shows(&text, "process", |rest| rest.contains("of memory")),
        "{text}"
    );
    assert!(screen.has_colours());
    // Another size.
    screen.resize((100, 40));
    screen.wait("the end of a longer line", |text| {
        let first = text.lines().next().unwrap_or_default();
        first.len() > 90 && first.trim_end().ends_with("q ends")
    });
    screen.resize((40, 10));
    screen.wait("no boxes", |text| {
        text.lines().count() <= 10 && !text.contains('┌') && text.contains("connections")
    });
    screen.resize((80, 24));
    screen.wait_for("┌ messages");
    drop(load);
    assert_eq!(server.stop("-TERM"), Some(0));
    screen.wait_for("cannot connect to");
    let _server = Server::start_on(&["tcp"], &["--metrics", &metrics]);
    screen.wait("the server again", |text| {
        !text.contains("cannot connect") && !text.contains("measuring")
    });
    screen.type_in("q");
    assert_eq!(screen.end(), Some(0));
}

/// What ends it.
type End<'a> = &'a dyn Fn(&mut Screen);

#[test]
fn the_terminal_is_as_it_was_however_it_ends() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let metrics = server.metrics.unwrap().to_string();
    // And its status, as the table of them has it.
    let endings: [(End<'_>, i32); 7] = [
        (&|screen| screen.type_in("q"), 0),
        (&|screen| screen.type_in("\u{1b}"), 0),
        (&|screen| screen.type_in("\u{3}"), 0),
        (&|screen| screen.kill("-TERM"), 0),
        (&|screen| screen.kill("-INT"), 0),
        (&|screen| screen.kill("-HUP"), 129),
        (&|screen| screen.kill("-QUIT"), 131),
    ];
    for (index, (end, status)) in endings.iter().enumerate() {
        let runtime = RUNTIMES[index % RUNTIMES.len()];
        let args = ["top", "--metrics", &metrics, "--runtime", runtime];
        let mut screen = Screen::start(&args, &[("NO_COLOR", "1")], (80, 24));
        screen.wait_for("connections");
        assert!(!screen.has_colours());
        end(&mut screen);
        assert_eq!(screen.end(), Some(*status), "ending {index}");
    }
}

/// The shell has the terminal meanwhile, as it was.
#[test]
fn a_shell_has_it_stop_and_go_on() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let metrics = server.metrics.unwrap().to_string();
    let script =
        r#"set -m; "$0" "$@"; echo "status $?"; read -r line; fg >/dev/null; echo "and $?""#;
    let netaio = env!("CARGO_BIN_EXE_netaio");
    for runtime in RUNTIMES {
        let top = ["top", "--metrics", &metrics, "--runtime", runtime];
        let command = [&["bash", "-c", script, netaio], &top[..]].concat();
        let mut screen = Screen::of(&command, &[], (80, 24));
        screen.wait_for("connections");
        screen.type_in("\u{1a}");
        // As 128 and the number of the signal that has stopped it: SIGSTOP.
        screen.wait_for("status 147");
        screen.wait_for_restored();
        screen.type_in("\r");
        screen.wait_for("connections");
        screen.type_in("q");
        screen.wait_for("and 0");
        assert_eq!(screen.end(), Some(0));
    }
    // Nobody could have it go on where it is alone.
    let mut screen = Screen::start(&["top", "--metrics", &metrics], &[], (80, 24));
    screen.wait_for("connections");
    screen.type_in("\u{1a}");
    screen.kill("-TSTP");
    screen.type_in("q");
    assert_eq!(screen.end(), Some(0));
}

#[test]
fn without_a_terminal_figures_are_text() {
    let server = Server::start_on(&["tcp", "udp", "metrics"], &[]);
    let addr = server.addr.to_string();
    let metrics = server.metrics.unwrap().to_string();
    run(&["create", "a", "--content", "123", "--server", &addr], b"");
    let top = ["top", "--metrics", &metrics, "--interval", "0.1"];
    let text = run(&[&top[..], &["--once"]].concat(), b"").text();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        shows(&text, "node", |rest| rest.contains("tcp")
            && rest.contains("udp")),
        "{text}"
    );
    assert!(
        shows(&text, "store", |rest| rest.contains("1 resource, 260 B")),
        "{text}"
    );
    let json = run(&[&top[..], &["--once", "--json"]].concat(), b"").text();
    let read = &json_lines(json.as_bytes())[0];
    assert_eq!(read["nodes"]["tcp"]["received_messages"]["total"], 1);
    assert_eq!(read["nodes"]["tcp"]["handlers"]["total"], 1);
    assert_eq!(read["own"]["store_resources"], 1);
    // A line each time, until a signal comes.
    let mut child = start(&[&top[..], &["--json"]].concat());
    let mut out = child.stdout.take().unwrap();
    let mut text = Vec::new();
    while text.iter().filter(|byte| **byte == b'\n').count() < 3 {
        let mut byte = [0];
        out.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    assert_eq!(server.stop("-TERM"), Some(0));
    // That there are none is a line, too.
    let away = loop {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            out.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        let line = json_lines(&line).remove(0);
        if !line["error"].is_null() {
            break line;
        }
    };
    assert_eq!(away["server"], *metrics);
    let why = away["error"].as_str().unwrap();
    assert!(why.contains(&metrics), "{why}");
    kill(&child, "-TERM");
    // What it has printed is read, or it would wait for that.
    out.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let seconds = |line: &serde_json::Value| line["seconds"].as_f64().unwrap();
    assert!(json_lines(&text).iter().all(|line| seconds(line) > 0.05));
}

#[test]
fn what_is_no_server_of_metrics_is_said() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let once = |addr: &str| run(&["top", "--once", "--metrics", addr], b"");
    // Where it serves itself.
    let wrong = once(&server.addr.to_string());
    assert_eq!(wrong.status, 1, "{wrong:?}");
    assert!(wrong.error().ends_with(" answers is no HTTP"), "{wrong:?}");
    assert!(
        wrong
            .stderr
            .contains("start it with `--metrics 127.0.0.1:9100`, say")
    );
    // On a terminal too, while it is asked again.
    let args = ["top", "--server", &server.addr.to_string()];
    let mut screen = Screen::start(&args, &[], (80, 24));
    screen.wait("what to do", |text| {
        text.contains(" answers is no HTTP; tried ") && text.contains("`netaio serve --metrics")
    });
    screen.type_in("q");
    assert_eq!(screen.end(), Some(0));
    let metrics = server.metrics.unwrap().to_string();
    assert_eq!(server.stop("-TERM"), Some(0));
    let away = once(&metrics);
    assert_eq!(away.status, 4, "{away:?}");
    assert!(
        away.stderr.starts_with("netaio: cannot connect to"),
        "{away:?}"
    );
    for (answer, status, wanted) in [
        (
            "HTTP/1.1 404 Not Found\r\n\r\n",
            1,
            "the HTTP status 404 Not Found",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\ngo_threads 3\n",
            1,
            "has no figures of netaio",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            1,
            "ends early",
        ),
        (
            &"HTTP/1.1 200 OK\r\n".repeat(100_000),
            1,
            "has more than 1048576 bytes",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let answer = answer.to_owned();
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /metrics HTTP/1.0\r\n"));
            // It may read no more.
            let _ = stream.write_all(answer.as_bytes());
        });
        let ran = once(&addr);
        answering.join().unwrap();
        assert_eq!(ran.status, status, "{ran:?}");
        assert!(ran.stderr.contains(wanted), "{ran:?}");
    }
    // One that says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    let late = run(
        &["top", "--once", "--metrics", &addr, "--timeout", "0.2"],
        b"",
    );
    assert_eq!(late.status, 3, "{late:?}");
    assert!(late.stderr.contains("within 200ms"), "{late:?}");
    for options in [&["--interval", "0.01"][..], &["--metrics", "nowhere"]] {
        let usage = run(&[&["top", "--metrics", &addr], options].concat(), b"");
        assert_eq!(usage.status, 2, "{usage:?}");
    }
}
