//! What a service manager is told: `sd_notify(3)`, a datagram to the Unix socket that `NOTIFY_SOCKET` names.

use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::{Duration, Instant};

use netaio_driver::Runtime;
use smol::{Async, future};

/// The time that a datagram may wait for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// The least time between two signs of life.
const LEAST: Duration = Duration::from_millis(10);

/// Who is told.
pub(crate) struct Manager {
    socket: Async<UnixDatagram>,
    every: Option<Duration>,
}

impl Manager {
    /// The one that has started this process, if it wants to be told. What is wrong with the environment
    /// is logged: it keeps nobody from serving.
    pub(crate) fn of_environment() -> Option<Self> {
        let address = env::var_os("NOTIFY_SOCKET")?;
        let socket = connect(address.as_bytes()).and_then(Async::new);
        let every = watchdog();
        let socket = socket.inspect_err(
            |error| tracing::warn!(?address, %error, "the service manager cannot be told"),
        );
        let socket = socket.ok()?;
        Some(Self { socket, every })
    }

    /// The time between two signs of life, half of that after which the manager ends this process, if it
    /// is to have them.
    pub(crate) fn every(&self) -> Option<Duration> {
        self.every
    }

    /// Tells it, within a second: assignments, a line each. That it is not told is logged.
    pub(crate) async fn tell<R: Runtime>(&self, state: &str) {
        let sent = async { self.socket.send(state.as_bytes()).await.map(drop) };
        let late = async {
            R::sleep_until(Instant::now() + PATIENCE).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        if let Err(error) = future::or(sent, late).await {
            tracing::warn!(%error, state, "the service manager is not told");
        }
    }
}

/// A path; behind an `@`, the name of a socket that has none, on Linux.
fn connect(address: &[u8]) -> io::Result<UnixDatagram> {
    let address = match address {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)?
        }
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// Half the time that `WATCHDOG_USEC` has, where `WATCHDOG_PID` says that it is for this process.
fn watchdog() -> Option<Duration> {
    let number = |name| -> Option<u64> {
        let text = env::var_os(name)?;
        let number = text.to_str().and_then(|text| text.parse().ok());
        if number.is_none() {
            tracing::warn!(name, value = ?text, "no number: there are no signs of life");
        }
        // No process, and no time to speak of.
        Some(number.unwrap_or(0))
    };
    let time = number("WATCHDOG_USEC").filter(|time| *time > 0)?;
    let process = number("WATCHDOG_PID").unwrap_or(process::id().into());
    let half = Duration::from_micros(time / 2).max(LEAST);
    (process == u64::from(process::id())).then_some(half)
}
