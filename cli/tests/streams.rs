//! Every subcommand with every kind of standard stream.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::Child;

use common::server::Server;
use common::streams::{Ends, OUTPUTS, Stream, feed, start_with};
use common::{ECHO, run, stop};

/// A command that ends by itself, and what it prints. `{}` is the server.
struct Row {
    args: &'static [&'static str],
    input: &'static [u8],
    printed: &'static [u8],
}

const ROWS: &[Row] = &[
    Row {
        args: &["create", "new", "--content", "x", "--server", "{}"],
        input: b"",
        printed: b"stored",
    },
    Row {
        args: &["request", "echo", "--content", "hi", "--server", "{}"],
        input: b"",
        printed: b"hi",
    },
    Row {
        args: &["request", "echo", "--file", "-", "--server", "{}"],
        input: b"from afar",
        printed: b"from afar",
    },
    Row {
        args: &["update", "new", "--content", "y", "--server", "{}"],
        input: b"",
        printed: b"stored",
    },
    Row {
        args: &["delete", "new", "--server", "{}"],
        input: b"",
        printed: b"deleted",
    },
    Row {
        args: &["publish", "nobody's", "--server", "{}", "--json", "-vv"],
        input: b"",
        printed: b"{\"type\":10",
    },
    Row {
        args: &["ping", "--count", "1", "--server", "{}"],
        input: b"",
        printed: b"1: NOT_FOUND from ",
    },
    Row {
        args: &["bench", "--secs", "0.05", "--json", "--server", "{}"],
        input: b"",
        printed: b"{\"server\":",
    },
    Row {
        args: &["decode"],
        input: ECHO,
        printed: b"REQUEST_URI echo 2 bytes \"hi\"\n",
    },
    Row {
        args: &["encode"],
        input: b"{\"type\":0,\"uri\":\"echo\",\"content\":\"hi\"}\n",
        printed: ECHO,
    },
    Row {
        args: &["help"],
        input: b"",
        printed: b"Speaks netaio",
    },
];

impl Row {
    fn args<'a>(&self, server: &'a str) -> Vec<&'a str>
    where
        Self: 'a,
    {
        let arg = |arg: &&'static str| if *arg == "{}" { server } else { *arg };
        self.args.iter().map(arg).collect()
    }

    /// Runs it: its status, and its output.
    fn run(&self, server: &str, output: Stream, error: Stream) -> (Option<i32>, Option<Vec<u8>>) {
        let mut input = Ends::input(Stream::Pipe);
        let (mut output, mut error) = (Ends::output(output), Ends::output(error));
        let args = self.args(server);
        let mut child = start_with(&args, &mut input, &mut output, &mut error);
        feed(input.test(), self.input);
        // While it runs, since it may wait for that.
        let printed = output.read();
        (child.wait().unwrap().code(), printed)
    }
}

#[test]
fn success_is_success_whoever_reads_standard_error() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    // Nobody reads those that are slow, which are as those that are stuck then.
    let slow = |error: &Stream| matches!(error, Stream::Slow | Stream::SlowNonblocking);
    for error in OUTPUTS.into_iter().filter(|error| !slow(error)) {
        for row in ROWS {
            let (status, printed) = row.run(&addr, Stream::Pipe, error);
            let printed = printed.unwrap();
            let what = (row.args, error);
            assert_eq!(status, Some(0), "{what:?}");
            assert!(printed.starts_with(row.printed), "{what:?}: {printed:?}");
        }
    }
}

#[test]
fn failure_is_failure_whoever_reads_standard_error() {
    for error in OUTPUTS {
        for (args, status) in [
            (&["decode", "--no-such"][..], 2),
            (&["decode", "/no/such/file"], 1),
            (&["request", "echo", "--server", "127.0.0.1:1"], 4),
        ] {
            let (mut input, mut output) = (Ends::input(Stream::Null), Ends::output(Stream::Null));
            let mut error = Ends::output(error);
            let mut child = start_with(args, &mut input, &mut output, &mut error);
            assert_eq!(child.wait().unwrap().code(), Some(status), "{args:?}");
        }
    }
}

#[test]
fn output_that_can_be_written_is_and_what_cannot_is_said() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for output in OUTPUTS {
        if matches!(output, Stream::Stuck | Stream::StuckNonblocking) {
            // It waits, as it should; signals.rs ends it.
            continue;
        }
        for row in ROWS {
            let (status, printed) = row.run(&addr, output, Stream::Pipe);
            let what = (row.args, output);
            // The reader that has gone wants no more.
            let wanted = if output == Stream::Full { 1 } else { 0 };
            assert_eq!(status, Some(wanted), "{what:?}");
            if output != Stream::Terminal
                && let Some(printed) = printed
            {
                assert!(printed.starts_with(row.printed), "{what:?}: {printed:?}");
            }
        }
    }
    let (mut input, mut output) = (Ends::input(Stream::Pipe), Ends::output(Stream::Full));
    let mut error = Ends::output(Stream::Pipe);
    let mut child = start_with(&["decode"], &mut input, &mut output, &mut error);
    feed(input.test(), ECHO);
    child.wait().unwrap();
    let said = String::from_utf8(error.read().unwrap()).unwrap();
    assert!(
        said.starts_with("netaio: cannot write standard output: "),
        "{said}"
    );
}

#[test]
fn what_is_asked_for_happens_though_nobody_reads_the_answer() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for (uri, output) in [
        ("gone", Stream::Unread),
        ("hung-up", Stream::HungUp),
        ("closed", Stream::Closed),
        ("full", Stream::Full),
    ] {
        let mut input = Ends::input(Stream::Pipe);
        let (mut output, mut error) = (Ends::output(output), Ends::output(Stream::Null));
        let args = ["create", uri, "--file", "-", "--server", &addr];
        let mut child = start_with(&args, &mut input, &mut output, &mut error);
        feed(input.test(), b"content");
        child.wait().unwrap();
        let asked = run(&["request", uri, "--server", &addr], b"");
        assert_eq!(asked.stdout, b"content", "{uri}");
    }
}

#[test]
fn input_may_be_empty_slow_or_a_terminal() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for stream in [
        Stream::Null,
        Stream::Pipe,
        Stream::SlowNonblocking,
        Stream::Terminal,
    ] {
        for row in ROWS.iter().filter(|row| !row.input.is_empty()) {
            let mut input = Ends::input(stream);
            let (mut output, mut error) = (Ends::output(Stream::Pipe), Ends::output(Stream::Pipe));
            let args = row.args(&addr);
            // A terminal sends text, and no bytes that mean something to it.
            let text = !row.input.contains(&0) && row.input.ends_with(b"\n");
            let mut child = start_with(&args, &mut input, &mut output, &mut error);
            let mut wanted = row.printed;
            // A terminal that hangs up has nothing to read any more.
            let mut kept = None;
            match stream {
                Stream::Terminal => {
                    let typed: &[u8] = if text { row.input } else { b"" };
                    wanted = if text { wanted } else { b"" };
                    let to = kept.insert(input.test());
                    to.write_all(&[typed, b"\x04"].concat()).unwrap();
                }
                Stream::Null => wanted = b"",
                _ => {
                    let mut to = input.test();
                    for byte in row.input {
                        to.write_all(&[*byte]).unwrap();
                    }
                }
            }
            assert_eq!(output.read().unwrap(), wanted, "{:?} {stream:?}", row.args);
            assert_eq!(
                child.wait().unwrap().code(),
                Some(0),
                "{:?} {stream:?}",
                row.args
            );
        }
    }
}

/// Nothing was meant to be read: it is not taken for an empty content.
#[test]
fn input_that_is_closed_is_an_error() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let create = ["create", "kept", "--content", "precious", "--server", &addr];
    assert_eq!(run(&create, b"").stdout, b"stored");
    for args in [
        &["update", "kept", "--file", "-", "--server", &addr][..],
        &["update", "kept", "--file", "-", "--udp", "--server", &addr],
        &["decode"],
        &["decode", "-"],
        &["encode"],
    ] {
        let mut input = Ends::input(Stream::Closed);
        let (mut output, mut error) = (Ends::output(Stream::Pipe), Ends::output(Stream::Pipe));
        let mut child = start_with(args, &mut input, &mut output, &mut error);
        assert_eq!(child.wait().unwrap().code(), Some(2), "{args:?}");
        assert_eq!(output.read().unwrap(), b"", "{args:?}");
        let said = String::from_utf8(error.read().unwrap()).unwrap();
        assert!(
            said.starts_with("netaio: standard input is closed\n"),
            "{said}"
        );
    }
    let kept = run(&["request", "kept", "--server", &addr], b"");
    assert_eq!(kept.stdout, b"precious");
    // What does not read it is not concerned.
    for args in [&["request", "kept", "--server", &addr][..], &["help"]] {
        let mut input = Ends::input(Stream::Closed);
        let (mut output, mut error) = (Ends::output(Stream::Null), Ends::output(Stream::Null));
        let mut child = start_with(args, &mut input, &mut output, &mut error);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

/// Waits until a server receives at a UDP port, which is its last step, and returns its addresses for
/// TCP and UDP. Its sockets are looked for, since it may not be able to say where it listens.
fn listening(server: &Child) -> [String; 2] {
    loop {
        if let Some(udp) = bound(server, "udp", "07") {
            return [bound(server, "tcp", "0A").unwrap(), udp];
        }
        std::thread::yield_now();
    }
}

/// Where a process has a socket on the loopback interface in a state, as `/proc/net` tells them.
fn bound(process: &Child, protocol: &str, state: &str) -> Option<String> {
    // Closed files are gone at once.
    let files = fs::read_dir(format!("/proc/{}/fd", process.id())).ok()?;
    let files: Vec<_> = files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .collect();
    let table = fs::read_to_string(format!("/proc/net/{protocol}")).unwrap();
    table.lines().find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [_, local, _, its_state, .., inode, _, _] = columns.get(..12)? else {
            return None;
        };
        let port = local.strip_prefix("0100007F:")?;
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let is_its = *its_state == state && files.contains(&socket);
        let port = u16::from_str_radix(port, 16).ok()?;
        is_its.then(|| format!("127.0.0.1:{port}"))
    })
}

#[test]
fn a_server_serves_whoever_reads_where_it_listens() {
    for stream in OUTPUTS {
        for (output, error) in [
            (stream, Stream::Pipe),
            (Stream::Pipe, stream),
            (stream, stream),
        ] {
            let mut input = Ends::input(Stream::Null);
            let (mut output, mut error) = (Ends::output(output), Ends::output(error));
            let any = "127.0.0.1:0";
            let args = ["serve", "-vv", "--tcp", any, "--udp", any];
            let mut child = start_with(&args, &mut input, &mut output, &mut error);
            let [tcp, udp] = listening(&child);
            for options in [&["--server", &tcp][..], &["--udp", "--server", &udp]] {
                let args = ["request", "echo", "--content", "hi"];
                let ran = run(&[&args, options].concat(), b"");
                assert_eq!(
                    (ran.status, &*ran.stdout),
                    (0, &b"hi"[..]),
                    "{stream:?} {ran:?}"
                );
            }
            assert_eq!(stop(&mut child, "-TERM"), Some(0), "{stream:?}");
        }
    }
}

#[test]
fn a_follower_ends_with_its_reader_though_nothing_comes() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for (args, said) in [
        (
            &["subscribe", "a", "--server", &addr][..],
            "subscribed to a\n",
        ),
        (&["watch", "echo", "--server", &addr], "watching echo\n"),
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
    ] {
        for stream in [Stream::Pipe, Stream::Terminal] {
            let mut input = Ends::input(Stream::Null);
            let (mut output, mut error) = (Ends::output(stream), Ends::output(Stream::Pipe));
            let mut child = start_with(args, &mut input, &mut output, &mut error);
            let (mut line, mut said_to) = (String::new(), BufReader::new(error.test()));
            said_to.read_line(&mut line).unwrap();
            assert!(line.starts_with(said), "{line}");
            drop(output.test());
            assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?} {stream:?}");
            line.clear();
            said_to.read_to_string(&mut line).unwrap();
            assert_eq!(line, "");
        }
    }
    for args in [&["decode"][..], &["encode"]] {
        let mut input = Ends::input(Stream::Pipe);
        let (mut output, mut error) = (Ends::output(Stream::Pipe), Ends::output(Stream::Pipe));
        let mut child = start_with(args, &mut input, &mut output, &mut error);
        let writer = input.test();
        drop(output.test());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        assert_eq!(error.read().unwrap(), b"");
        drop(writer);
    }
}

#[test]
fn a_subscribers_output_may_be_slow_or_non_blocking() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    for stream in [Stream::Slow, Stream::SlowNonblocking] {
        let mut input = Ends::input(Stream::Null);
        let (mut output, mut error) = (Ends::output(stream), Ends::output(Stream::Pipe));
        let args = ["subscribe", "a", "--count", "3", "--server", &addr];
        let mut child = start_with(&args, &mut input, &mut output, &mut error);
        let mut line = String::new();
        BufReader::new(error.test()).read_line(&mut line).unwrap();
        let content = "x".repeat(60_000);
        for _ in 0..3 {
            let told = ["publish", "a", "--content", &content, "--server", &addr];
            assert_eq!(run(&told, b"").stdout, b"1");
        }
        let wanted = format!("{content}\n").repeat(3);
        assert!(output.read().unwrap() == wanted.as_bytes());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
