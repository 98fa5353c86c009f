//! Signals that end the program.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the program: it is interrupted, terminated or to quit, or its terminal is gone. From
/// when this is made they do nothing else.
pub(crate) struct Signals {
    #[cfg(unix)]
    signals: [Signal; 4],
}

impl Signals {
    /// # Errors
    /// The system does not tell of signals.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
        })
    }

    /// Is ready when one of them has come. Cancel-safe.
    ///
    /// # Errors
    /// The system does not tell of signals.
    pub(crate) async fn come(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            let [interrupted, terminated, hung_up, quit] = &mut self.signals;
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
                _ = quit.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}
