//! The events of the link, and calls of handlers.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use netaio_core::{Call, CloseReason, Dropped, Gap, LinkEvent, Message, ReplyError};

use super::{FEWEST_ANSWERS, FEWEST_REQUESTS, Task};
use crate::futures::race;
use crate::handler::{AnyHandler, Completion, Outcome, PANICKED, Request};
use crate::logging::limited;
use crate::lookup::View;
use crate::observed;
use crate::panics::Panicked;
use crate::remote::Remote;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

/// How long the end of the sending side may take once all is written.
const LINGER: Duration = Duration::from_secs(1);

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Handles events, up to a turn's worth or until half of the answers are to be written, and
    /// returns whether the link is closed.
    pub(super) async fn handle_events(&mut self) -> bool {
        let closed = self.poll_link();
        // The next link that waits for the budget may go on, also where handlers of this one
        // outlive it.
        self.turn = None;
        self.refuse_commands();
        if closed && self.shutdown {
            // On the heap, as it is larger than all that a connection needs while it
            // lives.
            Box::pin(self.shut_down()).await;
        }
        closed
    }

    /// As [`handle_events`](Self::handle_events). Not in an async function, which would move each
    /// event once more.
    fn poll_link(&mut self) -> bool {
        // Callers who got one half have asked again: that is written before the other half. Once at
        // most: what is left may be a part of a frame, and time goes on for the link alone.
        if std::mem::take(&mut self.halved) && self.has_answered_half() && self.writing.is_empty() {
            return false;
        }
        self.forget_half();
        let routing = self.lookup.turn(&self.service);
        // Of one message after another, so that not each one has a handle of the connection.
        let mut request = None;
        let mut handled = 0_usize;
        loop {
            self.pace();
            let mut view = View {
                service: &self.service,
                routing: routing.as_deref(),
            };
            let event = self.link.poll(self.now, &mut view);
            // Before handlers and callers get it, and after.
            self.note_messages();
            match event {
                Some(LinkEvent::Call {
                    call,
                    handler,
                    message,
                }) => {
                    self.ending.connection.note_heard();
                    self.note_gap(&message);
                    let connection = &self.ending.connection;
                    let is_same = |last: &mut Remote| last.is_connection(connection);
                    Request::put(&mut request, message, is_same, || connection.into());
                    self.call(call, &handler, &mut request);
                    handled = handled.saturating_add(1);
                    if self.is_half_over(handled, FEWEST_REQUESTS) && self.link.queued() > 0 {
                        return false;
                    }
                }
                Some(LinkEvent::Closed(reason)) => {
                    let (logs, remote) = (&self.service.context.logs, self.link.remote());
                    limited!(logs, DEBUG, "connection closed", @remote, %reason);
                    return true;
                }
                Some(event) => {
                    let is_answer = matches!(event, LinkEvent::Answered { .. });
                    self.handle_event(event);
                    handled = handled.saturating_add(is_answer.into());
                    // Callers have a turn before there is something to write.
                    if is_answer && self.is_half_over(handled, FEWEST_ANSWERS) {
                        self.halved = true;
                        return false;
                    }
                }
                None => return false,
            }
        }
    }

    /// Whether one half of what was read is handled, of many messages, and the other can be.
    fn is_half_over(&self, handled: usize, fewest: usize) -> bool {
        handled >= fewest && self.has_handled_half() && self.link.wants_poll()
    }

    /// Lets the remote wait while the application takes no more messages.
    fn pace(&mut self) {
        let Some(deliver) = self.service.deliver() else {
            return;
        };
        match deliver.is_full() {
            true => self.link.pause(),
            false => self.link.resume(self.now),
        }
    }

    /// Notes what a server says was lost before a message.
    fn note_gap(&self, message: &Message) {
        if self.service.deliver().is_some()
            && let Some(lost) = Gap::of(message)
        {
            let (logs, remote) = (&self.service.context.logs, self.link.remote());
            limited!(
                logs,
                INFO,
                "the server has dropped notifications",
                @remote,
                lost
            );
            self.ending.observer.gap(&self.ending.connection, lost);
        }
    }

    /// Ends the sending side of a stream that is closed already for the rest: TLS wants
    /// that to be said.
    async fn shut_down(&mut self) {
        let linger = self.link.config().limits().shutdown_grace().min(LINGER);
        let until = self.time().instant_after(linger);
        let late = async {
            R::sleep_until(until).await;
            Ok(())
        };
        if let Some((_, writer)) = &mut self.stream {
            // A failure means that the remote is gone: there is nobody to tell.
            let _ = race(writer.shutdown(), late).await;
        }
    }

    /// Handles events other than calls.
    pub(super) fn handle_event<H: std::fmt::Debug>(&mut self, event: LinkEvent<H>) {
        let (logs, remote) = (&self.service.context.logs, self.link.remote());
        match event {
            LinkEvent::Message(message) => {
                self.ending.connection.note_heard();
                self.note_gap(&message);
                if let Some(deliver) = self.service.deliver() {
                    deliver.deliver(message, &self.ending.connection);
                }
            }
            LinkEvent::Answered { request, answer } => {
                self.ending.connection.note_heard();
                self.callers.answer(request, answer);
            }
            LinkEvent::Failed { request, error } => self.callers.fail(request, error),
            LinkEvent::Cancelled { call, reason } => {
                limited!(logs, DEBUG, "a handler is cancelled", @remote, %reason);
                self.running.cancel(|running| running.id() == call);
            }
            LinkEvent::HalfClosed(reason) => {
                limited!(logs, DEBUG, "the remote has left", @remote, %reason);
                self.ending
                    .observer
                    .half_closed(&self.ending.connection, reason);
            }
            LinkEvent::Unwritten { bytes } => self.note_unwritten(bytes),
            LinkEvent::Shutdown => self.shutdown = true,
            LinkEvent::Dropped(dropped) => self.note_dropped(dropped),
            LinkEvent::Refused(reason) => {
                #[cfg(feature = "testing")]
                if let Some(single) = &mut self.single {
                    single.note_refused();
                }
                limited!(logs, DEBUG, "message refused", @remote, %reason);
                for middleware in &self.service.middleware {
                    middleware.refused(&(&self.ending.connection).into(), &reason);
                }
                self.ending
                    .observer
                    .refused(&self.ending.connection, reason);
            }
            LinkEvent::Unrouted { message_type, uri } => {
                let uri = crate::logging::Shown(&uri);
                limited!(logs, DEBUG, "a message has no handler", @remote, %message_type, %uri);
            }
            event => limited!(logs, DEBUG, "unhandled event", @remote, ?event),
        }
    }

    /// Logs and reports what the end of the connection leaves unwritten. Where the remote was
    /// the one to leave that is no reason to warn.
    fn note_unwritten(&self, bytes: usize) {
        let (logs, remote) = (&self.service.context.logs, self.link.remote());
        match self.link.close_reason() {
            Some(CloseReason::Local) => limited!(
                logs,
                WARN,
                "a connection was closed before all was written",
                @remote,
                bytes
            ),
            Some(reason) => {
                limited!(logs, DEBUG, "not all was written", @remote, %reason, bytes);
            }
            None => limited!(logs, DEBUG, "not all was written", @remote, bytes),
        }
        self.ending
            .observer
            .unwritten(&self.ending.connection, bytes);
    }

    /// Logs and reports notifications that were dropped.
    pub(super) fn note_dropped(&self, dropped: Dropped) {
        let (logs, remote) = (&self.service.context.logs, self.link.remote());
        limited!(
            logs,
            WARN,
            "messages dropped for a slow consumer",
            @remote,
            messages = dropped.messages,
            bytes = dropped.bytes
        );
        self.ending
            .observer
            .dropped(&self.ending.connection, dropped);
    }

    /// Calls a handler. One that has not completed by then is polled in
    /// [`step`](Self::step).
    #[inline]
    fn call(&mut self, call: Call, handler: &AnyHandler, request: &mut Option<Request>) {
        if let Some(options) = handler.options() {
            self.link.set_call_options(self.now, &call, options);
        }
        let context = &self.service.context;
        match observed::call(context, handler, request, &mut self.running.spares) {
            Ok(Outcome::Done(answer)) => self.reply(call, Ok(answer)),
            Ok(Outcome::Running(future)) => self.running.insert(future, call),
            Err(panicked) => self.reply(call, Err(panicked)),
        }
    }

    /// Sends the answers of handlers that have completed, and returns whether there are
    /// any, or were in the last step while others run.
    pub(super) async fn take_answers(&mut self) -> bool {
        let handled = std::mem::take(&mut self.handled);
        if self.running.is_empty() {
            return false;
        }
        let more = poll_fn(|context| Poll::Ready(self.running.poll(context).is_ready())).await;
        if more {
            self.send_answers();
        }
        handled || more
    }

    pub(super) fn send_answers(&mut self) {
        while let Some((call, completed)) = self.running.pop_completed() {
            self.reply(call, completed);
        }
    }

    fn reply(&mut self, call: Call, completed: Completion) {
        let (now, node) = (self.now, &mut &*self.service);
        #[cfg(feature = "testing")]
        if let Some(single) = &mut self.single {
            single.note_reply(!matches!(completed, Ok(None)));
        }
        let replied = match completed {
            Ok(answer) => self.link.reply(now, node, call, answer),
            Err(Panicked) => self.link.reply_error(now, node, call, PANICKED),
        };
        self.note_reply(replied);
    }

    fn note_reply(&self, replied: Result<(), ReplyError>) {
        match replied {
            // A connection that has ended sends no answer.
            Ok(()) | Err(ReplyError::Closed(_) | ReplyError::Cancelled) => {}
            Err(error) => {
                let (logs, remote) = (&self.service.context.logs, self.link.remote());
                limited!(logs, WARN, "a handler's reply was not sent", @remote, %error);
            }
        }
    }
}
