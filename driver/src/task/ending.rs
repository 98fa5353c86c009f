//! The last bytes of a connection.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use netaio_core::CloseReason;

use super::Task;
use crate::futures::{race, yield_now};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

/// How long a remote that was told of the end may go on sending.
const LINGER: Duration = Duration::from_secs(1);

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
        let (inbound, outbound) = self.holds();
        let account = &self.connection.shared.account;
        self.service.budget.hold(account, inbound, outbound);
        let grace = self.service.config.wire.limits.shutdown_grace();
        let (connection, service) = (self.connection.clone(), self.service.clone());
        let late = async |after: Duration| {
            let until = service.time().instant_after(after);
            let aborted = connection.shared.mailbox.aborted();
            race(aborted, R::sleep_until(until)).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        // A failure means that the remote is gone: there is nobody to tell.
        let written = async {
            self.write_all().await?;
            self.writer.shutdown().await
        };
        let written = race(written, late(grace)).await;
        if written.is_ok() && !self.eof {
            let _ = race(self.skip_rest(), late(LINGER.min(grace))).await;
        }
    }

    /// Reads until the remote ends, too, and forgets it. A socket that is closed
    /// with bytes in it that nobody read is reset, and with it goes what was
    /// written last and is still on its way.
    async fn skip_rest(&mut self) -> io::Result<()> {
        const ROOM: usize = 16 * 1024;
        let mut skipped = BytesMut::new();
        loop {
            self.reader.readable().await?;
            skipped.clear();
            skipped.reserve(ROOM);
            if self.reader.read(&mut skipped).await? == 0 {
                return Ok(());
            }
            // There may be no end of it.
            yield_now().await;
        }
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
