//! As many open files as there are connections.

use crate::args::Bench;
use crate::error::CliError;

/// What a process has open besides.
const OTHERS: u64 = 32;

/// Has the system allow this process as many open files as are needed, as far as its hard limit goes.
///
/// # Errors
/// That is less.
pub(super) fn allow(options: &Bench) -> Result<(), CliError> {
    let connections = u64::from(options.connections) + u64::from(options.fanout.unwrap_or(0));
    // A server of its own has the other ends, but one socket for all datagrams.
    let ends = if options.own && !options.server.udp {
        2
    } else {
        1
    };
    let needed = connections.saturating_mul(ends).saturating_add(OTHERS);
    match allowed(needed) {
        Some(allowed) if allowed < needed => Err(CliError::TooManyFiles { needed, allowed }),
        _ => Ok(()),
    }
}

/// How many there may be then, where there is a limit.
#[cfg(unix)]
fn allowed(needed: u64) -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current?;
    if before >= needed {
        return Some(before);
    }
    let most = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    limit.current = Some(most);
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => Some(most),
        Err(_) => Some(before),
    }
}

#[cfg(not(unix))]
fn allowed(_: u64) -> Option<u64> {
    None
}
