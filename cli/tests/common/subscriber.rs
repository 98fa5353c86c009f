//! Runs `netaio subscribe` and `netaio watch`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout};

use super::{kill, start, stop};

/// A subscriber that is killed at the end.
pub(crate) struct Subscriber {
    child: Child,
    out: BufReader<ChildStdout>,
    said: BufReader<ChildStderr>,
}

impl Subscriber {
    /// Starts it, and waits until it is subscribed.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut this = Self::start_with(&[&["subscribe"], args].concat());
        let line = this.said();
        assert!(line.starts_with("subscribed to "), "{line}");
        this
    }

    /// Starts this command.
    pub(crate) fn start_with(args: &[&str]) -> Self {
        let mut child = start(args);
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, said }
    }

    /// The next line that it says on standard error.
    pub(crate) fn said(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line
    }

    /// Waits for a line on standard error that begins so.
    pub(crate) fn says(&mut self, start: &str) {
        loop {
            let line = self.said();
            assert!(!line.is_empty(), "it never says {start}");
            if line.starts_with(start) {
                return;
            }
        }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Sends a signal.
    pub(crate) fn kill(&self, signal: &str) {
        kill(&self.child, signal);
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
