//! Standard input.
//!
//! One that was closed is `/dev/null` by now, as is an empty one. Only the former can be written to: so
//! the standard library opens it.

use std::io::{self, Read};

use super::poll;

/// Standard input was closed when the command started: what is to be read is missing, and not empty.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("standard input is closed")]
pub(crate) struct NoInput;

/// Standard input, unbuffered. It waits where a non-blocking file has nothing yet.
pub(crate) struct Input {
    for_output: bool,
}

impl Input {
    /// Input that is wanted whoever reads the output.
    ///
    /// # Errors
    /// It was closed when the command started.
    pub(crate) fn open() -> Result<Self, NoInput> {
        if was_closed() {
            return Err(NoInput);
        }
        Ok(Self { for_output: false })
    }

    /// Input of which nothing but output is made: a read fails with `BrokenPipe` where there is nothing
    /// yet and nobody reads standard output any more.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn open_for_output() -> Result<Self, NoInput> {
        Self::open().map(|_| Self { for_output: true })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.for_output {
                true => poll::readable_for(io::stdin(), io::stdout())?,
                false => poll::readable(io::stdin())?,
            }
            match read(buffer) {
                // Another process has taken it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Whether it is a `/dev/null` that could be written to.
#[cfg(unix)]
fn was_closed() -> bool {
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

    let is_writable =
        fcntl_getfl(io::stdin()).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    if !is_writable {
        return false;
    }
    let (Ok(input), Ok(null)) = (fstat(io::stdin()), stat("/dev/null")) else {
        return false;
    };
    FileType::from_raw_mode(input.st_mode) == FileType::CharacterDevice
        && input.st_rdev == null.st_rdev
}

#[cfg(not(unix))]
fn was_closed() -> bool {
    false
}

#[cfg(unix)]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(io::stdin(), buffer)?)
}

#[cfg(not(unix))]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().lock().read(buffer)
}
