//! Standard input.

use std::io::{self, Read};

use super::poll;

/// Standard input, unbuffered. It waits where a non-blocking file has nothing yet.
pub(crate) struct Input {
    for_output: bool,
}

impl Input {
    /// Input that is wanted whoever reads the output.
    pub(crate) fn new() -> Self {
        Self { for_output: false }
    }

    /// Input of which nothing but output is made: a read fails with `BrokenPipe` where there is nothing
    /// yet and nobody reads standard output any more.
    pub(crate) fn for_output() -> Self {
        Self { for_output: true }
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

#[cfg(unix)]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(io::stdin(), buffer)?)
}

#[cfg(not(unix))]
fn read(buffer: &mut [u8]) -> io::Result<usize> {
    io::stdin().lock().read(buffer)
}
