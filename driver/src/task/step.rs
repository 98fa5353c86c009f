//! Waiting for the next bytes, handler, command or deadline.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;

use bytes::BytesMut;
use netaio_core::{CloseReason, Link};

use super::Task;
use crate::futures::{at_once, race, race_from};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Turn;

/// Bytes that are read at once where few may be.
const FEW: usize = 4 * 1024;

/// What was ready first.
pub(super) enum Step {
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Shutdown(io::Result<()>),
    Handled,
    Unblocked(Turn),
    /// Bytes were read, or there was no room for them after all.
    Read(io::Result<Option<usize>>),
    /// A command, a deadline, or a turn that is not over.
    Wake,
}

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Waits for whatever is ready first. Nothing that is ready to be written
    /// waits for anything else, and nothing else for more than one write.
    pub(super) async fn step(&mut self, more: bool) -> Step {
        if self.writing.is_empty() && self.link.poll_outbound(&mut self.writing) {
            self.written = 0;
        }
        // What was read is handled before more is read.
        let may_read = self.link.wants_read() && !more;
        // Listens before the link is asked, so that no release after that is missed.
        let freed = self.link.waits_for_budget().then(|| self.service.freed());
        let is_blocked = freed.is_some() && self.link.waits_for_budget();
        // As above: the application may have taken messages since.
        let deliver = self.service.deliver().filter(|_| self.link.is_paused());
        let room = deliver.map(|deliver| deliver.room());
        let is_full = deliver.is_some_and(|deliver| deliver.is_full());
        if let Some(deadline) = self.link.deadline() {
            self.timer.set(deadline.at, self.service.context.time());
        }
        let Some((reader, writer)) = &mut self.stream else {
            return Step::Wake;
        };
        let rest = self.writing.get(self.written..).unwrap_or_default();
        let mailbox = &self.connection.shared.mailbox;
        let mut blocked = false;
        let write = async {
            match rest.is_empty() {
                true if self.flushing => Step::Flushed(writer.flush().await),
                true if self.shutdown => Step::Shutdown(writer.shutdown().await),
                true => pending().await,
                false => {
                    let mut write = pin!(writer.write(rest));
                    poll_fn(|context| {
                        let written = write.as_mut().poll(context);
                        blocked = written.is_pending();
                        if blocked {
                            mailbox.note_turn(true);
                        }
                        written.map(Step::Written)
                    })
                    .await
                }
            }
        };
        let handle = async {
            poll_fn(|context| self.running.poll(context)).await;
            Step::Handled
        };
        let unblock = async {
            match freed {
                Some(freed) if is_blocked => Step::Unblocked(freed.wait().await),
                Some(_) => Step::Wake,
                None => pending().await,
            }
        };
        let resume = async {
            match room {
                Some(room) if is_full => room.await,
                Some(_) => {}
                None => pending().await,
            }
            Step::Wake
        };
        let read = async {
            match may_read {
                true => Step::Read(read(reader, &mut self.link).await),
                false => pending().await,
            }
        };
        let command = async {
            if more {
                // The link is polled again at once.
            } else if self.refusing {
                mailbox.aborted().await;
            } else if self.left {
                // There is no room for the next command before a write.
                mailbox.wait_urgent().await;
            } else {
                mailbox.wait().await;
            }
            Step::Wake
        };
        let time = async {
            self.timer.fire().await;
            Step::Wake
        };
        // Commands come after what is read: they are taken after every step.
        let waits = race(unblock, resume);
        let others = race(race(handle, waits), race(read, race(command, time)));
        let step = race_from(self.wrote, write, others).await;
        if blocked {
            self.link.written(0);
        }
        step
    }

    /// Reads what has come by now, before the link ends.
    pub(super) async fn read_last(&mut self) {
        let Some((reader, _)) = &mut self.stream else {
            return;
        };
        let come = at_once(read_some(reader, &mut self.link)).await;
        self.now = self.time().now();
        if let Some(come) = come {
            self.take_step(Step::Read(come));
        }
    }

    pub(super) fn take_step(&mut self, step: Step) {
        self.wrote = matches!(step, Step::Written(_));
        self.handled = matches!(step, Step::Handled);
        match step {
            Step::Wake | Step::Read(Ok(None)) => {}
            Step::Handled => self.send_answers(),
            Step::Unblocked(turn) => self.turn = Some(turn),
            Step::Written(Ok(count)) if count > 0 => {
                self.flow.sent_bytes.add(count);
                self.link.written(count);
                if !self.flushes.is_empty() {
                    self.flushes.written(count);
                }
                self.connection.shared.mailbox.note_turn(false);
                self.written = self.written.saturating_add(count);
                if self.written >= self.writing.len() {
                    self.flushing = O::NEEDS_FLUSH;
                    self.written = 0;
                    self.link.poll_outbound(&mut self.writing);
                }
            }
            Step::Flushed(Ok(())) => self.flushing = false,
            Step::Shutdown(Ok(())) => self.shutdown = false,
            Step::Written(Ok(_)) => self.fail(&io::ErrorKind::WriteZero.into()),
            Step::Written(Err(error))
            | Step::Flushed(Err(error))
            | Step::Shutdown(Err(error))
            | Step::Read(Err(error)) => self.fail(&error),
            Step::Read(Ok(Some(0))) => self.link.handle_eof(self.now),
            Step::Read(Ok(Some(count))) => {
                self.flow.received_bytes.add(count);
                self.link.received(self.now, count);
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        // Whether by FIN or by RST, the remote has closed the connection.
        let reason = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => CloseReason::Remote,
            io::ErrorKind::TimedOut => CloseReason::Transport(format!(
                "{error}: the path is dead, or the remote takes nothing"
            )),
            _ => CloseReason::Transport(error.to_string()),
        };
        self.link.transport_failed(reason);
    }
}

/// Reads into the link's buffer, which an idle connection does without.
async fn read<I: ReadHalf>(reader: &mut I, link: &mut Link) -> io::Result<Option<usize>> {
    if I::WAITS_WITHOUT_BUFFER {
        link.release_receive_buffer();
        reader.readable().await?;
        // A new socket may be said to be readable, and is not: tokio's are.
        if let Some(come) = at_once(read_some(reader, link)).await {
            return come;
        }
        link.release_receive_buffer();
        reader.readable().await?;
    }
    read_some(reader, link).await
}

async fn read_some<I: ReadHalf>(reader: &mut I, link: &mut Link) -> io::Result<Option<usize>> {
    match link.read_room() {
        usize::MAX => reader.read(link.receive_buffer()).await.map(Some),
        // Other links have taken the budget meanwhile.
        0 => Ok(None),
        room => {
            let mut few = BytesMut::with_capacity(room.min(FEW));
            let count = reader.read(&mut few).await?;
            link.receive_buffer().extend_from_slice(&few);
            Ok(Some(count))
        }
    }
}
