//! Servers of NATS: real processes, with JetStream, alone or three of them.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// One that keeps its files and its port over restarts. It is killed when it is dropped.
pub(crate) struct NatsServer {
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one, if there is one to start.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same, with more lines in its configuration.
    pub(crate) fn start_with(more: &str) -> Option<Self> {
        let mut server = Self::prepare("alone", free_address(), "", more);
        server.restart().then_some(server)
    }

    /// Starts a cluster of three, if there is one whose replicas can be relied on.
    pub(crate) fn cluster() -> Option<[Self; 3]> {
        let version = Command::new(program()).arg("--version").output();
        let version = version.map_or(String::new(), |version| {
            String::from_utf8_lossy(&version.stdout).into_owned()
        });
        let old = |old: &str| version.contains(&format!(" v{old}."));
        if ["2.8", "2.9"].into_iter().any(old) {
            println!(
                "SKIPPED: three replicas need a later server than {}",
                version.trim()
            );
            return None;
        }
        let routes = [(); 3].map(|()| free_address());
        let list = routes.map(|route| format!("\"nats://{route}\"")).join(", ");
        let mut index = 0;
        let mut servers = routes.map(|route| {
            index += 1;
            let cluster = format!("cluster {{ name: c, listen: \"{route}\", routes: [{list}] }}\n");
            Self::prepare(
                &format!("n{index}"),
                free_address(),
                ", sync_interval: always",
                &cluster,
            )
        });
        for server in &mut servers {
            if !server.restart() {
                return None;
            }
        }
        Some(servers)
    }

    fn prepare(name: &str, address: SocketAddr, sync: &str, more: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("netaio-gateway-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let store = folder.join("store");
        let config = format!(
            "server_name: {name}\nlisten: \"{address}\"\n\
             jetstream {{ store_dir: {store:?}{sync} }}\n{more}"
        );
        fs::write(folder.join("nats.conf"), config).unwrap();
        Self {
            address,
            folder,
            child: None,
        }
    }

    /// Starts it again where it is killed, and waits until it listens; false if there is no such
    /// program here.
    pub(crate) fn restart(&mut self) -> bool {
        let mut command = Command::new(program());
        command.arg("--config").arg(self.folder.join("nats.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            assert!(
                std::env::var_os("NETAIO_NATS_SERVER").is_none(),
                "nats-server cannot be started"
            );
            println!("SKIPPED: there is no nats-server (apt-get install nats-server)");
            return false;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = |line: &Result<String, _>| {
            line.as_ref()
                .is_ok_and(|line| line.contains("Listening for client connections"))
        };
        let found = lines.by_ref().any(|line| listens(&line));
        assert!(found, "nats-server has ended");
        // What it says further has to go somewhere.
        thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
        true
    }

    /// Stops its process, and waits until all its threads stand still: Linux only.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.child.as_ref().unwrap().id());
        let is_stopped = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status"));
            // One that has ended meanwhile has none.
            status.map_or(true, |status| status.contains("State:\tT"))
        };
        while !fs::read_dir(&tasks)
            .unwrap()
            .all(|task| is_stopped(task.unwrap()))
        {}
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().unwrap();
        let mut kill = Command::new("kill");
        let sent = kill.args([name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Which nats-server: the system's, or the one that the environment names.
fn program() -> OsString {
    std::env::var_os("NETAIO_NATS_SERVER").unwrap_or("nats-server".into())
}

/// One that nobody listens at, for whoever keeps it over restarts. It is no port that the system gives
/// to those who ask for any: while its server is away, nobody else gets it.
pub(crate) fn free_address() -> SocketAddr {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id().wrapping_mul(64);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + process.wrapping_add(number) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port.try_into().unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
