//! Runs `netaio subscribe`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout};

use super::{start, stop};

/// A subscriber that is killed at the end.
pub(crate) struct Subscriber {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Subscriber {
    /// Starts it, and waits until it is subscribed.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = start(&[&["subscribe"], args].concat());
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.as_mut().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("subscribed to "), "{line}");
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Sends a signal, and returns the exit status.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        stop(&mut self.child, signal)
    }

    /// Waits for its end: the exit status, and what it has printed since.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
