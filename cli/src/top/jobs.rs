//! Job control: a shell has the command stop, and go on.

use std::future::pending;

use crate::error::CliError;

/// What is wanted of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only signals ask for it"))]
pub(super) enum Job {
    /// To stop: SIGTSTP.
    Stop,
    /// It goes on, whatever had it stop: SIGCONT.
    GoOn,
}

/// What is wanted, as it comes.
pub(super) struct Jobs(#[cfg(unix)] async_signal::Signals);

impl Jobs {
    /// From now on SIGTSTP does not stop the command by itself.
    ///
    /// # Errors
    /// The system takes no handlers.
    #[cfg(unix)]
    pub(super) fn start() -> Result<Self, CliError> {
        use async_signal::Signal::{Cont, Tstp};

        crate::signals::handled(&[Tstp, Cont]).map(Self)
    }

    #[cfg(not(unix))]
    pub(super) fn start() -> Result<Self, CliError> {
        Ok(Self())
    }

    /// Waits for what is wanted next. Cancel-safe.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> Job {
        use smol::stream::StreamExt;

        match self.0.next().await {
            Some(Ok(async_signal::Signal::Tstp)) => Job::Stop,
            Some(Ok(_)) => Job::GoOn,
            Some(Err(_)) | None => pending().await,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> Job {
        pending().await
    }

    /// Stops the process, and waits until it goes on. The system may take a moment to stop it.
    #[cfg(unix)]
    pub(super) async fn stop(&mut self) {
        use rustix::process::{Signal, getpid, kill_process};

        // One may always stop oneself.
        if kill_process(getpid(), Signal::STOP).is_ok() {
            while self.next().await != Job::GoOn {}
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn stop(&mut self) {}
}

/// Has all stop that a shell has started together, as its terminal would do it by itself at Ctrl-Z.
#[cfg(unix)]
pub(super) fn stop_all() {
    use rustix::process::{Signal, kill_current_process_group};

    if may_stop() {
        // One may always signal oneself.
        let _ = kill_current_process_group(Signal::TSTP);
    }
}

#[cfg(not(unix))]
pub(super) fn stop_all() {}

/// Whether there may be a shell that has it go on: nobody could, who sits at a terminal where nothing else runs.
#[cfg(unix)]
pub(super) fn may_stop() -> bool {
    use rustix::process::{getpid, getppid, getsid};

    let session = |of| getsid(of).ok();
    let own = session(None);
    own.is_some()
        && own != Some(getpid())
        && getppid().is_some_and(|parent| session(Some(parent)) == own)
}

#[cfg(not(unix))]
pub(super) fn may_stop() -> bool {
    false
}
