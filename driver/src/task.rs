//! The task that drives one connection: its only reader and its only writer.

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_channel::oneshot;
use netaio_core::{
    Answer, CloseReason, Dispatched, Event, Inbound, Link, Message, Node, Now, ReplyToken,
    RequestId, Role, SendError,
};

use crate::clock;
use crate::connection::{Connection, Ending};
use crate::error::RequestError;
use crate::futures::{BoxFuture, now_or_later, race, race_from, yield_now};
use crate::handler::{AnyHandler, Outcome, PANICKED, Panicked, Request};
use crate::mailbox::Command;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::{Service, Unrouted};
use crate::slots::Slot;

/// Queued answers past which a server reads no further requests, in bytes: a
/// remote that does not read is not asked what else it wants.
const HIGH_WATER: usize = 64 * 1024;

/// Queued answers that are written although more frames wait to be handled, in
/// bytes.
const WRITE_AT: usize = 32 * 1024;

/// Things that happen on one connection before others have their turn.
const STEPS: usize = 64;

/// A connection and what is under way on it.
pub(crate) struct Task<R, I, O> {
    link: Link,
    reader: I,
    writer: O,
    service: Arc<Service>,
    connection: Connection,
    /// Bytes that are being written, and how many have been.
    writing: Vec<u8>,
    written: usize,
    /// All of `writing` has been written, and the stream may keep some back.
    flushing: bool,
    commands: VecDeque<Command>,
    /// Callers that wait for answers, by [`RequestId::index`].
    callers: Vec<Option<Caller>>,
    handler: Option<Running>,
    /// Messages that wait for the handler before them, each with its bytes.
    /// There are any only while somebody waits for an answer, which must not be
    /// stuck behind them.
    waiting: VecDeque<(Inbound, usize)>,
    waiting_bytes: usize,
    /// A message that waits for a free slot.
    blocked: bool,
    timer: Option<(Duration, BoxFuture<()>)>,
    /// The last thing that happened was a write.
    wrote: bool,
    draining: bool,
    /// The remote has sent its last byte.
    eof: bool,
    /// What is queued is not to be written.
    aborted: bool,
    /// The time of the last thing that happened.
    now: Now,
    runtime: PhantomData<fn() -> R>,
    /// The last to be dropped, after the stream.
    _ending: Ending,
}

/// Somebody who waits for an answer.
struct Caller {
    done: oneshot::Sender<Result<Answer, RequestError>>,
    /// The time that the caller gave the request, the way to this task included.
    timeout: Duration,
}

/// A handler that was not done at once.
struct Running {
    future: BoxFuture<Option<Message>>,
    reply: ReplyToken,
    _slot: Slot,
}

/// What happened first.
enum Step {
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Handled(Option<Message>),
    Told,
    Unblocked,
    Read(io::Result<usize>),
    Timer,
}

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    pub(crate) fn new(
        link: Link,
        reader: I,
        writer: O,
        service: Arc<Service>,
        connection: Connection,
    ) -> Self {
        Self {
            link,
            reader,
            writer,
            service,
            _ending: Ending(connection.clone()),
            connection,
            writing: Vec::new(),
            written: 0,
            flushing: false,
            commands: VecDeque::new(),
            callers: Vec::new(),
            handler: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            blocked: false,
            timer: None,
            wrote: false,
            draining: false,
            eof: false,
            aborted: false,
            now: clock::now(),
            runtime: PhantomData,
        }
    }

    /// Runs until the connection is closed.
    pub(crate) async fn run(mut self) {
        self.serve().await;
        self.handler = None;
        while let Some(event) = self.link.poll_event() {
            self.settle(event);
        }
        let reason = self.link.is_closed().cloned().unwrap_or(CloseReason::Local);
        for command in self.connection.shared.mailbox.close(reason.clone()) {
            self.aborted |= matches!(command, Command::Abort);
            refuse(command, &reason);
        }
        if !self.aborted {
            self.write_rest(&reason).await;
        }
    }

    async fn serve(&mut self) {
        let mut yielded = false;
        let mut steps = 0;
        while self.link.is_closed().is_none() {
            // Callers that are about to speak are heard first, so that one
            // write takes the words of all of them.
            if self.take_commands() && !yielded {
                yielded = true;
                yield_now().await;
                continue;
            }
            yielded = false;
            let more = self.turn().await;
            if self.link.is_closed().is_some() {
                return;
            }
            if more && self.link.queued() < WRITE_AT {
                yield_now().await;
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
            self.now = clock::now();
            self.take_step(step);
            // A stream that is always ready would never let go of its thread.
            steps += 1;
            if steps == STEPS {
                steps = 0;
                yield_now().await;
            }
        }
    }

    /// Hands commands to the link, and says whether there were any.
    fn take_commands(&mut self) -> bool {
        self.connection.shared.mailbox.take(&mut self.commands);
        let any = !self.commands.is_empty();
        if any {
            self.now = clock::now();
        }
        while let Some(command) = self.commands.pop_front() {
            self.obey(command);
        }
        any
    }

    fn obey(&mut self, command: Command) {
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
                let timeout = options.timeout();
                let spent = now.monotonic.saturating_sub(called);
                let options = options.with_timeout(timeout.saturating_sub(spent));
                match self.link.request(now, &message, &options) {
                    Ok(request) => self.await_answer(request, Caller { done, timeout }),
                    Err(error) => {
                        let _ = done.send(Err(error.into()));
                    }
                }
            }
            Command::Frame(frame) => {
                // A remote that reads too slowly is cut off by the link.
                let _ = self.link.forward(now, &frame);
            }
            Command::Drain => self.draining = true,
            Command::Close => self.link.close(CloseReason::Local),
            Command::Abort => {
                self.aborted = true;
                self.link.close(CloseReason::Local);
            }
        }
    }

    fn await_answer(&mut self, request: RequestId, caller: Caller) {
        let index = request.index();
        if index >= self.callers.len() {
            self.callers.resize_with(index.saturating_add(1), || None);
        }
        if let Some(place) = self.callers.get_mut(index) {
            *place = Some(caller);
        }
    }

    fn end_request(
        &mut self,
        request: RequestId,
        result: Result<Answer, netaio_core::RequestError>,
    ) {
        let caller = self.callers.get_mut(request.index()).and_then(Option::take);
        if let Some(Caller { done, timeout }) = caller {
            let _ = done.send(result.map_err(|error| match error {
                netaio_core::RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
                netaio_core::RequestError::Closed(reason) => RequestError::Closed(reason),
                other => RequestError::Closed(CloseReason::Transport(other.to_string())),
            }));
        }
    }

    /// Handles what the link has, up to a turn's worth, and says whether there
    /// is more that can be handled.
    async fn turn(&mut self) -> bool {
        for _ in 0..self.service.config.wire.limits.frames_per_turn() {
            let may_handle = self.may_handle();
            if may_handle && let Some((inbound, bytes)) = self.waiting.pop_front() {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
                self.handle(inbound).await;
                continue;
            }
            if !self.may_receive() {
                return false;
            }
            let unhandled = self.link.unhandled();
            match self.link.poll_event() {
                None => return false,
                Some(Event::Message(inbound)) if may_handle => self.handle(inbound).await,
                Some(Event::Message(inbound)) => {
                    let bytes = unhandled.saturating_sub(self.link.unhandled());
                    self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
                    self.waiting.push_back((inbound, bytes));
                }
                Some(event) => self.settle(event),
            }
        }
        let waiting = self.may_handle() && !self.waiting.is_empty();
        waiting || (self.may_receive() && self.link.unhandled() > 0)
    }

    /// Takes note of everything that is no message for a handler.
    fn settle(&mut self, event: Event) {
        match event {
            Event::Answered { request, answer } => self.end_request(request, Ok(answer)),
            Event::Failed { request, error } => self.end_request(request, Err(error)),
            Event::Closed(reason) => {
                tracing::debug!(remote = ?self.link.remote(), %reason, "connection closed");
            }
            event => tracing::debug!(remote = ?self.link.remote(), ?event, "message refused"),
        }
    }

    /// Whether a message may be handled: not while another is, and not before
    /// the answers to earlier ones are read by the remote.
    fn may_handle(&self) -> bool {
        let heeded = self.link.config().role == Role::Client || self.link.queued() < HIGH_WATER;
        heeded && self.handler.is_none() && !self.blocked
    }

    /// Whether the next message may be looked at. Where it could not be handled
    /// only for an answer that somebody waits for, perhaps a handler: other
    /// messages then wait, no more than may be on their way in the other
    /// direction.
    fn may_receive(&self) -> bool {
        if self.may_handle() && self.waiting.is_empty() {
            return true;
        }
        let limits = &self.service.config.wire.limits;
        self.link.pending_requests() > 0
            && self.waiting.len() < limits.pending_requests()
            && self.waiting_bytes < limits.outbound_queue()
    }

    fn is_idle(&self) -> bool {
        let nothing_runs = self.handler.is_none() && self.waiting.is_empty();
        nothing_runs && self.writing.is_empty() && self.link.queued() == 0
    }

    /// Handles a message. One whose handler is not done at once goes on in
    /// [`step`](Self::step).
    async fn handle(&mut self, inbound: Inbound) {
        if !self.service.slots.is_free() {
            self.waiting.push_front((inbound, 0));
            self.blocked = true;
        } else if let Some((mut future, reply)) = self.call(inbound) {
            match now_or_later(&mut future).await {
                Some(answer) => self.reply(&reply, answer),
                None => {
                    let _slot = self.service.slots.take();
                    self.handler = Some(Running {
                        future,
                        reply,
                        _slot,
                    });
                }
            }
        }
    }

    /// Dispatches a message, calls its handler, and returns what that leaves to
    /// be waited for.
    fn call(&mut self, inbound: Inbound) -> Option<(BoxFuture<Option<Message>>, ReplyToken)> {
        let mut router = &*self.service;
        let (handler, message, reply) = match self.link.dispatch(self.now, inbound, &mut router) {
            Dispatched::Call {
                handler,
                message,
                reply,
            } => (handler, message, reply),
            Dispatched::Refused => return None,
            Dispatched::Unrouted { message, reply } => match &self.service.unrouted {
                Unrouted::Handler(handler) => (handler.clone(), message, reply),
                Unrouted::Deliver(deliver) => {
                    deliver(message, self.connection.clone());
                    return None;
                }
                Unrouted::NotFound => {
                    let answer = Node::<AnyHandler>::default_answer(message.message_type);
                    self.reply(&reply, answer);
                    return None;
                }
            },
        };
        let connection = self.connection.clone();
        let answer = match handler.call(Request {
            message,
            connection,
        }) {
            Ok(Outcome::Done(answer)) => answer,
            Ok(Outcome::Running(future)) => return Some((future, reply)),
            Err(Panicked) => Some(Message::error(reply.uri().clone(), PANICKED)),
        };
        self.reply(&reply, answer);
        None
    }

    fn reply(&mut self, token: &ReplyToken, answer: Option<Message>) {
        let Some(answer) = answer else {
            return;
        };
        if let Err(error) = self.link.reply(self.now, token, &answer) {
            tracing::warn!(remote = ?self.link.remote(), %error, "a handler's reply was not sent");
            if let SendError::Seal(error) = error {
                let text = format!("the reply could not be sent: {error}");
                let substitute = Message::error(token.uri().clone(), text);
                // Where that cannot be sent either, nothing can.
                let _ = self.link.reply(self.now, token, &substitute);
            }
        }
    }

    /// Waits for whatever happens first. Nothing that is ready to be written
    /// waits for anything else, and nothing else for more than one write.
    async fn step(&mut self, more: bool) -> Step {
        if self.writing.is_empty() && self.link.poll_outbound(&mut self.writing) {
            self.written = 0;
        }
        let may_read = self.may_read();
        self.link.set_reading(self.now, may_read || more);
        self.set_timer();
        let rest = self.writing.get(self.written..).unwrap_or_default();
        let write = async {
            match rest.is_empty() {
                true if self.flushing => Step::Flushed(self.writer.flush().await),
                true => pending().await,
                false => Step::Written(self.writer.write(rest).await),
            }
        };
        let handle = async {
            match &mut self.handler {
                Some(running) => Step::Handled((&mut running.future).await),
                None => pending().await,
            }
        };
        // What was read is handled before more is read.
        let read = async {
            match may_read && !more {
                true => Step::Read(read(&mut self.reader, &mut self.link).await),
                false => pending().await,
            }
        };
        let unblock = async {
            match self.blocked {
                true => self.service.slots.wait().await,
                false => pending().await,
            }
            Step::Unblocked
        };
        let tell = async {
            match more {
                true => ready(()).await,
                false => self.connection.shared.mailbox.wait().await,
            }
            Step::Told
        };
        let time = async {
            match &mut self.timer {
                Some((_, timer)) => timer.await,
                None => pending().await,
            }
            Step::Timer
        };
        // Commands come behind what is read: they are taken after every step.
        let others = race(race(handle, unblock), race(read, race(tell, time)));
        race_from(self.wrote, write, others).await
    }

    fn take_step(&mut self, step: Step) {
        self.wrote = matches!(step, Step::Written(_));
        match step {
            Step::Told => {}
            Step::Unblocked => self.blocked = false,
            Step::Timer => self.timer = None,
            Step::Written(Ok(count)) if count > 0 => {
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
            Step::Read(Ok(0)) => {
                self.eof = true;
                self.link.handle_eof(self.now);
            }
            Step::Read(Ok(count)) => self.link.received(self.now, count),
            Step::Handled(answer) => {
                if let Some(running) = self.handler.take() {
                    self.reply(&running.reply, answer);
                }
            }
        }
    }

    /// A connection that drains is read from for what a handler waits for.
    fn may_read(&self) -> bool {
        let wanted = !self.draining || (self.handler.is_some() && self.link.pending_requests() > 0);
        wanted && !self.eof && self.may_receive()
    }

    /// Tells the link the time where a deadline has come, whatever else there is
    /// to do, and says whether one had.
    fn meet_deadline(&mut self) -> bool {
        let deadline = self.link.poll_deadline();
        let due = deadline.is_some_and(|deadline| deadline.at <= self.now.monotonic);
        if due {
            self.link.handle_timeout(self.now);
            // At once: a new request may take the place of one that has ended,
            // and a handler that waits keeps the link from being polled.
            while let Some(event) = self.link.poll_past_event() {
                self.settle(event);
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
            let timer = R::sleep_until(clock::instant(deadline.at));
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

    /// Writes what is queued and ends the stream, for as long as a stop would
    /// wait, or until told not to. A remote that does not read is not waited for.
    async fn write_rest(&mut self, reason: &CloseReason) {
        if matches!(
            reason,
            CloseReason::SlowConsumer { .. } | CloseReason::Transport(_)
        ) {
            return;
        }
        let grace = self.service.config.wire.limits.shutdown_grace();
        let until = clock::instant(clock::now().deadline(grace));
        let connection = self.connection.clone();
        let mailbox = &connection.shared.mailbox;
        // A failure means that the remote is gone: there is nobody to tell.
        let write = async {
            let _ = self.write_all().await;
            let _ = self.writer.shutdown().await;
        };
        race(write, race(mailbox.aborted(), R::sleep_until(until))).await;
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

/// Reads into the link's buffer, which an idle connection does without.
async fn read<I: ReadHalf>(reader: &mut I, link: &mut Link) -> io::Result<usize> {
    if I::WAITS_WITHOUT_BUFFER {
        link.release_receive_buffer();
        reader.readable().await?;
    }
    let buffer: &mut BytesMut = link.receive_buffer();
    reader.read(buffer).await
}

/// Tells whoever gave a command that it came too late.
fn refuse(command: Command, reason: &CloseReason) {
    match command {
        Command::Send { done, .. } => {
            let _ = done.send(Err(SendError::Closed(reason.clone())));
        }
        Command::Request { done, .. } => {
            let _ = done.send(Err(SendError::Closed(reason.clone()).into()));
        }
        Command::Frame(_) | Command::Drain | Command::Close | Command::Abort => {}
    }
}
