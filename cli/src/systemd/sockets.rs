//! Sockets that are handed over: socket activation, `sd_listen_fds(3)`.
//!
//! `LISTEN_FDS` says how many there are, from descriptor 3 on, `LISTEN_PID` for which process, and
//! `LISTEN_FDNAMES` what each is called, with colons between them.

use std::env;
use std::process;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use super::{Sockets, SocketsError};

/// The first descriptor.
const FIRST: usize = 3;

/// The most sockets: nobody has that many addresses, and the names and numbers are from outside.
const MOST: usize = 64;

/// The name of the socket that `--metrics` is served at.
const METRICS: &str = "metrics";

/// What a socket without a name is called, as the protocol says.
const UNKNOWN: &str = "unknown";

/// Takes the sockets that are for this process; none where there are none. It is called before there are
/// other threads, and before files are opened: the environment changes, and descriptors become sockets.
///
/// # Errors
/// The environment is not to be understood, or what was handed over is something else.
pub(crate) fn take() -> Result<Sockets, SocketsError> {
    let Some(count) = count()? else {
        return Ok(Sockets::default());
    };
    let names = names(count)?;
    let mut handed_over = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for (index, name) in names.into_iter().enumerate() {
        let descriptor = FIRST.saturating_add(index);
        if let Ok(Some(listener)) = handed_over.take_tcp_listener(index) {
            if !socket_acceptconn(&listener).unwrap_or(false) {
                return Err(SocketsError::Silent { descriptor, name });
            }
            match name.as_str() {
                METRICS if sockets.metrics.is_some() => {
                    return Err(SocketsError::SecondMetrics { descriptor });
                }
                METRICS => sockets.metrics = Some(listener),
                _ => sockets.tcp.push(listener),
            }
        } else if let Ok(Some(socket)) = handed_over.take_udp_socket(index) {
            sockets.udp.push(socket);
        } else {
            return Err(SocketsError::Unfit { descriptor, name });
        }
    }
    Ok(sockets)
}

/// How many sockets are for this process.
fn count() -> Result<Option<usize>, SocketsError> {
    let Some(text) = variable("LISTEN_FDS") else {
        return Ok(None);
    };
    let count = text.parse().ok().filter(|count| *count <= MOST);
    let count = count.ok_or(SocketsError::Count(text))?;
    let Some(process) = variable("LISTEN_PID") else {
        tracing::warn!("LISTEN_FDS is for nobody, without LISTEN_PID, and not looked at");
        return Ok(None);
    };
    match process.parse::<u32>() {
        Err(_) => Err(SocketsError::Process(process)),
        Ok(process) if process == process::id() => Ok(Some(count)),
        // A program in between, a shell say, has started this one: the sockets are its own.
        Ok(process) => {
            tracing::warn!(
                process,
                "LISTEN_FDS is for another process, and not looked at"
            );
            Ok(None)
        }
    }
}

/// What each of the sockets is called.
fn names(count: usize) -> Result<Vec<String>, SocketsError> {
    let Some(text) = variable("LISTEN_FDNAMES") else {
        return Ok(vec![UNKNOWN.to_owned(); count]);
    };
    let names: Vec<_> = text.split(':').map(str::to_owned).collect();
    match names.len() {
        len if len == count => Ok(names),
        names => Err(SocketsError::Names { names, count }),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
