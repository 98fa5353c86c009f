//! The last bytes of a connection.

use std::io;

use netaio_core::CloseReason;

use super::Task;
use crate::clock;
use crate::futures::race;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Writes what is queued and ends the stream, for as long as a stop would
    /// wait, or until told not to. A remote that does not read is not waited for.
    pub(super) async fn write_rest(&mut self, reason: &CloseReason) {
        if matches!(
            reason,
            CloseReason::SlowConsumer { .. } | CloseReason::Transport(_)
        ) {
            return;
        }
        let grace = self.service.config.wire.limits.shutdown_grace();
        let until = clock::instant(clock::now().deadline(grace));
        let connection = self.connection.clone();
        let mailbox = &connection.shared.mailbox;
        // A failure means that the remote is gone: there is nobody to tell.
        let write = async {
            let _ = self.write_all().await;
            let _ = self.writer.shutdown().await;
        };
        race(write, race(mailbox.aborted(), R::sleep_until(until))).await;
    }

    async fn write_all(&mut self) -> io::Result<()> {
        loop {
            while let Some(rest) = self
                .writing
                .get(self.written..)
                .filter(|rest| !rest.is_empty())
            {
                let count = self.writer.write(rest).await?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                self.written = self.written.saturating_add(count);
            }
            self.written = 0;
            if !self.link.poll_outbound(&mut self.writing) {
                return self.writer.flush().await;
            }
        }
    }
}
