//! A NATS server.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

/// A NATS server with JetStream, which is killed when it is dropped.
pub(crate) struct Nats {
    child: Child,
    pub(crate) url: String,
    store: std::path::PathBuf,
}

impl Nats {
    /// Starts one, if there is one to start.
    pub(crate) fn start() -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let store = std::env::temp_dir().join(format!("netaio-nats-{}", address.port()));
        let program = std::env::var_os("NETAIO_NATS_SERVER").unwrap_or("nats-server".into());
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--jetstream", "--port"]);
        command
            .arg(address.port().to_string())
            .arg("--store_dir")
            .arg(&store);
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            println!("SKIPPED: there is no nats-server (apt-get install nats-server)");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(|line| line.ok());
        assert!(lines.any(|line| line.contains("Listening for client connections")));
        thread::spawn(move || lines.for_each(drop));
        let url = format!("nats://{address}");
        Some(Self { child, url, store })
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_dir_all(&self.store);
    }
}
