//! What happens next: bytes, handlers, commands, time.

use std::future::{pending, poll_fn, ready};
use std::io;

use bytes::BytesMut;
use netaio_core::{CloseReason, Link};

use super::Task;
use crate::budget::{Account, Budget, Room};
use crate::futures::{race, race_from};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::slots::Turn;

/// What happened first.
pub(super) enum Step {
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Handled,
    Command,
    Unblocked(Turn),
    Read(io::Result<usize>),
    Timer,
}

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Waits for whatever happens first. Nothing that is ready to be written
    /// waits for anything else, and nothing else for more than one write.
    pub(super) async fn step(&mut self, more: bool) -> Step {
        if self.writing.is_empty() && self.link.poll_outbound(&mut self.writing) {
            self.written = 0;
        }
        let may_read = self.may_read();
        self.link.set_reading(self.now, may_read || more);
        self.set_timer();
        let (inbound, outbound) = self.holds();
        let (budget, account) = (&self.service.budget, &self.connection.shared.account);
        let rest = self.writing.get(self.written..).unwrap_or_default();
        let write = async {
            match rest.is_empty() {
                true if self.flushing => Step::Flushed(self.writer.flush().await),
                true => pending().await,
                false => Step::Written(self.writer.write(rest).await),
            }
        };
        let handle = async {
            poll_fn(|context| {
                // Only now: what is written at once is not worth counting.
                budget.hold(account, inbound, outbound);
                self.running.poll(context)
            })
            .await;
            Step::Handled
        };
        // What was read is handled before more is read.
        let read = async {
            match may_read && !more {
                true => Step::Read(read(&mut self.reader, &mut self.link, budget, account).await),
                false => pending().await,
            }
        };
        let unblock = async {
            match self.blocked {
                true => Step::Unblocked(self.service.slots.wait().await),
                false => pending().await,
            }
        };
        let command = async {
            match more {
                true => ready(()).await,
                false => self.connection.shared.mailbox.wait().await,
            }
            Step::Command
        };
        let time = async {
            match &mut self.timer {
                Some((_, timer)) => timer.await,
                None => pending().await,
            }
            Step::Timer
        };
        // Commands come behind what is read: they are taken after every step.
        let others = race(race(handle, unblock), race(read, race(command, time)));
        race_from(self.wrote, write, others).await
    }

    pub(super) fn take_step(&mut self, step: Step) {
        self.wrote = matches!(step, Step::Written(_));
        self.handled = matches!(step, Step::Handled);
        match step {
            Step::Command => {}
            Step::Handled => self.send_answers(),
            Step::Unblocked(turn) => {
                self.blocked = false;
                self.turn = Some(turn);
            }
            Step::Timer => self.timer = None,
            Step::Written(Ok(count)) if count > 0 => {
                self.link.written(count);
                self.written = self.written.saturating_add(count);
                if self.written >= self.writing.len() {
                    self.flushing = O::NEEDS_FLUSH;
                    self.written = 0;
                    self.link.poll_outbound(&mut self.writing);
                }
            }
            Step::Flushed(Ok(())) => self.flushing = false,
            Step::Written(Ok(_)) => self.fail(&io::ErrorKind::WriteZero.into()),
            Step::Written(Err(error)) | Step::Flushed(Err(error)) | Step::Read(Err(error)) => {
                self.fail(&error);
            }
            Step::Read(Ok(0)) => self.eof = true,
            Step::Read(Ok(count)) => self.link.received(self.now, count),
        }
    }

    /// Bytes received and not handled, and bytes that wait to be written.
    pub(super) fn holds(&self) -> (usize, usize) {
        let inbound = self.link.unhandled().saturating_add(self.waiting_bytes);
        (inbound, self.link.queued())
    }

    /// A connection that drains is read from for what a handler waits for.
    fn may_read(&self) -> bool {
        let handlers_wait = !self.running.is_empty() && self.link.pending_requests() > 0;
        let wanted = !self.draining || handlers_wait;
        wanted && !self.eof && self.may_receive()
    }

    /// Tells the link the time where a deadline has come, whatever else there is
    /// to do, and says whether one had.
    pub(super) fn meet_deadline(&mut self) -> bool {
        let deadline = self.link.poll_deadline();
        let due = deadline.is_some_and(|deadline| deadline.at <= self.now.monotonic);
        if due {
            self.link.handle_timeout(self.now);
            // At once: a new request may take the place of one that has ended,
            // and a handler that waits keeps the link from being polled.
            while let Some(event) = self.link.poll_past_event() {
                self.handle_event(event);
            }
        }
        due
    }

    /// Sets the timer where the link has an earlier deadline than it is set to.
    /// A later one lets it ring for nothing, which costs less than setting it
    /// for every message.
    fn set_timer(&mut self) {
        let Some(deadline) = self.link.poll_deadline() else {
            return;
        };
        if self.timer.as_ref().is_none_or(|(at, _)| deadline.at < *at) {
            let timer = R::sleep_until(self.time().instant(deadline.at));
            self.timer = Some((deadline.at, Box::pin(timer)));
        }
    }

    fn fail(&mut self, error: &io::Error) {
        // Whether a remote goes with FIN or RST, it is gone.
        let reason = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => CloseReason::Remote,
            _ => CloseReason::Transport(error.to_string()),
        };
        self.link.close(reason);
    }
}

/// Reads into the link's buffer, which an idle connection does without, once all
/// connections together leave room for it.
async fn read<I: ReadHalf>(
    reader: &mut I,
    link: &mut Link,
    budget: &Budget,
    account: &Account,
) -> io::Result<usize> {
    if I::WAITS_WITHOUT_BUFFER {
        link.release_receive_buffer();
        reader.readable().await?;
    }
    match budget.room(account).await {
        Room::Plenty => reader.read(link.receive_buffer()).await,
        Room::Bytes(room) => {
            let mut few = BytesMut::with_capacity(room);
            let count = reader.read(&mut few).await?;
            link.receive_buffer().extend_from_slice(&few);
            Ok(count)
        }
    }
}
