//! What a connection is asked to do.

use netaio_core::{CloseReason, Event, SendError};

use super::Task;
use crate::error::RequestError;
use crate::logging::limited;
use crate::mailbox::Command;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Hands commands to the link, and says whether there were any.
    pub(super) fn take_commands(&mut self) -> bool {
        let dropped = self.connection.shared.mailbox.take(&mut self.commands);
        // Behind that: a request that was pushed takes the place of one that was
        // given up before.
        if self.connection.shared.cancellations.take() {
            for request in self.callers.take_cancelled() {
                self.link.cancel(request);
            }
        }
        if let Some(dropped) = dropped {
            self.handle_event(Event::Dropped(dropped));
        }
        let any = !self.commands.is_empty();
        if any {
            self.now = self.time().now();
        }
        while let Some(command) = self.commands.pop_front() {
            self.execute(command);
        }
        // Also while nothing more may be received, as from a slow remote.
        while let Some(event) = self.link.poll_past_event() {
            self.handle_event(event);
        }
        any
    }

    fn execute(&mut self, command: Command) {
        let now = self.now;
        match command {
            Command::Send {
                message,
                options,
                done,
            } => {
                // Nobody minds a sender that has lost interest.
                let _ = done.send(self.link.send(now, &message, &options));
            }
            Command::Request {
                message,
                options,
                called,
                done,
            } => {
                if done.is_canceled() {
                    return;
                }
                if self.half_closed {
                    let _ = done.send(Err(RequestError::Closed(CloseReason::Remote)));
                    return;
                }
                let timeout = options.timeout();
                let spent = now.monotonic.saturating_sub(called);
                let options = options.with_timeout(timeout.saturating_sub(spent));
                match self.link.request(now, &message, &options) {
                    Ok(request) => self.callers.insert(request, done, timeout),
                    Err(error) => {
                        let _ = done.send(Err(error.into()));
                    }
                }
            }
            Command::Frame(frame) => {
                // A remote that reads too slowly is cut off by the link.
                let _ = self.link.forward(now, &frame);
            }
            Command::Notify { message, options } => {
                if let Err(SendError::Seal(error)) = self.link.notify(now, &message, &options) {
                    let (logs, remote) = (&self.service.logs, self.link.remote());
                    limited!(logs, WARN, "a notification was not sent", ?remote, %error);
                }
            }
            Command::Drain => self.draining = true,
            Command::Close => self.link.close(CloseReason::Local),
            Command::Abort => {
                self.aborted = true;
                self.link.close(CloseReason::Local);
            }
            Command::Cut => {
                self.aborted = true;
                let queued = self.link.queued();
                self.link.close(CloseReason::SlowConsumer { queued });
            }
        }
    }
}
