//! Commands that print until somebody ends them.

use smol::future;

use crate::error::CliError;
use crate::signals::Stop;
use crate::stdio::Printer;

/// What a command prints with, and what ends it: a signal, or that nobody reads it any more.
pub(crate) struct Lasting {
    stop: Stop,
    printer: Printer,
}

impl Lasting {
    /// From now on signals ask the command to stop.
    ///
    /// # Errors
    /// The system gives no handlers or threads.
    pub(crate) fn start() -> Result<Self, CliError> {
        Ok(Self {
            stop: Stop::on_signals()?,
            printer: Printer::start()?,
        })
    }

    /// The result of the work, or `None` once a signal came.
    ///
    /// # Errors
    /// The work's, or nobody reads the output any more.
    pub(crate) async fn unless_ended<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<Option<T>, CliError> {
        let unread = async { Err(self.printer.failed().await) };
        let work = self.stop.or(future::or(unread, work));
        work.await.transpose()
    }

    /// Has a line printed, or waits until fewer wait.
    ///
    /// # Errors
    /// An earlier line could not be written.
    pub(crate) async fn print(&self, line: Vec<u8>) -> Result<(), CliError> {
        self.printer.print(line).await
    }

    /// Waits until every line is written.
    ///
    /// # Errors
    /// One could not be.
    pub(crate) async fn finish(&self) -> Result<(), CliError> {
        self.printer.finish().await
    }
}
