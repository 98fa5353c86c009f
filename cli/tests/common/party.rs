//! Servers and clients with identities for X25519.

use super::folder::Folder;
use super::server::Server;
use super::{Ran, run};

/// Somebody with a key pair in a file.
pub(crate) struct Party {
    pub(crate) file: String,
    /// The public key.
    pub(crate) key: String,
}

impl Party {
    pub(crate) fn new(folder: &Folder, name: &str) -> Self {
        let file = folder.path(name);
        let printed = run(&["keygen", "x25519", &file], b"").text();
        let key = printed.strip_prefix("public-key ").unwrap().trim_end();
        Self {
            file,
            key: key.to_owned(),
        }
    }

    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        self.serve_over("tcp", options)
    }

    /// Serves over one of the [transports](OVER).
    pub(crate) fn serve_over(&self, over: &str, options: &[&str]) -> Server {
        let own = ["--identity-file", &self.file];
        Server::start_on(&[over], &[&own, options].concat())
    }

    /// Runs a command as this client.
    pub(crate) fn run(&self, server: &str, args: &[&str]) -> Ran {
        let own = ["--identity-file", &self.file, "--server", server];
        run(&[args, &own].concat(), b"")
    }
}

/// The transports, with the options by which clients choose them.
pub(crate) const OVER: [(&str, &[&str]); 2] = [("tcp", &[]), ("udp", &["--udp"])];

/// A request that any server answers.
pub(crate) const ECHO: [&str; 4] = ["request", "echo", "--content", "hi"];

/// It ended long before its timeout, and said so.
pub(crate) fn refused(ran: &Ran, status: i32, text: &str) {
    assert_eq!((ran.status, &*ran.stdout), (status, &b""[..]), "{ran:?}");
    assert!(ran.stderr.contains(text), "{ran:?}");
}

/// It succeeded, with this output.
pub(crate) fn says(ran: &Ran, output: &str) {
    assert_eq!(
        (ran.status, &*ran.stdout),
        (0, output.as_bytes()),
        "{ran:?}"
    );
}
