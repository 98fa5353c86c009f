//! `netaio bench`, as a command.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "only tests run this"
)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

use common::server::Server;
use common::{RUNTIMES, Ran, json_lines, run, start};
use serde_json::Value;

/// Runs it for a moment.
fn bench(options: &[&str]) -> Ran {
    run(&[&["bench", "--secs", "0.2"], options].concat(), b"")
}

/// The one object that it prints when all is well.
fn object(ran: Ran) -> Value {
    let lines = json_lines(&ran.output());
    assert_eq!(lines.len(), 1);
    lines.into_iter().next().unwrap()
}

/// Asserts that what was measured agrees with itself, and returns its count.
fn assert_sound(measured: &Value) -> u64 {
    let count = measured["count"].as_u64().unwrap();
    assert!(count > 0, "{measured}");
    assert_eq!(at_least(measured, 0.0), count);
    assert!(measured["in_time"].as_u64().unwrap() <= count);
    let latency = &measured["latency"];
    let names = ["min", "p50", "p90", "p99", "p99.9", "max"];
    let times = names.map(|name| latency[name].as_f64().unwrap());
    assert!(times.is_sorted() && times[0] > 0.0, "{times:?}");
    let mean = latency["mean"].as_f64().unwrap();
    assert!(times[0] <= mean * 1.001 && mean <= times[5] * 1.001);
    count
}

/// How many took at least so long, in seconds.
fn at_least(measured: &Value, seconds: f64) -> u64 {
    let steps = measured["histogram"].as_array().unwrap().iter();
    let long = steps.filter(|step| step[0].as_f64().unwrap() >= seconds);
    long.map(|step| step[1].as_u64().unwrap()).sum()
}

#[test]
fn it_measures_a_server_of_its_own_on_every_runtime() {
    for runtime in RUNTIMES {
        for over in ["tcp", "udp"] {
            let mut options = vec!["--self", "--json", "--timeout", "60", "--runtime", runtime];
            if over == "udp" {
                options.push("--udp");
            }
            let some = ["--connections", "3", "--in-flight", "4", "--size", "100"];
            let measured = object(bench(&[&options[..], &some].concat()));
            assert_sound(&measured["requests"]);
            for (name, value) in [
                ("self", Value::from(true)),
                ("transport", over.into()),
                ("runtime", (*runtime).into()),
                ("connections", 3.into()),
                ("in_flight", 4.into()),
                ("subscribers", Value::Null),
                ("size", 100.into()),
                ("rate", Value::Null),
                ("seconds", 0.2.into()),
                ("ended_early", false.into()),
                ("not_begun", Value::Null),
                ("deliveries", Value::Null),
            ] {
                assert_eq!(measured[name], value, "{name} {runtime} {over}");
            }
            for what in ["read", "update"] {
                let measured = object(bench(&[&options[..], &["--ask", what]].concat()));
                assert_sound(&measured["requests"]);
                assert_eq!(measured["asking"], what);
            }
            let fanout = ["--fanout", "5", "--in-flight", "2", "--secret", "s"];
            let measured = object(bench(&[&options[..], &fanout].concat()));
            let published = assert_sound(&measured["requests"]);
            assert!(assert_sound(&measured["deliveries"]) >= published);
            assert_eq!(
                (&measured["subscribers"], &measured["lost"]),
                (&5.into(), &0.into())
            );
            for measured in [&measured["requests"], &measured["deliveries"]] {
                assert_eq!(measured["errors"], serde_json::json!({}));
            }
        }
    }
}

#[test]
fn it_measures_a_server_with_secrets() {
    let keys = ["--secret", "s", "--key", "k"];
    let server = Server::start_on(&["tcp", "udp"], &keys);
    let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
    for over in [&["--server", &tcp][..], &["--udp", "--server", &udp]] {
        let text = bench(&[over, &keys, &["--timeout", "60"]].concat()).text();
        for part in [
            "  requests  ",
            "/s  ",
            " in 0.2 s",
            "  p99.9  ",
            "  errors       none\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains(over[over.len() - 1]), "{text}");
    }
    let ran = bench(&["--server", &tcp, "--secret", "guess", "--key", "k"]);
    assert_eq!(ran.error(), "AUTH_ERROR: HMAC auth failed");
    assert!(ran.stdout.is_empty());
}

#[test]
fn a_rate_is_reached() {
    for runtime in RUNTIMES {
        // More callers than requests: one is free for each, however busy the machine is.
        let rate = ["--rate", "500", "--in-flight", "128", "--timeout", "60"];
        let options = ["--self", "--json", "--runtime", runtime];
        let measured = object(bench(&[&rate[..], &options].concat()));
        assert_eq!(assert_sound(&measured["requests"]), 100, "{runtime}");
        assert_eq!(
            (&measured["rate"], &measured["not_begun"]),
            (&500.into(), &0.into())
        );
    }
}

#[test]
fn nobody_to_measure_is_no_connection() {
    for options in [
        &["--server", "127.0.0.1:1"][..],
        &["--server", "127.0.0.1:1", "--udp"],
    ] {
        let ran = bench(options);
        assert_eq!(ran.status, 4, "{ran:?}");
        assert!(ran.stdout.is_empty());
        assert!(ran.stderr.contains("Connection refused"), "{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    for (options, why) in [
        (
            &["--connections", "1000", "--in-flight", "66"][..],
            "at most 65536 callers",
        ),
        (
            &[
                "--connections",
                "10000",
                "--fanout",
                "1",
                "--in-flight",
                "1",
            ],
            "at most 10000",
        ),
        (
            &["--fanout", "2", "--size", "7"],
            "--size must be at least 8 with --fanout",
        ),
        (&["--size", "65536"], "65536"),
        (&["--size", "65535"], "netaio: body of 65539 bytes"),
        (&["--secs", "100000"], "at most 86400 seconds"),
        (&["--rate", "0"], "'--rate <R>'"),
        (&["--server", "127.0.0.1:1"], "cannot be used with '--"),
    ] {
        let ran = run(&[&["bench", "--self"], options].concat(), b"");
        assert_eq!(ran.status, 2, "{options:?}: {ran:?}");
        assert!(ran.stderr.contains(why), "{options:?}: {}", ran.stderr);
    }
}

/// The soft limit is raised, the hard one is not.
#[cfg(target_os = "linux")]
#[test]
fn connections_are_open_files() {
    let limited = |limit: &str, options: &[&str]| {
        let script = format!(r#"ulimit {limit} && exec "$0" bench --self --secs 0.1 "$@""#);
        let mut sh = std::process::Command::new("sh");
        let sh = sh.args(["-c", &script, env!("CARGO_BIN_EXE_netaio")]);
        let output = sh.args(options).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let many = ["--connections", "60", "--fanout", "40", "--in-flight", "1"];
    assert_eq!(limited("-Sn 64", &many), (Some(0), String::new()));
    let (status, said) = limited("-n 100", &many);
    assert_eq!(status, Some(1));
    let why = "netaio: so many connections need 232 open files, and this process may have 100\n";
    assert!(said.starts_with(why), "{said}");
    let datagrams = [&many[..], &["--udp"]].concat();
    assert_eq!(limited("-n 140", &datagrams), (Some(0), String::new()));
}

/// One that measures until somebody ends it.
struct Measuring {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Measuring {
    /// Starts it, and waits until it measures.
    fn start(options: &[&str]) -> Self {
        let endless = ["bench", "-v", "--json", "--secs", "3600"];
        let mut child = start(&[&endless, options].concat());
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut measuring = Self { child, log };
        measuring.says(" measuring ");
        measuring
    }

    /// The first line of its log from now on that has this in it.
    fn says(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "{text}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for its end: exit status, report, and the rest of its log.
    fn end(mut self) -> (Option<i32>, Value, String) {
        let (mut out, mut said) = (Vec::new(), String::new());
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_end(&mut out).unwrap();
        self.log.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap().code();
        (status, json_lines(&out).remove(0), said)
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_goes_away_ends_it_with_a_report() {
    for runtime in RUNTIMES {
        let server = Server::start(&[]);
        let addr = server.addr.to_string();
        let measuring = Measuring::start(&[
            "--server",
            &addr,
            "--in-flight",
            "7",
            "--connections",
            "2",
            "--runtime",
            runtime,
        ]);
        assert_eq!(server.stop("-KILL"), None);
        let (status, report, said) = measuring.end();
        assert_eq!(status, Some(4), "{said}");
        assert!(said.contains("netaio: the connection ended"), "{said}");
        assert_eq!(report["ended_early"], true);
        let errors = serde_json::json!({ "connection ended": 14 });
        assert_eq!(report["requests"]["errors"], errors);
    }
}

/// Signals that stop a process and let it go on.
#[cfg(unix)]
mod stopping {
    use super::*;
    use common::kill;

    #[test]
    fn a_signal_ends_it_with_a_report() {
        for runtime in RUNTIMES {
            for options in [&[][..], &["--udp"], &["--rate", "100"], &["--fanout", "2"]] {
                let own = ["--self", "--runtime", runtime];
                let measuring = Measuring::start(&[&own, options].concat());
                kill(&measuring.child, "-INT");
                let (status, report, said) = measuring.end();
                assert_eq!(status, Some(0), "{said}");
                assert_eq!(report["ended_early"], true);
                assert!(report["seconds"].as_f64().unwrap() < 3600.0);
            }
        }
    }

    /// While the server stands still no more than 32 requests can be in flight. Were only they
    /// measured, 32 would have taken long (this is "coordinated omission"). The others
    /// were due all the same.
    #[test]
    fn requests_that_were_due_while_the_server_stood_still_have_waited() {
        for runtime in RUNTIMES {
            let server = Server::start(&[]);
            let addr = server.addr.to_string();
            let mut measuring = Measuring::start(&[
                "--server",
                &addr,
                "--rate",
                "500",
                "--in-flight",
                "32",
                "--timeout",
                "600",
                "--runtime",
                runtime,
            ]);
            server.kill("-STOP");
            // At 500 a second, so many are due in half a second.
            let waiting = loop {
                let line = measuring.says("no caller is free");
                let (_, number) = line.trim_end().rsplit_once("waiting=").unwrap();
                let waiting: u64 = number.parse().unwrap();
                if waiting >= 256 {
                    break waiting;
                }
            };
            server.kill("-CONT");
            measuring.says("callers are free again");
            kill(&measuring.child, "-INT");
            let (status, report, said) = measuring.end();
            assert_eq!(status, Some(0), "{said}");
            let requests = &report["requests"];
            assert_sound(requests);
            assert_eq!(requests["errors"], serde_json::json!({}));
            // Those that waited were due two milliseconds apart: all but the last 125 of them a
            // quarter of a second and more before they could be begun.
            let long = at_least(requests, 0.25);
            assert!(long >= waiting - 126, "{long} of {waiting} on {runtime}");
        }
    }
}

#[cfg(target_os = "linux")]
mod progress {
    use super::*;
    use common::streams::{Ends, Stream, start_with};

    #[test]
    fn only_a_terminal_is_shown_progress() {
        for error in [Stream::Terminal, Stream::Pipe] {
            let args = ["bench", "--self", "--secs", "1"];
            let (mut input, mut output) = (Ends::input(Stream::Null), Ends::output(Stream::Pipe));
            let mut error_ends = Ends::output(error);
            let mut child = start_with(&args, &mut input, &mut output, &mut error_ends);
            let printed = String::from_utf8(output.read().unwrap()).unwrap();
            let shown = String::from_utf8(error_ends.read().unwrap()).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            assert!(printed.contains("  requests  "), "{printed}");
            assert!(!printed.contains('\r') && !printed.contains('\u{1b}'));
            let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
            match error == Stream::Terminal && !is_dumb {
                false => assert_eq!(shown, ""),
                true => {
                    assert!(
                        shown.contains("]  ") && shown.contains(" of 1 s  "),
                        "{shown:?}"
                    );
                    // Each in the place of the one before, and the last one is cleared.
                    assert!(shown.ends_with("\r\u{1b}[K"), "{shown:?}");
                    assert!(!shown.contains('\n'), "{shown:?}");
                }
            }
        }
    }
}
