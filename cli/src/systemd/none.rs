//! Where there is no such service manager: outside of Linux.

use std::convert::Infallible;
use std::time::Duration;

use netaio_driver::Runtime;

use super::{Sockets, SocketsError};

/// There are none.
pub(crate) fn take() -> Result<Sockets, SocketsError> {
    Ok(Sockets::default())
}

/// Who is told how the service does: nobody.
pub(crate) struct Manager(Infallible);

impl Manager {
    pub(crate) fn of_environment() -> Option<Self> {
        None
    }

    pub(crate) fn every(&self) -> Option<Duration> {
        match self.0 {}
    }

    pub(crate) async fn tell<R: Runtime>(&self, _: &str) {
        match self.0 {}
    }
}
