//! Runs `netaio serve`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;

use super::{kill, start, stop};

/// A server that is killed at the end.
pub(crate) struct Server {
    child: Child,
    /// Where it listens; where there is both, for TCP.
    pub(crate) addr: SocketAddr,
    /// Where it listens for UDP, if it does.
    pub(crate) udp: Option<SocketAddr>,
    /// Where it serves its counters, if it does.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Server {
    /// Starts it on a free port, and waits for its line.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_on(&["tcp"], options)
    }

    /// Starts it on a free port for each of these transports, and waits for its
    /// lines.
    pub(crate) fn start_on(transports: &[&str], options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", transports, options)
    }

    /// Starts it on an address, with all these transports, and waits for its lines.
    pub(crate) fn start_at(address: &str, transports: &[&str], options: &[&str]) -> Self {
        let mut args = vec!["serve"];
        let names: Vec<_> = transports.iter().map(|name| format!("--{name}")).collect();
        for name in &names {
            args.extend([name, address]);
        }
        Self::of(start(&[&args, options].concat()), transports)
    }

    /// Waits for the lines of one that was started, with all these transports in the order of its lines.
    pub(crate) fn of(mut child: Child, transports: &[&str]) -> Self {
        let mut out = BufReader::new(child.stdout.as_mut().unwrap());
        let mut listening = |transport: &&str| -> SocketAddr {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            let start = format!("netaio: listening on {transport} ");
            let addr = line.trim_end().strip_prefix(&start);
            addr.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        let addrs: Vec<_> = transports.iter().map(&mut listening).collect();
        let at = |wanted| transports.iter().position(|name| *name == wanted);
        Self {
            addr: addrs[0],
            udp: at("udp").map(|index| addrs[index]),
            metrics: at("metrics").map(|index| addrs[index]),
            child,
        }
    }

    /// The memory that it has, in bytes: Linux only.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    }

    /// Sends a signal that does not end it.
    pub(crate) fn kill(&self, signal: &str) {
        kill(&self.child, signal);
    }

    /// Sends a signal, and returns the exit status.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        stop(&mut self.child, signal)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
