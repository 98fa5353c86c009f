//! The commands of a connection.

use netaio_core::{CloseReason, SendError};

use super::Task;
use crate::logging::limited;
use crate::mailbox::Command;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Hands commands to the link, and returns whether there were any.
    pub(super) fn take_commands(&mut self) -> bool {
        let mailbox = &self.connection.shared.mailbox;
        if self.refusing {
            if mailbox.is_aborted() {
                self.link.abort(CloseReason::Local);
            }
            return false;
        }
        let dropped = match self.commands.is_empty() {
            true => mailbox.take(&mut self.commands),
            false => None,
        };
        // After the commands are taken: a request that was cancelled before one of them
        // was pushed must not count any longer.
        if self.connection.shared.cancellations.take() {
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
        while let Some(command) = self.commands.pop_front() {
            if let Some(later) = self.execute(command) {
                self.commands.push_front(later);
                return false;
            }
        }
        any
    }

    /// Executes a command, or returns one for which there is no room before a write.
    fn execute(&mut self, command: Command) -> Option<Command> {
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
            Command::Frame(frame) => {
                if let Err(SendError::QueueFull { .. }) = self.link.forward(now, &frame) {
                    return Some(Command::Frame(frame));
                }
            }
            Command::Frames(mut frames) => {
                let forwarded = self.link.forward_all(now, &mut frames);
                if let Err(SendError::QueueFull { .. }) = forwarded {
                    return Some(Command::Frames(frames));
                }
            }
            Command::Notify { message, options } => {
                match self.link.notify(now, node, &message, &options) {
                    Err(SendError::QueueFull { .. }) => {
                        return Some(Command::Notify { message, options });
                    }
                    Err(SendError::Seal(error)) => {
                        let (logs, remote) = (&self.service.context.logs, self.link.remote());
                        limited!(logs, WARN, "a notification was not sent", ?remote, %error);
                    }
                    // The link closes with a slow consumer.
                    Ok(()) | Err(_) => {}
                }
            }
            // The link is polled after every command.
            Command::Wake => {}
            Command::Drain(grace) => self.link.drain(now, grace),
            Command::Close { farewell: true } => self.link.close(now, node),
            Command::Close { farewell: false } => self.link.close_without_farewell(now, node),
            Command::Abort => self.link.abort(CloseReason::Local),
            Command::Cut => {
                let queued = self.link.queued();
                self.link.abort(CloseReason::SlowConsumer { queued });
            }
        }
        None
    }
}
