//! Waiting for the next bytes, handler, command or deadline.

#![expect(
    clippy::manual_async_fn,
    reason = "async functions hold their arguments twice, in every connection that waits"
)]

use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use netaio_core::{CloseReason, Link};

use super::Task;
use crate::futures::{BoxFuture, at_once, race};
use crate::mailbox::Awaited;
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
    ///
    /// What can be polled without a future is: an idle connection is mostly what it waits with.
    pub(super) async fn step(&mut self, more: bool) -> Step {
        if self.writing.is_empty() && self.link.poll_outbound(&mut self.writing) {
            self.written = 0;
        }
        // What was read is handled before more is read.
        let may_read = self.link.wants_read() && !more;
        let mut others = self.others();
        self.prepare_wait(more);
        let awaited = self.awaited();
        let Some((reader, writer)) = &mut self.stream else {
            return Step::Wake;
        };
        let rest = self.writing.get(self.written..).unwrap_or_default();
        let (is_writing, wrote) = (!rest.is_empty(), self.wrote);
        let connection = &self.ending.connection;
        let (running, timer) = (&mut self.running, &mut self.timer);
        let blocked = &mut self.blocked;
        let step = {
            let mut write = pin!(write(writer, rest, self.flushing, self.shutdown));
            let mut read = pin!(read(reader, &mut self.link, may_read));
            poll_fn(move |context| {
                let mut poll_write = |context: &mut Context<'_>| {
                    let written = write.as_mut().poll(context);
                    *blocked = is_writing && written.is_pending();
                    if *blocked {
                        connection.shared.mailbox.note_turn(true);
                    }
                    written
                };
                if !wrote && let step @ Poll::Ready(_) = poll_write(context) {
                    return step;
                }
                if running.poll(context).is_ready() {
                    return Poll::Ready(Step::Handled);
                }
                if let Some(others) = &mut others
                    && let step @ Poll::Ready(_) = others.as_mut().poll(context)
                {
                    return step;
                }
                if let Poll::Ready(come) = read.as_mut().poll(context) {
                    return Poll::Ready(Step::Read(come));
                }
                // Commands come after what is read: they are taken after every step. Where there is
                // more, the link is polled again at once.
                if more
                    || connection.shared.mailbox.poll(context, awaited).is_ready()
                    || timer.poll(context, connection.time()).is_ready()
                {
                    return Poll::Ready(Step::Wake);
                }
                match wrote {
                    true => poll_write(context),
                    false => Poll::Pending,
                }
            })
            .await
        };
        if std::mem::take(&mut self.blocked) {
            self.link.written(0);
        }
        step
    }

    /// What the connection waits for that others have: room in the budget, or in the queue of
    /// messages of the application. On the heap, as few wait for it.
    fn others(&self) -> Option<BoxFuture<Step>> {
        // Listens before the link is asked, so that no release after that is missed.
        let freed = self.link.waits_for_budget().then(|| self.service.freed());
        let is_blocked = freed.is_some() && self.link.waits_for_budget();
        // As above: the application may have taken messages since.
        let deliver = self.service.deliver().filter(|_| self.link.is_paused());
        let room = deliver.map(|deliver| deliver.room());
        let is_full = deliver.is_some_and(|deliver| deliver.is_full());
        if freed.is_none() && room.is_none() {
            return None;
        }
        let unblock = async move {
            match freed {
                Some(freed) if is_blocked => Step::Unblocked(freed.wait().await),
                Some(_) => Step::Wake,
                None => pending().await,
            }
        };
        let resume = async move {
            match room {
                Some(room) if is_full => room.await,
                Some(_) => {}
                None => pending().await,
            }
            Step::Wake
        };
        Some(Box::pin(race(unblock, resume)))
    }

    /// Which commands are waited for.
    fn awaited(&self) -> Awaited {
        match (self.refusing, self.left) {
            (true, _) => Awaited::Abort,
            // There is no room for the next command before a write.
            (false, true) => Awaited::Urgent,
            (false, false) => Awaited::Command,
        }
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
                self.ending.connection.shared.mailbox.note_turn(false);
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

/// Writes bytes; where there are none, flushes those before or ends the sending side, if that is
/// to be done.
fn write<O: WriteHalf>(
    writer: &mut O,
    bytes: &[u8],
    flushing: bool,
    shutdown: bool,
) -> impl Future<Output = Step> {
    async move {
        match bytes.is_empty() {
            true if flushing => Step::Flushed(writer.flush().await),
            true if shutdown => Step::Shutdown(writer.shutdown().await),
            true => pending().await,
            false => Step::Written(writer.write(bytes).await),
        }
    }
}

/// Reads into the link's buffer, which an idle connection does without, unless there is
/// nothing to be read now.
fn read<I: ReadHalf>(
    reader: &mut I,
    link: &mut Link,
    may_read: bool,
) -> impl Future<Output = io::Result<Option<usize>>> {
    async move {
        if !may_read {
            return pending().await;
        }
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
}

fn read_some<I: ReadHalf>(
    reader: &mut I,
    link: &mut Link,
) -> impl Future<Output = io::Result<Option<usize>>> {
    async move {
        match link.read_room() {
            usize::MAX => reader.read(link.receive_buffer()).await.map(Some),
            // Other links have taken the budget meanwhile.
            0 => Ok(None),
            // On the heap, as it is rarely so.
            room => Box::pin(read_few(reader, link, room.min(FEW))).await,
        }
    }
}

async fn read_few<I: ReadHalf>(
    reader: &mut I,
    link: &mut Link,
    room: usize,
) -> io::Result<Option<usize>> {
    let mut few = BytesMut::with_capacity(room);
    let count = reader.read(&mut few).await?;
    link.receive_buffer().extend_from_slice(&few);
    Ok(Some(count))
}
