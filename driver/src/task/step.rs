//! Waiting for the next bytes, handler, command or deadline.

use std::future::{pending, poll_fn};
use std::io;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use netaio_core::{CloseReason, Link};

use super::Task;
use crate::futures::{BoxFuture, race};
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
        // What others held when the link was asked is listened for, whether or not they do by now.
        // Room that they have taken when it is to be read into is for the next step to wait for.
        let depends = !more && self.link.depends_on_others(may_read);
        let mut others = self.others(depends, may_read);
        self.prepare_wait(more);
        let step = poll_fn(|context| self.poll_step(context, &mut others, (may_read, more))).await;
        if std::mem::take(&mut self.blocked) {
            self.link.written(0);
        }
        step
    }

    fn poll_step(
        &mut self,
        context: &mut Context<'_>,
        others: &mut Option<BoxFuture<Step>>,
        (may_read, more): (bool, bool),
    ) -> Poll<Step> {
        if !self.wrote
            && let step @ Poll::Ready(_) = self.poll_write(context)
        {
            return step;
        }
        if self.running.poll(context).is_ready() {
            return Poll::Ready(Step::Handled);
        }
        if let Some(others) = others
            && let step @ Poll::Ready(_) = others.as_mut().poll(context)
        {
            return step;
        }
        if may_read && let Poll::Ready(come) = self.poll_read(context) {
            return Poll::Ready(Step::Read(come));
        }
        // Commands come after what is read: they are taken after every step. Where there is
        // more, the link is polled again at once.
        let (awaited, connection) = (self.awaited(), &self.ending.connection);
        if more
            || connection.shared.mailbox.poll(context, awaited).is_ready()
            || self.timer.poll(context, connection.time()).is_ready()
        {
            return Poll::Ready(Step::Wake);
        }
        match self.wrote {
            true => self.poll_write(context),
            false => Poll::Pending,
        }
    }

    /// Writes bytes; where there are none, flushes those before or ends the sending side, if that
    /// is to be done.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        let Some((_, writer)) = &mut self.stream else {
            return Poll::Ready(Step::Wake);
        };
        let rest = self.writing.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            return match (self.flushing, self.shutdown) {
                (true, _) => writer.poll_flush(context).map(Step::Flushed),
                (false, true) => writer.poll_shutdown(context).map(Step::Shutdown),
                (false, false) => Poll::Pending,
            };
        }
        let written = writer.poll_write(context, rest);
        self.blocked = written.is_pending();
        if self.blocked {
            self.ending.connection.shared.mailbox.note_turn(true);
        }
        written.map(Step::Written)
    }

    /// Reads into the link's buffer, which an idle connection does without, unless there is
    /// nothing to be read now.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let (Some((reader, _)), link) = (&mut self.stream, &mut self.link) else {
            return Poll::Pending;
        };
        if I::WAITS_WITHOUT_BUFFER {
            link.release_receive_buffer();
            ready!(reader.poll_readable(context))?;
            // A new socket may be said to be readable, and is not: tokio's are.
            if let come @ Poll::Ready(_) = poll_read_some(reader, link, context, I::poll_read) {
                return come;
            }
            link.release_receive_buffer();
            ready!(reader.poll_readable(context))?;
        }
        poll_read_some(reader, link, context, I::poll_read)
    }

    /// What the connection waits for that others have: room in the budget, or in the queue of
    /// messages of the application. On the heap, as few wait for it.
    fn others(&self, depends: bool, may_read: bool) -> Option<BoxFuture<Step>> {
        // Listens before the link is asked again, so that no release after that is missed.
        let freed = depends.then(|| self.service.freed());
        let goes_on = || self.link.wants_poll() || !may_read && self.link.wants_read();
        let goes_on = freed.is_some() && goes_on();
        // As above: the application may have taken messages since.
        let deliver = self.service.deliver().filter(|_| self.link.is_paused());
        let room = deliver.map(|deliver| deliver.room());
        let is_full = deliver.is_some_and(|deliver| deliver.is_full());
        if freed.is_none() && room.is_none() {
            return None;
        }
        let unblock = async move {
            match freed {
                Some(freed) if !goes_on => Step::Unblocked(freed.wait().await),
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
        // On the heap: each connection would have room for it, and none needs it before its end.
        Box::pin(R::yield_now()).await;
        let Some((reader, _)) = &mut self.stream else {
            return;
        };
        let link = &mut self.link;
        let come =
            poll_fn(|context| Poll::Ready(poll_read_some(reader, link, context, I::poll_read_now)))
                .await;
        self.now = self.time().now();
        if let Poll::Ready(come) = come {
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
                self.half.written();
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
                self.half.read(self.link.unhandled());
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

/// Reads by `read` what there is room for.
fn poll_read_some<I: ReadHalf>(
    reader: &mut I,
    link: &mut Link,
    context: &mut Context<'_>,
    read: impl FnOnce(&mut I, &mut Context<'_>, &mut BytesMut) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<Option<usize>>> {
    match link.read_room() {
        usize::MAX => read(reader, context, link.receive_buffer()).map_ok(Some),
        // Other links have taken the budget meanwhile.
        0 => Poll::Ready(Ok(None)),
        room => {
            let mut few = BytesMut::with_capacity(room.min(FEW));
            let count = ready!(read(reader, context, &mut few))?;
            link.receive_buffer().extend_from_slice(&few);
            Poll::Ready(Ok(Some(count)))
        }
    }
}
