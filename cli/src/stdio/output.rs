//! Standard output.

use std::io::{self, IsTerminal, Write};

use super::poll;

/// Standard output, unbuffered. It waits where a non-blocking file is full, and fails with
/// `BrokenPipe` where nobody reads it any more: a terminal that hung up says `EIO`.
pub(crate) struct Output;

impl Output {
    /// Whether a terminal would act upon what is written.
    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll::writable(io::stdout())?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if poll::is_gone(io::stdout()) => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Around the standard library's buffer, so that nothing waits in it when the process ends.
#[cfg(unix)]
fn write(bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(io::stdout(), bytes)?)
}

#[cfg(not(unix))]
fn write(bytes: &[u8]) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let written = out.write(bytes)?;
    out.flush()?;
    Ok(written)
}
