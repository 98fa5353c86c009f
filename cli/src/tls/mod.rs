//! TLS, which is tokio's: by rustls, with ring.

#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod files;
#[cfg(not(feature = "tls"))]
mod none;
#[cfg(feature = "tls")]
mod server;

use std::io;
use std::path::PathBuf;

#[cfg(feature = "tls")]
pub(crate) use self::client::{TlsClient, advice};
#[cfg(not(feature = "tls"))]
pub(crate) use self::none::{TlsClient, TlsServer, advice};
#[cfg(feature = "tls")]
pub(crate) use self::server::TlsServer;

/// Whether this command has it.
pub(crate) const IS_BUILT: bool = cfg!(feature = "tls");

/// Why there is no TLS where it is wanted.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "without TLS there are fewer")
)]
pub(crate) enum TlsError {
    /// A build without it.
    #[error("this netaio was built without TLS; build it with --features tls")]
    NotBuilt,
    /// Another runtime.
    #[error("TLS is there with --runtime tokio alone")]
    Runtime,
    /// Datagrams.
    #[error("TLS is for TCP, not for --udp: --secret-file and --key-file protect datagrams")]
    Udp,
    /// A file cannot be read.
    #[error("cannot read {what} from {}: {error}", path.display())]
    Read {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// A file is too long for what it is to be.
    #[error("{} is longer than 1 MiB: is it {what}?", path.display())]
    TooLong { what: &'static str, path: PathBuf },
    /// A file is not what it is to be.
    #[error("{} has not {what}: {problem}", path.display())]
    Unfit {
        what: &'static str,
        path: PathBuf,
        problem: String,
    },
    /// What was given does not go together.
    #[error("{}: {problem}", path.display())]
    Refused { path: PathBuf, problem: String },
    /// There is nobody to believe.
    #[error("the system has no certificates of authorities{0}; --ca names a file with some")]
    NoRoots(String),
    /// It is no name of a host.
    #[error("--tls-name is a host's name or its IP address, and not '{0}'")]
    Name(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
}
