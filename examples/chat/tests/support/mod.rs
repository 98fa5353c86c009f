//! What the tests of the program share: places for a chat, and programs in them.

pub mod lines;
pub mod pty;

use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_netaio-chat");

/// A guard against hanging, and no measure of anything.
pub const GUARD: Duration = Duration::from_secs(60);

/// A chat of the test's own on the loopback interface, with a folder for its keys.
pub struct Meeting {
    pub port: u16,
    pub group: String,
    pub folder: PathBuf,
    /// The port is this test's while the socket is there: nobody else who asks for a free port of
    /// this address gets it.
    _reserved: UdpSocket,
}

impl Meeting {
    /// The port and the group are no other test's: the port is free at an address that nobody of the
    /// chat has, and the group is named by the process and the port.
    pub fn new(name: &str) -> Self {
        let reserved = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 99), 0)).unwrap();
        let port = reserved.local_addr().unwrap().port();
        let [high, low] = port.to_be_bytes();
        let folder = format!("chat-{name}-{}-{port}", std::process::id());
        Self {
            port,
            group: Ipv4Addr::new(239, 255, high, low).to_string(),
            folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder),
            _reserved: reserved,
        }
    }

    /// The arguments of one who is there, at an address of the loopback interface.
    pub fn arguments(&self, name: &str, address: &str, key: &str) -> Vec<String> {
        let port = self.port.to_string();
        let key = self.folder.join(key).display().to_string();
        [
            ["--name", name],
            ["--port", &port],
            ["--group", &self.group],
            ["--address", address],
            ["--interface", "127.0.0.1"],
            ["--key-file", &key],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
