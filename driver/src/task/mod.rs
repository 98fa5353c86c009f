//! The task that drives one connection: its only reader and its only writer.

mod commands;
mod ending;
mod running;
mod step;
mod turn;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::{CloseReason, Dropped, Inbound, Link, Now, Refusal};

use self::running::Running;
use crate::budget::Member;
use crate::callers::Callers;
use crate::clock::Time;
use crate::connection::{Connection, Ending};
use crate::futures::{BoxFuture, yield_now};
use crate::mailbox::Command;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Service;
use crate::slots::Turn;

/// Queued answers that are written although more frames wait to be handled, in
/// bytes.
const WRITE_AT: usize = 32 * 1024;

/// Things that happen on one connection before others have their turn.
const STEPS: usize = 64;

/// What counts and reports what the task of a connection refuses or drops: a
/// server.
pub(crate) trait LinkObserver: Send + Sync {
    /// A message was refused.
    fn refused(&self, connection: &Connection, why: Refusal);

    /// Messages to a slow consumer were dropped.
    fn dropped(&self, connection: &Connection, dropped: Dropped);
}

/// A connection and what is under way on it.
pub(crate) struct Task<R, I, O> {
    link: Link,
    reader: I,
    writer: O,
    service: Arc<Service>,
    connection: Connection,
    observer: Option<Arc<dyn LinkObserver>>,
    /// Bytes that are being written, and how many have been.
    writing: Vec<u8>,
    written: usize,
    /// All of `writing` has been written, and the stream may keep some back.
    flushing: bool,
    commands: VecDeque<Command>,
    callers: Callers,
    running: Running,
    /// Messages that wait for the handlers before them, each with its bytes. There
    /// is more than one only while somebody waits for an answer, which must not
    /// be stuck behind them.
    waiting: VecDeque<(Inbound, usize)>,
    waiting_bytes: usize,
    /// A message that waits for a free slot.
    blocked: bool,
    /// That message's turn, until it is handled.
    turn: Option<Turn>,
    timer: Option<(Duration, BoxFuture<()>)>,
    /// Messages, and things that happened, since others had their turn.
    frames: usize,
    steps: usize,
    /// The last thing that happened was a write.
    wrote: bool,
    /// The last thing that happened was that handlers were done.
    handled: bool,
    draining: bool,
    /// The remote has sent its last byte.
    eof: bool,
    /// All that it sent has been looked at: no answer can come any more.
    half_closed: bool,
    /// What is queued is not to be written.
    aborted: bool,
    /// The time of the last thing that happened.
    now: Now,
    runtime: PhantomData<fn() -> R>,
    _member: Member,
    /// The last to be dropped, after the stream.
    _ending: Ending,
}

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    pub(crate) fn new(
        link: Link,
        reader: I,
        writer: O,
        service: Arc<Service>,
        connection: Connection,
        observer: Option<Arc<dyn LinkObserver>>,
    ) -> Self {
        let now = service.time().now();
        Self {
            link,
            reader,
            writer,
            _member: Member::new(
                service.budget.clone(),
                connection.shared.number,
                connection.shared.clone(),
            ),
            service,
            _ending: Ending(connection.clone()),
            connection,
            observer,
            writing: Vec::new(),
            written: 0,
            flushing: false,
            commands: VecDeque::new(),
            callers: Callers::default(),
            running: Running::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            blocked: false,
            turn: None,
            timer: None,
            frames: 0,
            steps: 0,
            wrote: false,
            handled: false,
            draining: false,
            eof: false,
            half_closed: false,
            aborted: false,
            now,
            runtime: PhantomData,
        }
    }

    fn time(&self) -> &Time {
        self.service.time()
    }

    /// Runs until the connection is closed.
    pub(crate) async fn run(&mut self) {
        self.serve().await;
        self.running = Running::default();
        self.turn = None;
        while let Some(event) = self.link.poll_event() {
            self.handle_event(event);
        }
        let reason = self.link.is_closed().cloned().unwrap_or(CloseReason::Local);
        for command in self.connection.shared.mailbox.close(reason.clone()) {
            self.aborted |= matches!(command, Command::Abort | Command::Cut);
            command.refuse(&reason);
        }
        if !self.aborted {
            // On the heap, as its state is larger than all that a connection needs
            // while it lives.
            Box::pin(self.write_rest(&reason)).await;
        }
    }

    async fn serve(&mut self) {
        let mut yielded = false;
        let most = self.service.config.wire.limits.frames_per_turn();
        while self.link.is_closed().is_none() {
            // Callers that are about to speak are heard first, and handlers that
            // are about to be done, so that one write takes the words of all.
            let (told, answered) = (self.take_commands(), self.take_answers().await);
            if (told || answered) && !yielded {
                yielded = true;
                self.yield_turn().await;
                continue;
            }
            yielded = false;
            let more = self.turn().await;
            if self.link.is_closed().is_some() {
                return;
            }
            if more && self.link.queued() < WRITE_AT {
                self.yield_turn().await;
                continue;
            }
            if self.draining && !more && self.is_idle() {
                self.link.close(CloseReason::Local);
                return;
            }
            if self.meet_deadline() {
                continue;
            }
            let step = self.step(more).await;
            self.now = self.time().now();
            self.take_step(step);
            // A stream that is always ready would never let go of its thread.
            self.steps = self.steps.saturating_add(1);
            if self.steps >= STEPS || self.frames >= most {
                self.yield_turn().await;
            }
        }
    }

    /// Lets others have their turn on this thread.
    async fn yield_turn(&mut self) {
        (self.frames, self.steps) = (0, 0);
        yield_now().await;
    }
}
