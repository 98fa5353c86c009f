//! Why there are no figures of a server.

use std::io;
use std::time::Duration;

use netaio_core::Printable;
use netaio_driver::ConnectError;

/// Why there are no figures of a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopError {
    /// It cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It says nothing, or not all, for too long.
    #[error("no figures came from {address} within {timeout:?}")]
    TimedOut { address: String, timeout: Duration },
    /// The connection failed.
    #[error("the connection to {address} ended: {error}")]
    Lost { address: String, error: io::Error },
    /// What it says is something else.
    #[error("what {address} answers is no HTTP")]
    NotHttp { address: String },
    /// It has no such page.
    #[error("{address} answers with the HTTP status {}", Printable::new(.status))]
    Status { address: String, status: String },
    /// The answer was not to be that long.
    #[error("the answer of {address} has more than {max} bytes")]
    TooLong { address: String, max: usize },
    /// The answer was to be longer.
    #[error("the answer of {address} ends early")]
    Truncated { address: String },
    /// The page is of another program.
    #[error("the page of {address} has no figures of netaio")]
    NoFigures { address: String },
}

impl TopError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Connect(_) | Self::TimedOut { .. } => {
                "is there a server? `netaio serve --metrics ADDR` says its figures at an address of their own"
            }
            Self::Lost { .. }
            | Self::NotHttp { .. }
            | Self::Status { .. }
            | Self::NoFigures { .. } => {
                "the address is that of `netaio serve --metrics ADDR`, and not where it serves; a server that was started without it has no figures: start it with `--metrics 127.0.0.1:9100`, say"
            }
            _ => return None,
        })
    }
}
