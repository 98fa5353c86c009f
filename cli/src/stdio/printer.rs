//! The output of commands that go on until somebody ends them.

use std::convert::Infallible;
use std::future;
use std::io::{self, Write};
use std::thread;

use async_channel::{Receiver, Sender};

use super::{Output, poll};
use crate::error::CliError;

/// The most lines that wait to be written.
const WAITING: usize = 64;

/// Writes lines to standard output on a thread of its own, so that neither a signal nor the
/// network waits for whoever reads them.
pub(crate) struct Printer {
    lines: Sender<Vec<u8>>,
    /// Why lines cannot be written.
    failures: Receiver<io::Error>,
    /// Closed once no more lines are written.
    written: Receiver<Infallible>,
}

impl Printer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start() -> Result<Self, CliError> {
        let (lines, waiting) = async_channel::bounded(WAITING);
        // One of them for each thread.
        let (failed, failures) = async_channel::bounded(2);
        let (writing, written) = async_channel::bounded(1);
        let gone = failed.clone();
        spawn("output", move || {
            if let Err(error) = write_all(&waiting) {
                // Neither full, nor closed while somebody wants to know.
                let _ = failed.try_send(error);
            }
            drop(writing);
        })?;
        spawn("reader", move || {
            if poll::gone(io::stdout()).is_ok() {
                let _ = gone.try_send(io::ErrorKind::BrokenPipe.into());
            }
        })?;
        Ok(Self {
            lines,
            failures,
            written,
        })
    }

    /// Has a line written, or waits until fewer wait.
    ///
    /// # Errors
    /// The one of an earlier line.
    pub(crate) async fn print(&self, line: Vec<u8>) -> Result<(), CliError> {
        match self.lines.send(line).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failed().await),
        }
    }

    /// Waits until a line cannot be written, or nobody reads them any more. Cancel-safe.
    pub(crate) async fn failed(&self) -> CliError {
        match self.failures.recv().await {
            Ok(error) => CliError::Output(error),
            // All is written, and the reader cannot be watched.
            Err(_) => future::pending().await,
        }
    }

    /// Waits until every line is written.
    ///
    /// # Errors
    /// One could not be.
    pub(crate) async fn finish(&self) -> Result<(), CliError> {
        self.lines.close();
        let _closed = self.written.recv().await;
        match self.failures.try_recv() {
            Ok(error) => Err(CliError::Output(error)),
            Err(_) => Ok(()),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop).map_err(CliError::Start)
}

fn write_all(lines: &Receiver<Vec<u8>>) -> io::Result<()> {
    while let Ok(mut line) = lines.recv_blocking() {
        // What waits already goes with it.
        while line.len() < (64 << 10)
            && let Ok(more) = lines.try_recv()
        {
            line.extend_from_slice(&more);
        }
        Output.write_all(&line)?;
    }
    Ok(())
}
