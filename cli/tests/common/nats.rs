//! A NATS server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
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
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let store = format!("netaio-nats-{}-{number}", std::process::id());
        let store = std::env::temp_dir().join(store);
        let program = std::env::var_os("NETAIO_NATS_SERVER").unwrap_or("nats-server".into());
        let mut command = Command::new(program);
        // A free port, which it says.
        command.args(["--addr", "127.0.0.1", "--port", "-1", "--jetstream"]);
        command.arg("--store_dir").arg(&store);
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            println!("SKIPPED: there is no nats-server (apt-get install nats-server)");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(|line| line.ok());
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("Listening for client connections on ")?;
            Some(address.trim().to_owned())
        });
        thread::spawn(move || lines.for_each(drop));
        let url = format!("nats://{}", address.unwrap());
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
