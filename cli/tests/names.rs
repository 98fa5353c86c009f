//! Names, on a host of a test's own: with a table of hosts and a resolver as the test has them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::RUNTIMES;
use netaio_tests::namespaces::Network;

/// A limit on what must happen: a guard, no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host whose names are those of two files.
struct Host {
    network: Network,
    files: PathBuf,
}

impl Host {
    /// `None` where this machine does not let us.
    fn new(name: &str, hosts: &str, resolver: &str) -> Option<Self> {
        let network = Network::new()?;
        let files = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("hosts"), hosts).unwrap();
        fs::write(files.join("resolv.conf"), resolver).unwrap();
        fs::write(files.join("nsswitch.conf"), "hosts: files dns\n").unwrap();
        Some(Self { network, files })
    }

    /// Starts the command there.
    fn start(&self, args: &[&str]) -> Child {
        let script = r#"for file in hosts resolv.conf nsswitch.conf; do
            mount --bind "$0/$file" "/etc/$file" || exit 77
        done
        exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]);
        command.arg(&self.files).arg(env!("CARGO_BIN_EXE_netaio"));
        command.args(args);
        let mut command = self.network.here.enter(&command);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs it: its status, and both outputs. It is killed where it hangs.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut child = self.start(args);
        let id = child.id().to_string();
        let outputs = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (done, ended) = mpsc::channel();
        let guard = thread::spawn(move || {
            if ended.recv_timeout(PATIENCE).is_err() {
                Command::new("kill").args(["-KILL", &id]).status().unwrap();
            }
        });
        let out = std::io::read_to_string(outputs.0).unwrap();
        let error = std::io::read_to_string(outputs.1).unwrap();
        let status = child.wait().unwrap().code();
        done.send(()).unwrap();
        guard.join().unwrap();
        (status, out, error)
    }
}

/// A command that is killed at the end.
struct Running(Child);

impl Running {
    /// Waits for a line of standard error.
    fn says(&mut self, text: &str) -> String {
        let mut said = BufReader::new(self.0.stderr.as_mut().unwrap());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "{text}");
        }
        line
    }

    /// Waits for a line of standard output.
    fn prints(&mut self, text: &str) {
        let mut said = BufReader::new(self.0.stdout.as_mut().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains(text), "{line}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_resolver_that_never_answers_costs_the_timeout_alone() {
    // By itself it would be asked for minutes.
    let resolver = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n";
    let Some(host) = Host::new("silent", "127.0.0.1 localhost\n", resolver) else {
        return;
    };
    // Its questions are no frames: they are received, and not answered.
    let mut silent = Running(host.start(&["-vv", "serve", "--udp", "127.0.0.1:53"]));
    silent.prints("listening on udp 127.0.0.1:53");
    for runtime in RUNTIMES {
        let commands: [&[&str]; 4] = [
            &["request", "echo"],
            &["request", "echo", "--udp"],
            &["subscribe", "news"],
            &["subscribe", "news", "--udp"],
        ];
        for command in commands {
            let to = ["--server", "name.test:8888", "--timeout", "0.3"];
            let args = [command, &to[..], &["--runtime", runtime]].concat();
            let (status, out, error) = host.run(&args);
            assert_eq!((status, &*out), (Some(4), ""), "{args:?}: {error}");
            assert!(error.contains("within 300ms"), "{args:?}: {error}");
        }
    }
    silent.says("datagram refused");
}

#[test]
fn a_signal_ends_what_waits_for_a_resolver() {
    let resolver = "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n";
    let Some(host) = Host::new("signalled", "127.0.0.1 localhost\n", resolver) else {
        return;
    };
    let commands: [(&[&str], Option<i32>); 5] = [
        (
            &["subscribe", "news", "--server", "name.test:8888"],
            Some(0),
        ),
        (
            &["subscribe", "news", "--udp", "--server", "name.test:8888"],
            Some(0),
        ),
        (&["node", "--listen", "name.test:8888"], Some(0)),
        (&["serve", "--udp", "name.test:8888"], Some(0)),
        (
            &[
                "request",
                "echo",
                "--timeout",
                "3600",
                "--server",
                "name.test:8888",
            ],
            None,
        ),
    ];
    for (command, expected) in commands {
        for runtime in RUNTIMES {
            let mut silent = Running(host.start(&["-vv", "serve", "--udp", "127.0.0.1:53"]));
            silent.prints("listening on udp 127.0.0.1:53");
            let mut child = host.start(&[command, &["--runtime", runtime]].concat());
            // It has asked.
            silent.says("datagram refused");
            let id = child.id().to_string();
            Command::new("kill").args(["-TERM", &id]).status().unwrap();
            assert_eq!(child.wait().unwrap().code(), expected, "{command:?}");
        }
    }
}

#[test]
fn the_next_address_of_a_name_is_asked_where_nobody_was() {
    let hosts = "127.0.0.1 both.test\n::1 both.test\n";
    let Some(host) = Host::new("both", hosts, "") else {
        return;
    };
    let mut server = Running(host.start(&["serve", "--udp", "[::1]:7777"]));
    server.prints("listening on udp [::1]:7777");
    for runtime in RUNTIMES {
        let ask = |args: &[&str]| {
            let over = ["--udp", "--server", "both.test:7777", "--runtime", runtime];
            host.run(&[args, &over].concat())
        };
        let (status, out, error) = ask(&["request", "echo", "--content", "hi"]);
        assert_eq!((status, &*out), (Some(0), "hi"), "{error}");
        let mut news = ["subscribe", "news", "--count", "1", "--udp"].to_vec();
        news.extend(["--server", "both.test:7777", "--runtime", runtime]);
        let mut subscriber = Running(host.start(&news));
        subscriber.says("subscribed to news");
        let (status, out, error) = ask(&["publish", "news", "--content", "told"]);
        assert_eq!((status, &*out), (Some(0), "1"), "{error}");
        subscriber.prints("told");
        assert_eq!(subscriber.0.wait().unwrap().code(), Some(0));
    }
    drop(server);
    let nobody = ["request", "echo", "--udp", "--server", "both.test:7777"];
    let (status, _, error) = host.run(&nobody);
    assert_eq!(status, Some(4));
    assert!(
        error.contains("the datagram was not delivered: "),
        "{error}"
    );

    // One that is silent may have been asked: no other one is. What does not pass the layer is
    // not believed.
    let serve = |at: &'static str, secret: &'static str| {
        let serve = ["serve", "--udp", at, "--secret", secret];
        let mut server = Running(host.start(&serve));
        server.prints("listening on udp");
        server
    };
    let _servers = [serve("127.0.0.1:7777", "another"), serve("[::1]:7777", "s")];
    let mut ask = ["request", "echo", "--udp", "--timeout", "0.3"].to_vec();
    ask.extend(["--secret", "s", "--server", "both.test:7777"]);
    let (status, out, error) = host.run(&ask);
    assert_eq!((status, &*out), (Some(3), ""), "{error}");
}

#[test]
fn a_node_is_at_all_addresses_of_a_name() {
    let hosts = "127.0.0.1 both.test\n::1 both.test\n";
    let Some(host) = Host::new("node", hosts, "") else {
        return;
    };
    let mut node = Running(host.start(&["node", "--listen", "both.test:7778"]));
    let line = node.says(" in the group ");
    for part in ["127.0.0.1:7778", "[::1]:7778", "224.0.0.1,ff02::1"] {
        assert!(line.contains(part), "{line}");
    }
    // It receives at both.
    for server in ["127.0.0.1:7778", "[::1]:7778"] {
        let ask = [
            "request",
            "u",
            "--udp",
            "--timeout",
            "3600",
            "--server",
            server,
        ];
        let (status, _, error) = host.run(&ask);
        assert_eq!(status, Some(1), "{error}");
        assert!(error.contains("NOT_FOUND"), "{error}");
    }
}
