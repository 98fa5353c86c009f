//! What a service manager says to a service, and hears of it: systemd's protocols, which others speak too.

#[cfg(not(target_os = "linux"))]
mod none;
#[cfg(target_os = "linux")]
mod notify;
#[cfg(target_os = "linux")]
mod sockets;

use std::net::{TcpListener, UdpSocket};

#[cfg(not(target_os = "linux"))]
pub(crate) use self::none::{Manager, take};
#[cfg(target_os = "linux")]
pub(crate) use self::notify::Manager;
#[cfg(target_os = "linux")]
pub(crate) use self::sockets::take;

/// What stands for the address of a socket in errors.
pub(crate) const HANDED_OVER: &str = "a socket that was handed over";

/// The sockets that whoever started the process has opened for it.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Those that listen for clients.
    pub(crate) tcp: Vec<TcpListener>,
    pub(crate) udp: Vec<UdpSocket>,
    /// The one named `metrics`.
    pub(crate) metrics: Option<TcpListener>,
}

impl Sockets {
    /// Whether clients are served by one of them.
    pub(crate) fn serve_clients(&self) -> bool {
        !self.tcp.is_empty() || !self.udp.is_empty()
    }
}

/// Why the sockets that were handed over cannot be used.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "nothing is handed over elsewhere")
)]
pub(crate) enum SocketsError {
    /// `LISTEN_FDS` is not to be understood.
    #[error("LISTEN_FDS is '{0}', and is to say how many sockets are handed over, 64 at most")]
    Count(String),
    /// `LISTEN_PID` is not to be understood.
    #[error("LISTEN_PID is '{0}', and is to be the number of the process that LISTEN_FDS is for")]
    Process(String),
    /// There are too few names, or too many.
    #[error("LISTEN_FDNAMES has {names} names, and LISTEN_FDS says {count} sockets")]
    Names { names: usize, count: usize },
    /// It is another file.
    #[error("descriptor {descriptor} ({name}), which was handed over, is no socket of TCP or UDP")]
    Unfit { descriptor: usize, name: String },
    /// It is a connection, or was not told to listen.
    #[error(
        "descriptor {descriptor} ({name}), which was handed over, is of TCP and does not listen"
    )]
    Silent { descriptor: usize, name: String },
    /// There are two sockets for one thing.
    #[error("descriptor {descriptor} is a second socket for --metrics; one can be handed over")]
    SecondMetrics { descriptor: usize },
    /// Options ask for what was handed over.
    #[error("{0} was handed over, and is not to be given by {1} besides")]
    Twice(&'static str, &'static str),
}
