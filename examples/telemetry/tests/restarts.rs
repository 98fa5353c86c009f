//! The collector is killed and started again, while a device sends and a dashboard watches.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_netaio-telemetry");

/// A process that is killed at the end, and the lines that it prints.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(what: &str, address: &str, folder: &Path, sensor: Option<&str>) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([what, address])
            .arg(folder)
            .args(sensor)
            .env("TELEMETRY_SECRET", "of the members")
            .env("TELEMETRY_ADMIN_SECRET", "of the admins")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that is as wanted.
    fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines
            .find(|line| wanted(line))
            .expect("the program has ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of the reading in a line of the dashboard.
fn number(line: &str) -> Option<u64> {
    let (number, _) = line.strip_prefix("kitchen ")?.split_once(':')?;
    number.parse().ok()
}

#[test]
fn devices_and_dashboards_survive_restarts_of_the_collector() {
    let folder = format!("telemetry-{}", std::process::id());
    let folder = &Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let mut collector = Running::start("collector", "127.0.0.1:0", folder, None);
    let line = collector.line(|line| line.starts_with("listening on "));
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let named = format!("localhost:{port}");

    let mut dashboard = Running::start("dashboard", &named, folder, Some("kitchen"));
    dashboard.line(|line| line == "subscribed");
    let _device = Running::start("device", &named, folder, Some("kitchen"));
    let mut last = number(&dashboard.line(|line| number(line).is_some())).unwrap();

    for _ in 0..3 {
        collector.child.kill().unwrap();
        collector.child.wait().unwrap();
        collector = Running::start("collector", &address, folder, None);
        collector.line(|line| line.starts_with("listening on "));
        dashboard.line(|line| line.starts_with("some may be missing"));
        let next = number(&dashboard.line(|line| number(line).is_some())).unwrap();
        assert!(next >= last, "{next} after {last}");
        last = next;
    }

    let mut admin = Running::start("forget", &named, folder, Some("kitchen"));
    admin.line(|line| line == "forgotten");
    let mut nobody = Running::start("forget", &named, folder, Some("cellar"));
    assert!(!nobody.child.wait().unwrap().success());
}
