//! Runs the command.
#![allow(dead_code, reason = "each test file uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests run this"
)]

#[cfg(target_os = "linux")]
pub(crate) mod activation;
pub(crate) mod capture;
pub(crate) mod folder;
#[cfg(feature = "nats")]
pub(crate) mod nats;
pub(crate) mod node;
pub(crate) mod party;
#[cfg(target_os = "linux")]
pub(crate) mod screen;
pub(crate) mod server;
#[cfg(target_os = "linux")]
pub(crate) mod streams;
pub(crate) mod subscriber;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

/// `REQUEST_URI echo "hi"`, the specification's example.
pub(crate) const ECHO: &[u8] = b"\x00\x00\x03\x00\x08\x33\x95\x03\xac\x4d\x40\x00\x00\x04echohi";

/// The runtimes that were built in.
pub(crate) const RUNTIMES: &[&str] = &[
    "tokio",
    "smol",
    #[cfg(feature = "async-std")]
    "async-std",
];

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output of a run that succeeded and said nothing else.
    pub(crate) fn output(self) -> Vec<u8> {
        assert_eq!((self.status, &*self.stderr), (0, ""));
        self.stdout
    }

    /// The same as text.
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.output()).unwrap()
    }

    /// What went wrong with a run that failed: a line of standard error. One with
    /// advice may follow.
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.status, 1, "{self:?}");
        let lines = self.stderr.strip_suffix('\n').expect("whole lines");
        let (line, advice) = lines.split_once('\n').unwrap_or((lines, "        "));
        assert!(
            advice.starts_with("        ") && !advice.contains('\n'),
            "{lines}"
        );
        line.strip_prefix("netaio: ").expect("the command's name")
    }
}

/// The command. Whoever runs the tests in the background may have SIGINT ignored, which would stay so.
fn command() -> Command {
    let netaio = env!("CARGO_BIN_EXE_netaio");
    if !cfg!(target_os = "linux") {
        return Command::new(netaio);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,TERM", netaio]);
    command
}

/// Starts the command with pipes.
pub(crate) fn start(args: &[&str]) -> Child {
    start_in(&[], args)
}

/// The same, with variables in its environment.
pub(crate) fn start_in(environment: &[(&str, &OsStr)], args: &[&str]) -> Child {
    command()
        .envs(environment.iter().copied())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal to the command.
pub(crate) fn kill(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let killed = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(killed.success());
}

/// Sends a signal to the command, and returns its exit status.
pub(crate) fn stop(child: &mut Child, signal: &str) -> Option<i32> {
    kill(child, signal);
    child.wait().unwrap().code()
}

/// Runs the command with this input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Ran {
    run_in(&[], args, input)
}

/// The same, with variables in its environment.
pub(crate) fn run_in(environment: &[(&str, &OsStr)], args: &[&str], input: &[u8]) -> Ran {
    let mut child = start_in(environment, args);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        status: output.status.code().expect("it was not killed"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Lines of JSON.
pub(crate) fn json_lines(text: &[u8]) -> Vec<Value> {
    let lines = text.split(|byte| *byte == b'\n').filter(|l| !l.is_empty());
    lines.map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// The test vectors of frames that netaio accepts.
pub(crate) fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/frames.jsonl");
    let mut text = Vec::new();
    let mut file = std::fs::File::open(path).unwrap();
    file.read_to_end(&mut text).unwrap();
    let vectors = json_lines(&text);
    assert!(vectors.len() >= 500);
    vectors
}

/// The bytes of a member in hex.
pub(crate) fn bytes(object: &Value, name: &str) -> Vec<u8> {
    let text = object[name].as_str().unwrap();
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The options that a vector's outer layer asks for. `None` where it has more
/// than the command has options for, or what cannot be an argument.
pub(crate) fn layer_args(vector: &Value) -> Option<Vec<String>> {
    let absent = |name: &str| vector[name].is_null();
    if !(absent("names") && absent("inner_secret") && absent("inner_key")) {
        return None;
    }
    let mut args = Vec::new();
    for name in ["secret", "key"] {
        if let Some(text) = vector[name].as_str() {
            if text.is_empty() || text.contains('\0') {
                return None;
            }
            args.push(format!("--{name}={text}"));
        }
    }
    if vector["plain_uri"] == true {
        args.push("--plain-uri".to_owned());
    }
    Some(args)
}
