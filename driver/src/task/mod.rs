//! The task that drives one connection: its only reader and its only writer.

mod calling;
mod commands;
mod ending;
mod events;
mod flushes;
mod half;
mod rest;
mod running;
#[cfg(feature = "testing")]
mod single;
mod step;
mod warmth;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use netaio_core::{Call, CloseReason, Link, Now};

use tracing::{Instrument, Span};

pub(crate) use self::ending::ConnectionObserver;

use self::ending::Ending;
use self::flushes::Flushes;
use self::half::Half;
use self::running::Running;
use self::warmth::Warmth;
use crate::callers::Callers;
use crate::caught::caught;
use crate::clock::Time;
use crate::connection::Connection;
use crate::error::TaskPanicked;
use crate::futures::yield_now;
use crate::logging::{Shown, limited, shielded};
use crate::lookup::Lookup;
use crate::mailbox::{Awaited, Command};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::{Service, Turn};
use crate::timer::Timer;
use crate::traffic::OpenFlow;

/// Queued answers that are written before more frames are handled, in bytes.
const WRITE_AT: usize = 32 * 1024;

/// Steps of one connection before it yields to other tasks.
const STEPS: u8 = 64;

/// The span of a connection, which no other one is around: it lasts longer than what made it.
fn span_of(connection: &Connection) -> Span {
    let mut span = Span::none();
    shielded(|| {
        let side = match connection.server_id() {
            Some(_) => "client",
            None => "server",
        };
        span = tracing::debug_span!(
            parent: None,
            "connection",
            side,
            remote = connection.remote().map(tracing::field::display),
            name = connection.name().map(|name| tracing::field::display(Shown(name.as_bytes()))),
        );
    });
    span
}

/// A connection and the calls in flight on it.
pub(crate) struct Task<R, I, O> {
    link: Link,
    /// None once the connection is closed.
    stream: Option<(I, O)>,
    service: Arc<Service>,
    /// Bytes that are being written, and how many have been.
    writing: Vec<u8>,
    written: usize,
    /// All of `writing` has been written, and the stream may keep some back.
    flushing: bool,
    flushes: Flushes,
    /// The sending side is to be shut down.
    shutdown: bool,
    commands: VecDeque<Command>,
    /// Commands are left in the mailbox, for which the link has no room.
    left: bool,
    callers: Callers,
    running: Running<Call>,
    /// The turn of this link, which waited for the budget, until it is polled.
    turn: Option<Turn>,
    lookup: Lookup,
    timer: Timer<R>,
    warmth: Warmth,
    /// Steps since the last yield.
    steps: u8,
    half: Half,
    /// The last step was a write.
    wrote: bool,
    /// What is written waits for the transport, in this step.
    blocked: bool,
    /// The last step was the completion of handlers.
    handled: bool,
    /// The mailbox is closed, as the link takes nothing more.
    refusing: bool,
    /// The time of the last step.
    now: Now,
    flow: OpenFlow,
    /// Of a connection that is for one message.
    #[cfg(feature = "testing")]
    single: Option<Box<single::Single>>,
    /// The connection and its observer. Dropped last, after the stream.
    ending: Ending,
}

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Starts the task of a connection.
    pub(crate) fn spawn(
        link: Link,
        (reader, writer): (I, O),
        service: Arc<Service>,
        connection: Connection,
        observer: Arc<dyn ConnectionObserver>,
    ) {
        let span = span_of(&connection);
        let mut task = Self::new(link, reader, writer, service, connection, observer);
        let run = async move {
            if let Err(panicked) = caught(task.run()).await {
                task.fail_panicked(&panicked);
            }
        };
        match span.is_disabled() {
            true => R::spawn(run),
            false => R::spawn(run.instrument(span)),
        }
    }

    fn new(
        link: Link,
        reader: I,
        writer: O,
        service: Arc<Service>,
        connection: Connection,
        observer: Arc<dyn ConnectionObserver>,
    ) -> Self {
        let now = service.context.time().now();
        let flow = service.context.traffic.open();
        #[cfg(feature = "testing")]
        let single = connection.shared.single.then(Box::default);
        Self {
            link,
            stream: Some((reader, writer)),
            service,
            ending: Ending {
                connection,
                observer,
            },
            writing: Vec::new(),
            written: 0,
            flushing: false,
            flushes: Flushes::default(),
            shutdown: false,
            commands: VecDeque::new(),
            left: false,
            callers: Callers::default(),
            running: Running::default(),
            turn: None,
            lookup: Lookup::default(),
            timer: Timer::default(),
            warmth: Warmth::default(),
            steps: 0,
            half: Half::default(),
            wrote: false,
            blocked: false,
            handled: false,
            refusing: false,
            now,
            flow,
            #[cfg(feature = "testing")]
            single,
        }
    }

    fn time(&self) -> &Time {
        self.service.context.time()
    }

    /// Runs until the connection is closed, its last bytes are written or discarded, and its
    /// handlers have ended.
    async fn run(&mut self) {
        let mut yielded = false;
        loop {
            // Yields once to callers that are about to send, and to handlers that are
            // about to complete, so that one write takes the messages of all.
            let (commanded, answered) = (self.take_commands(), self.take_answers().await);
            if (commanded || answered) && !yielded {
                yielded = true;
                self.yield_turn().await;
                continue;
            }
            yielded = false;
            if self.handle_events().await {
                return self.outlive().await;
            }
            #[cfg(feature = "testing")]
            if self.end_single() {
                continue;
            }
            self.ending.connection.shared.mailbox.note_room();
            self.settle_flushes();
            let more = self.link.wants_poll();
            let turn_is_over = self.link.is_turn_over();
            let writes = self.half.is_answered(&self.link) || self.link.queued() >= WRITE_AT;
            // Nothing is written before the last read.
            if (more || turn_is_over) && (!writes || self.link.wants_last_read()) {
                self.yield_turn().await;
                if self.link.wants_last_read() {
                    self.read_last().await;
                }
                continue;
            }
            if !more && self.is_due() {
                continue;
            }
            if !more && self.running.is_empty() {
                self.running.spares.clear();
            }
            self.note_pending();
            let step = self.step(more).await;
            self.now = self.time().now();
            self.take_step(step);
            // A stream that is always ready would starve the other tasks.
            self.steps = self.steps.saturating_add(1);
            if self.steps >= STEPS || turn_is_over {
                self.yield_turn().await;
            }
        }
    }

    /// Lets handlers run to their end whose connection is closed.
    async fn outlive(&mut self) {
        self.stream = None;
        self.writing = Vec::new();
        // Nothing more is written for those who wait for that.
        self.flushes = Flushes::default();
        self.ending.close();
        let connection = self.ending.connection.clone();
        let mailbox = &connection.shared.mailbox;
        while !self.running.is_empty() && !mailbox.is_aborted() {
            self.now = self.time().now();
            while let Some(event) = self.link.poll(self.now, &mut &*self.service) {
                self.handle_event(event);
            }
            let deadline = self.link.deadline();
            self.timer.set(deadline.map(|deadline| deadline.at));
            let clock = self.service.context.time();
            if self.running.is_empty() {
                return;
            }
            poll_fn(|context| {
                let handled = self.running.poll(context).is_ready();
                let aborted = handled || mailbox.poll(context, Awaited::Abort).is_ready();
                match aborted || self.timer.poll(context, clock).is_ready() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            self.send_answers();
        }
    }

    /// Closes the connection, since its task has panicked.
    fn fail_panicked(&mut self, panicked: &TaskPanicked) {
        let (logs, remote) = (&self.service.context.logs, self.link.remote());
        limited!(logs, WARN, "a connection closes after a panic", @remote, %panicked);
        let reason = CloseReason::Failed(panicked.what.clone());
        self.link.abort(reason.clone());
        self.refuse_commands();
        self.callers.fail_all(&reason);
    }

    /// Yields to the other tasks of this thread.
    async fn yield_turn(&mut self) {
        self.steps = 0;
        self.link.begin_turn();
        yield_now().await;
    }

    /// Notes what is in flight, for whoever asks.
    fn note_pending(&self) {
        let requests = self.link.pending_requests() as u64;
        self.flow.pending_requests.set(requests);
        self.flow.running_handlers.set(self.running.len() as u64);
    }

    /// Counts the messages of the link, for whoever asks.
    fn note_messages(&self) {
        calling::note_messages(&self.flow, &self.link);
    }

    /// Closes a connection that is for one message once that is handled without an answer, and
    /// says so.
    #[cfg(feature = "testing")]
    fn end_single(&mut self) -> bool {
        let single = self.single.as_mut();
        if !single.is_some_and(|single| single.is_unanswered(&self.link)) {
            return false;
        }
        self.ending.connection.shared.note_unanswered();
        let (now, node) = (self.now, &mut &*self.service);
        self.link.close_without_farewell(now, node);
        true
    }

    /// Tells those who wait for it that what they have queued is written.
    fn settle_flushes(&mut self) {
        if !self.flushes.is_empty() && !self.flushing {
            self.flushes.settle(self.link.queued());
        }
    }

    /// Whether a deadline has passed.
    fn is_due(&mut self) -> bool {
        let deadline = self.link.deadline();
        deadline.is_some_and(|deadline| deadline.at <= self.now.monotonic)
    }

    /// Refuses further commands once the link takes nothing more.
    fn refuse_commands(&mut self) {
        let Some(reason) = self.link.close_reason().filter(|_| !self.refusing) else {
            return;
        };
        let reason = reason.clone();
        self.refusing = true;
        if reason == CloseReason::Local {
            self.running = Running::default();
        }
        let late = self.ending.connection.shared.mailbox.close(reason.clone());
        for command in self.commands.drain(..).chain(late) {
            command.refuse(&reason);
        }
    }
}

impl<R, I, O> Drop for Task<R, I, O> {
    fn drop(&mut self) {
        // Also if a runtime drops its tasks, or with handlers that run on behind the link's end:
        // others may wait for what these hold.
        self.link.let_go(&mut &*self.service);
        if self.link.close_reason().is_none() {
            self.callers.fail_all(&CloseReason::Local);
        }
    }
}
