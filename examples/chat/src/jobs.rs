//! Job control: a shell has the program stop, and go on.

use std::io;

#[cfg(unix)]
use rustix::process::{Signal, getpid, getppid, getsid, kill_current_process_group, kill_process};
#[cfg(unix)]
use tokio::signal::unix::{self, SignalKind, signal};

/// What is wanted of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only signals ask for it"))]
pub(crate) enum Job {
    /// To stop: SIGTSTP.
    Stop,
    /// It goes on, whatever had it stop: SIGCONT.
    GoOn,
}

/// What is wanted, as it comes.
pub(crate) struct Jobs {
    #[cfg(unix)]
    signals: [unix::Signal; 2],
}

impl Jobs {
    /// From now on SIGTSTP does not stop the program by itself.
    ///
    /// # Errors
    /// The system does not tell of signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: [
                signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
                signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
            ],
        })
    }

    /// Waits for what is wanted next. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Job {
        #[cfg(unix)]
        {
            let [stop, go_on] = &mut self.signals;
            tokio::select! {
                Some(()) = stop.recv() => Job::Stop,
                Some(()) = go_on.recv() => Job::GoOn,
                else => std::future::pending().await,
            }
        }
        #[cfg(not(unix))]
        std::future::pending().await
    }

    /// Stops the process, and waits until it goes on. The system may take a moment to stop it.
    pub(crate) async fn stop(&mut self) {
        // One may always stop oneself.
        #[cfg(unix)]
        if kill_process(getpid(), Signal::STOP).is_ok() {
            while self.next().await != Job::GoOn {}
        }
    }
}

/// Has all stop that a shell has started together, as its terminal would do it by itself at Ctrl-Z.
pub(crate) fn stop_all() {
    #[cfg(unix)]
    if may_stop() {
        // One may always signal oneself.
        let _ = kill_current_process_group(Signal::TSTP);
    }
}

/// Whether there may be a shell that has it go on: nobody could, who sits at a terminal where nothing else runs.
#[cfg(unix)]
pub(crate) fn may_stop() -> bool {
    let session = |of| getsid(of).ok();
    let own = session(None);
    own.is_some()
        && own != Some(getpid())
        && getppid().is_some_and(|parent| session(Some(parent)) == own)
}

#[cfg(not(unix))]
pub(crate) fn may_stop() -> bool {
    false
}
