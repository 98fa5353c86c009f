//! Signals end every subcommand, whatever it waits for.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use common::server::Server;
use common::streams::{Ends, Stream, start_with};
use common::{ECHO, run};
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

const SIGNALS: [Signal; 2] = [Signal::INT, Signal::TERM];

/// The streams of a command whose output nobody reads, or somebody.
struct Started {
    child: Child,
    input: Ends,
    output: Ends,
    error: Ends,
}

fn start(args: &[&str], output: Stream, error: Stream) -> Started {
    let mut input = Ends::input(Stream::Pipe);
    let (mut output, mut error) = (Ends::output(output), Ends::output(error));
    let child = start_with(args, &mut input, &mut output, &mut error);
    // What starts it may have these signals ignored, and loses them then.
    let (file, netaio) = (
        format!("/proc/{}/exe", child.id()),
        Path::new(env!("CARGO_BIN_EXE_netaio")),
    );
    while fs::read_link(&file).is_ok_and(|path| !path.ends_with(netaio)) {
        thread::yield_now();
    }
    Started {
        child,
        input,
        output,
        error,
    }
}

impl Started {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Its end, by a signal that is sent once.
    fn ended_by(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().unwrap()
    }

    /// Waits until standard error says this.
    fn said(&mut self, text: &str) -> BufReader<fs::File> {
        let mut said = BufReader::new(self.error.test());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "{text}");
        }
        said
    }

    /// Waits until one of its threads is in a system call with this file for its first argument.
    fn waits_for_file(&self, number: u8) {
        let file = format!("{number:#x}");
        let tasks = format!("/proc/{}/task", self.child.id());
        loop {
            for task in fs::read_dir(&tasks).unwrap() {
                // It may have ended since.
                let call = fs::read_to_string(task.unwrap().path().join("syscall"));
                let call = call.unwrap_or_default();
                if call.split(' ').nth(1) == Some(&file) {
                    return;
                }
            }
            thread::yield_now();
        }
    }
}

/// A command that goes on until a signal: it ends with 0.
fn is_success(status: ExitStatus) -> bool {
    status.code() == Some(0)
}

/// Any other: the signal's own end.
fn is_by(status: ExitStatus, signal: Signal) -> bool {
    status.signal() == Some(signal.as_raw())
}

/// A port at which nobody accepts: a connection to it is neither made nor refused.
fn black_hole() -> (Socket, Vec<Socket>, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    // Its queue is full when one more is on its way for good.
    let mut connections = Vec::new();
    for _ in 0..4 {
        let connection = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        connection.set_nonblocking(true).unwrap();
        // In progress.
        let _ = connection.connect(&addr.into());
        connections.push(connection);
    }
    (listener, connections, addr)
}

/// The connections that have been begun to a port and are not made.
fn begun(addr: SocketAddr) -> usize {
    let remote = format!("0100007F:{:04X} 02 ", addr.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.matches(&remote).count()
}

#[test]
fn while_it_connects() {
    let (_listener, _connections, addr) = black_hole();
    let server = addr.to_string();
    let before = begun(addr);
    assert!(before > 0);
    for signal in SIGNALS {
        for name in [
            "request",
            "create",
            "update",
            "delete",
            "publish",
            "subscribe",
            "watch",
            "ping",
            "bench",
        ] {
            let options = ["--timeout", "3600", "--server", &server];
            let uri = match name {
                "bench" | "ping" => &[][..],
                "create" | "update" => &["a", "--content", "c"],
                _ => &["a"],
            };
            let args = [&[name], uri, &options].concat();
            let mut started = start(&args, Stream::Pipe, Stream::Pipe);
            while begun(addr) == before {
                thread::yield_now();
            }
            let status = started.ended_by(signal);
            let right = match name {
                "subscribe" | "watch" | "ping" | "bench" => is_success(status),
                _ => is_by(status, signal),
            };
            assert!(right, "{name} {signal:?}: {status}");
            while begun(addr) != before {
                thread::yield_now();
            }
        }
    }
}

#[test]
fn while_it_waits_for_an_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    for signal in SIGNALS {
        for name in [
            "request",
            "create",
            "update",
            "delete",
            "publish",
            "subscribe",
            "watch",
            "ping",
            "bench",
        ] {
            let options = ["--timeout", "3600", "--server", &server];
            let uri = match name {
                "bench" | "ping" => &[][..],
                "create" | "update" => &["a", "--content", "c"],
                _ => &["a"],
            };
            let args = [&[name], uri, &options].concat();
            let mut started = start(&args, Stream::Pipe, Stream::Pipe);
            let (mut connection, _) = silent.accept().unwrap();
            connection.read_exact(&mut [0; 12]).unwrap();
            let status = started.ended_by(signal);
            let right = match name {
                "subscribe" | "watch" | "ping" | "bench" => is_success(status),
                _ => is_by(status, signal),
            };
            assert!(right, "{name} {signal:?}: {status}");
        }
    }
}

#[test]
fn while_it_waits_for_input() {
    for signal in SIGNALS {
        for args in [
            &["decode"][..],
            &["encode"],
            &["request", "a", "--file", "-"],
        ] {
            let mut started = start(args, Stream::Pipe, Stream::Pipe);
            let input = started.input.test();
            let status = started.ended_by(signal);
            assert!(is_by(status, signal), "{args:?} {signal:?}: {status}");
            drop(input);
        }
    }
}

#[test]
fn while_nothing_happens() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mute_addr = mute.local_addr().unwrap().to_string();
    for signal in SIGNALS {
        for (args, says) in [
            (&["subscribe", "a", "--server", &addr][..], "subscribed to"),
            (&["subscribe", "a", "--udp", "--server", &mute_addr], ""),
            (
                &[
                    "node",
                    "--listen",
                    "127.0.0.1:0",
                    "--interface",
                    "127.0.0.1",
                ],
                "node ",
            ),
            (
                &["serve", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"],
                "",
            ),
        ] {
            let mut started = start(args, Stream::Pipe, Stream::Pipe);
            let _said = (!says.is_empty()).then(|| started.said(says));
            if args[0] == "serve" {
                let mut lines = BufReader::new(started.output.test());
                lines.read_line(&mut String::new()).unwrap();
            }
            if args.contains(&"--udp") && args[0] == "subscribe" {
                // Nobody answers it.
                mute.recv(&mut [0; 64]).unwrap();
            }
            let status = started.ended_by(signal);
            assert!(is_success(status), "{args:?} {signal:?}: {status}");
        }
    }
}

#[test]
fn while_its_output_is_full() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for stream in [Stream::Stuck, Stream::StuckNonblocking] {
        for signal in SIGNALS {
            for args in [
                &["decode"][..],
                &["encode"],
                &["request", "echo", "--content", "hi", "--server", &addr],
                &["help"],
            ] {
                let mut started = start(args, stream, Stream::Pipe);
                let mut input = started.input.test();
                match args[0] {
                    "decode" => input.write_all(ECHO).unwrap(),
                    "encode" => input.write_all(b"{\"type\":0}\n").unwrap(),
                    _ => {}
                }
                drop(input);
                if stream == Stream::Stuck {
                    started.waits_for_file(1);
                }
                let status = started.ended_by(signal);
                assert!(is_by(status, signal), "{args:?} {signal:?}: {status}");
            }
            if stream == Stream::Stuck {
                let args = ["bench", "--secs", "0.1", "--server", &addr];
                let mut started = start(&args, stream, Stream::Pipe);
                started.waits_for_file(1);
                let status = started.ended_by(signal);
                assert!(is_success(status), "{args:?} {signal:?}: {status}");
            }
            let args = ["subscribe", "a", "--server", &addr];
            let mut started = start(&args, stream, Stream::Pipe);
            let _said = started.said("subscribed to");
            for _ in 0..3 {
                let told = ["publish", "a", "--content", "news", "--server", &addr];
                assert_eq!(run(&told, b"").stdout, b"1");
            }
            if stream == Stream::Stuck {
                started.waits_for_file(1);
            }
            let status = started.ended_by(signal);
            assert!(is_success(status), "{signal:?}: {status}");
        }
    }
}

#[test]
fn while_neither_output_nor_error_takes_anything() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for (args, file) in [
        (&["serve", "--tcp", "127.0.0.1:0", "-vv"][..], 1),
        (&["subscribe", "a", "--server", &addr, "-vv"], 2),
        (
            &[
                "node",
                "--listen",
                "127.0.0.1:0",
                "--interface",
                "127.0.0.1",
                "-vv",
            ],
            2,
        ),
    ] {
        for signal in SIGNALS {
            let mut started = start(args, Stream::Stuck, Stream::Stuck);
            started.waits_for_file(file);
            let status = started.ended_by(signal);
            assert!(is_success(status), "{args:?} {signal:?}: {status}");
        }
    }
}

/// As `nohup` has it of SIGHUP, and a shell without job control of SIGINT in the background.
#[test]
fn those_that_are_ignored_stay_ignored() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for (signal, name) in [(Signal::INT, "INT"), (Signal::TERM, "TERM")] {
        let other = if name == "INT" {
            Signal::TERM
        } else {
            Signal::INT
        };
        let script =
            format!(r#"exec env --default-signal=INT,TERM --ignore-signal={name} "$0" "$@""#);
        let mut child = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_netaio")])
            .args(["subscribe", "a", "--server", &addr])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut String::new()).unwrap();
        // News are printed after it.
        kill_process(Pid::from_child(&child), signal).unwrap();
        let told = ["publish", "a", "--content", "news", "--server", &addr];
        assert_eq!(run(&told, b"").stdout, b"1");
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        assert_eq!(line, "news\n");
        kill_process(Pid::from_child(&child), other).unwrap();
        assert!(is_success(child.wait().unwrap()), "{name}");
    }
}

/// A server, and where it listens.
fn serving() -> (Started, SocketAddr) {
    let args = ["serve", "--tcp", "127.0.0.1:0"];
    let mut started = start(&args, Stream::Pipe, Stream::Pipe);
    let mut line = String::new();
    let mut lines = BufReader::new(started.output.test());
    lines.read_line(&mut line).unwrap();
    let addr = line.trim_end().rsplit(' ').next().unwrap();
    (started, addr.parse().unwrap())
}

/// As `timeout` sends them: one to the command, and one to all of its group.
#[test]
fn two_signals_at_one_moment_are_one() {
    for _ in 0..20 {
        let (mut started, _) = serving();
        started.signal(Signal::TERM);
        started.signal(Signal::INT);
        assert!(is_success(started.child.wait().unwrap()));
    }
}

/// A server whose client takes no answers.
#[test]
fn a_second_signal_ends_it_without_grace() {
    let (mut started, addr) = serving();
    let mut client = TcpStream::connect(addr).unwrap();
    client.set_nonblocking(true).unwrap();
    let content = "x".repeat(60_000);
    let line = format!(r#"{{"type":0,"uri":"echo","content":"{content}"}}"#);
    let frame = run(&["encode"], line.as_bytes()).output();
    // Until the server reads no more, since nobody reads its answers.
    let (mut at, mut full) = (0, 0);
    while full < 100_000 {
        match client.write(&frame[at..]) {
            Ok(count) => (at, full) = ((at + count) % frame.len(), 0),
            Err(_) => {
                full += 1;
                thread::yield_now();
            }
        }
    }
    let status = loop {
        started.signal(Signal::TERM);
        if let Some(status) = started.child.try_wait().unwrap() {
            break status;
        }
        thread::yield_now();
    };
    assert_eq!(status.code(), Some(128 + Signal::TERM.as_raw()));
}
