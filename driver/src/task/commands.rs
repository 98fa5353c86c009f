//! The commands of a connection.

use netaio_core::{CloseReason, SendError};

use super::Task;
use crate::logging::limited;
use crate::mailbox::{Command, Taken, Urgent};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Hands commands to the link, and returns whether there were any.
    pub(super) fn take_commands(&mut self) -> bool {
        let mailbox = &self.ending.connection.shared.mailbox;
        if self.refusing {
            if mailbox.is_aborted() {
                self.link.abort(CloseReason::Local);
            }
            return false;
        }
        let limit = self.link.config().limits().outbound_queue();
        let room = limit.saturating_sub(self.link.queued());
        let Taken {
            dropped,
            left,
            urgent,
        } = mailbox.take(&mut self.commands, room);
        self.left = left;
        // After the commands are taken: a request that was cancelled before one of them
        // was pushed must not count any longer.
        if self.ending.connection.shared.cancellations.take() {
            for request in self.callers.take_cancelled() {
                self.link.cancel(request);
            }
        }
        if let Some(dropped) = dropped {
            self.note_dropped(dropped);
        }
        let any = !self.commands.is_empty();
        if any {
            self.now = self.time().now();
        }
        match urgent {
            Some(Urgent::Abort) => self.link.abort(CloseReason::Local),
            Some(Urgent::Cut) => self.link.cut_off(self.time().now()),
            Some(Urgent::Dead { asked }) if self.callers.wait_since(asked) => {}
            Some(Urgent::Dead { .. }) => {
                let reason = "the remote gives no sign of life";
                let reason = CloseReason::Transport(reason.into());
                self.link.transport_failed(reason);
            }
            None => {}
        }
        while let Some(command) = self.commands.pop_front() {
            self.execute(command);
        }
        any
    }

    fn execute(&mut self, command: Command) {
        let (now, node) = (self.now, &mut &*self.service);
        match command {
            Command::Send {
                message,
                options,
                done,
            } => {
                // The sender may have been dropped.
                let _ = done.send(self.link.send(now, node, &message, &options));
            }
            Command::Request(request) => {
                let link = &mut self.link;
                self.callers.send(now, request, |message, options| {
                    link.request(now, node, message, options)
                });
            }
            // A link that closes with a slow consumer takes nothing more.
            Command::Frame { frame, lost, count } => {
                self.link.lost(lost);
                if self.link.forward(now, &frame).is_ok() {
                    self.flow.forwarded_messages.add_all(count);
                }
            }
            Command::Frames { mut frames, count } => {
                if self.link.forward_all(now, &mut frames).is_ok() {
                    self.flow.forwarded_messages.add_all(count);
                }
            }
            Command::Notify {
                message,
                options,
                lost,
            } => {
                self.link.lost(lost);
                if let Err(SendError::Seal(error)) = self.link.notify(now, node, &message, &options)
                {
                    let (logs, remote) = (&self.service.context.logs, self.link.remote());
                    limited!(logs, WARN, "a notification was not sent", @remote, %error);
                }
            }
            Command::Flush(done) => self.flushes.push(self.link.queued(), done),
            // The link is polled after every command.
            Command::Wake => {}
            Command::Drain(grace) => self.link.drain(now, grace),
            Command::Close { farewell: true } => self.link.close(now, node),
            Command::Close { farewell: false } => self.link.close_without_farewell(now, node),
        }
    }
}
