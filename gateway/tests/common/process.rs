//! Gateways in processes of their own, which can be killed: this program again, as which it serves in
//! one of its tests.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use netaio_gateway::GatewayOptions;

use super::{Site, nats};

/// Where it serves, and before which servers of NATS.
const ADDRESS: &str = "NETAIO_TEST_GATEWAY";
const SERVERS: &str = "NETAIO_TEST_GATEWAY_SERVERS";

/// One that keeps its port over restarts. It is killed when it is dropped.
pub(crate) struct GatewayProcess {
    pub(crate) address: SocketAddr,
    /// The test of this program that [serves](serve).
    test: &'static str,
    servers: String,
    child: Option<Child>,
}

impl GatewayProcess {
    /// Starts one, and waits until it serves.
    pub(crate) fn start(test: &'static str, servers: &str) -> Self {
        let mut process = Self {
            address: nats::free_address(),
            test,
            servers: servers.to_owned(),
            child: None,
        };
        process.restart();
        let out = process.child.as_mut().unwrap().stdout.as_mut().unwrap();
        let mut lines = BufReader::new(out).lines();
        assert!(lines.any(|line| line.unwrap().contains("serving")));
        process
    }

    /// Starts it where it is killed. It serves as soon as it can.
    pub(crate) fn restart(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", self.test, "--ignored", "--nocapture"]);
        command.env(ADDRESS, self.address.to_string());
        command.env(SERVERS, &self.servers);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        self.child = Some(command.spawn().unwrap());
    }

    /// The memory that it has, in bytes: Linux only.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.as_ref().unwrap().id());
        let status = std::fs::read_to_string(path).unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves until the process that started this one is gone.
pub(crate) async fn serve(options: impl FnOnce(&str) -> GatewayOptions) {
    serve_with(|servers, address| async move { Site::start_at(options(&servers), &address).await })
        .await;
}

/// As [`serve`], with what is started before these servers of NATS at this address.
pub(crate) async fn serve_with<T, F>(start: impl FnOnce(String, String) -> F)
where
    F: Future<Output = T>,
{
    let (Ok(address), Ok(servers)) = (std::env::var(ADDRESS), std::env::var(SERVERS)) else {
        return;
    };
    let _site = start(servers, address).await;
    println!("serving");
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    let _ = end.await.unwrap();
}
