//! Standard input.

use std::io::{self, Read};

use super::poll;

/// Standard input, unbuffered. It waits where a non-blocking file has nothing yet.
///
/// A read fails with `BrokenPipe` where there is nothing yet and nobody reads standard output any more.
pub(crate) struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            poll::readable(io::stdin(), io::stdout())?;
            match read(buffer) {
                // Another process has taken it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(unix)]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(io::stdin(), buffer)?)
}

#[cfg(not(unix))]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().lock().read(buffer)
}
