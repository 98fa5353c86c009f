//! Runs `netaio node`.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::{start, stop};

/// A limit on what must happen: a guard, no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that is killed at the end.
pub(crate) struct Node {
    child: Child,
    lines: Receiver<io::Result<String>>,
    /// Its id, in hex.
    pub(crate) id: String,
    pub(crate) addr: SocketAddr,
    pub(crate) group: String,
}

impl Node {
    /// Starts it, and waits until it has said who it is.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = start(&[&["node"], args].concat());
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.as_mut().unwrap());
        said.read_line(&mut line).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        let ["node", id, "at", addr, "in", "the", "group", group] = words[..] else {
            panic!("{line}");
        };
        let (send, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || out.lines().try_for_each(|line| send.send(line)));
        Self {
            child,
            lines,
            id: id.to_owned(),
            addr: addr.parse().unwrap(),
            group: group.to_owned(),
        }
    }

    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.expect("a line in time").unwrap()
    }

    /// Sends a signal, and returns the exit status and what it has printed since.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let status = stop(&mut self.child, signal);
        (status, self.lines.iter().map(Result::unwrap).collect())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
