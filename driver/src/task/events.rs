//! The events of the link, and calls of handlers.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use netaio_core::{Call, CloseReason, Dropped, LastRoute, LinkEvent};

use super::calling::Caller;
use super::{Task, calling};
use crate::futures::race;
use crate::handler::{Completion, PANICKED};
use crate::logging::limited;
use crate::lookup::View;
use crate::panics::Panicked;
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
        if self.half.is_asked_again(&self.link) && self.writing.is_empty() {
            return false;
        }
        self.half.forget(&self.link);
        let routing = self.lookup.turn(&self.service);
        let mut routes = routing.as_deref().map(LastRoute::new);
        let mut request = None;
        let (mut requests, mut answers) = (0_usize, 0_usize);
        loop {
            self.pace();
            let mut view = View {
                service: &self.service,
                routes: &mut routes,
            };
            let mut caller = Caller {
                service: &self.service,
                ending: &self.ending,
                flow: &self.flow,
                running: &mut self.running,
                request: &mut request,
                half: &self.half,
                requests: &mut requests,
                is_full: false,
                #[cfg(feature = "testing")]
                single: self.single.as_deref_mut(),
            };
            let event = self.link.poll_with(self.now, &mut view, &mut caller);
            let is_full = caller.is_full;
            // Before callers get it, and after handlers.
            self.note_messages();
            match event {
                Some(LinkEvent::Closed(reason)) => {
                    let (logs, remote) = (&self.service.context.logs, self.link.remote());
                    limited!(logs, DEBUG, "connection closed", @remote, %reason);
                    return true;
                }
                Some(event) => {
                    let is_answer = matches!(event, LinkEvent::Answered { .. });
                    self.handle_event(event);
                    answers = answers.saturating_add(is_answer.into());
                    if is_answer && self.half.hands_out(answers, &self.link) {
                        return false;
                    }
                }
                None if is_full => {}
                None => return false,
            }
        }
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
                calling::note_gap(&self.service, &self.ending, &message);
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
        if let Err(error) = replied {
            calling::note_unanswered(&self.service, &self.ending, &error);
        }
    }
}
