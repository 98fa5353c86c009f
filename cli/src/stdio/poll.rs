//! Waiting for a standard stream, where the system can wait for a file.

#[cfg(unix)]
mod system {
    use std::io;
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// What says that nobody is at the other end: of a pipe, a socket or a terminal.
    const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP);

    /// Waits for an event of one of the files, as long as it takes.
    fn wait(files: &mut [PollFd<'_>]) -> io::Result<()> {
        wait_until(files, None)
    }

    fn wait_until(files: &mut [PollFd<'_>], end: Option<&Timespec>) -> io::Result<()> {
        loop {
            match poll(files, end) {
                Err(rustix::io::Errno::INTR) => {}
                polled => return polled.map(drop).map_err(Into::into),
            }
        }
    }

    /// Waits until a file that has said `WouldBlock` takes bytes, or fails.
    pub(crate) fn writable(file: impl AsFd) -> io::Result<()> {
        wait(&mut [PollFd::new(&file, PollFlags::OUT)])
    }

    /// Waits until the input can be read, or fails.
    pub(crate) fn readable(input: impl AsFd) -> io::Result<()> {
        wait(&mut [PollFd::new(&input, PollFlags::IN)])
    }

    /// The same, but no longer than somebody reads the output.
    ///
    /// # Errors
    /// `BrokenPipe`, where nobody does any more.
    pub(crate) fn readable_for(input: impl AsFd, output: impl AsFd) -> io::Result<()> {
        let mut files = [
            PollFd::new(&input, PollFlags::IN),
            PollFd::new(&output, PollFlags::empty()),
        ];
        wait(&mut files)?;
        let [input, output] = files.map(|file| file.revents());
        match input.is_empty() && output.intersects(GONE) {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }

    /// Whether nobody reads the output any more, where that can be seen.
    pub(crate) fn is_gone(output: impl AsFd) -> bool {
        let mut files = [PollFd::new(&output, PollFlags::empty())];
        let polled = wait_until(&mut files, Some(&Timespec::default()));
        polled.is_ok() && files[0].revents().intersects(GONE)
    }

    /// Waits until nobody reads the output any more: for ever, where that cannot be seen.
    pub(crate) fn gone(output: impl AsFd) -> io::Result<()> {
        let mut files = [PollFd::new(&output, PollFlags::empty())];
        wait(&mut files)?;
        match files.map(|file| file.revents())[0].intersects(GONE) {
            true => Ok(()),
            // It cannot be polled.
            false => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    /// Files that say `WouldBlock` are nobody's habit here.
    pub(crate) fn writable<T>(_: T) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// A read waits by itself.
    pub(crate) fn readable<T>(_: T) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn readable_for<I, O>(_: I, _: O) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn is_gone<T>(_: T) -> bool {
        false
    }

    pub(crate) fn gone<T>(_: T) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(super) use system::{gone, is_gone, readable, readable_for, writable};
