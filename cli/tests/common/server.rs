//! Runs `netaio serve`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command};

use super::start;

/// A server that is killed at the end.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts it on a free port, and waits for its line.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = start(&[&["serve", "--tcp", "127.0.0.1:0"], options].concat());
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.as_mut().unwrap());
        out.read_line(&mut line).unwrap();
        let addr = line.trim_end().strip_prefix("netaio: listening on tcp ");
        Self {
            addr: addr.expect("the one line").parse().unwrap(),
            child,
        }
    }

    /// Sends a signal, and returns the exit status.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
