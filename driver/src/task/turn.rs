//! What came, and its way through the handlers.

use std::future::poll_fn;
use std::task::Poll;

use netaio_core::{CloseReason, Event, Inbound, Message, ReplyToken, Role, SendError};

use super::Task;
use crate::budget::HIGH_WATER;
use crate::futures::poll_once;
use crate::logging::limited;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Invoked;

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Handles what the link has, up to what is left of a turn, and says whether
    /// there is more that can be handled.
    pub(super) async fn turn(&mut self) -> bool {
        let more = self.handle_frames().await;
        // What keeps this connection from taking a slot keeps no other.
        self.turn = None;
        more
    }

    async fn handle_frames(&mut self) -> bool {
        let most = self.service.config.wire.limits.frames_per_turn();
        while self.frames < most {
            if self.may_handle_waiting()
                && let Some((inbound, bytes)) = self.waiting.pop_front()
            {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
                self.frames = self.frames.saturating_add(1);
                self.handle(inbound).await;
                continue;
            }
            if !self.may_receive() {
                return false;
            }
            let unhandled = self.link.unhandled();
            let event = self.link.poll_event();
            self.frames = self.frames.saturating_add(usize::from(event.is_some()));
            match event {
                None if self.eof && self.link.is_closed().is_none() => {
                    if !self.handle_eof() {
                        return false;
                    }
                }
                None => return false,
                Some(Event::Message(inbound))
                    if self.waiting.is_empty() && self.may_handle(&inbound) =>
                {
                    self.handle(inbound).await;
                }
                Some(Event::Message(inbound)) => {
                    let bytes = unhandled.saturating_sub(self.link.unhandled());
                    self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
                    self.waiting.push_back((inbound, bytes));
                }
                Some(event) => self.handle_event(event),
            }
        }
        self.may_handle_waiting() || (self.may_receive() && self.link.unhandled() > 0)
    }

    /// Tells the link of the end once nothing is under way, and says whether it
    /// did: what handlers have to say is still sent to a remote that only sends no
    /// more. What they ask it will not be answered.
    fn handle_eof(&mut self) -> bool {
        let over = self.running.is_empty() && self.waiting.is_empty();
        if over {
            self.link.handle_eof(self.now);
        } else {
            self.half_closed = true;
            for request in self.callers.take_all(&CloseReason::Remote) {
                self.link.cancel(request);
            }
        }
        over
    }

    /// Takes note of everything that is no message for a handler.
    pub(super) fn handle_event(&mut self, event: Event) {
        let (logs, remote) = (&self.service.logs, self.link.remote());
        match event {
            Event::Answered { request, answer } => self.callers.end(request, Ok(answer)),
            Event::Failed { request, error } => self.callers.end(request, Err(error)),
            Event::Closed(reason) => {
                limited!(logs, DEBUG, "connection closed", ?remote, %reason);
            }
            Event::Dropped(dropped) => {
                limited!(
                    logs,
                    WARN,
                    "messages dropped: it reads too slowly",
                    ?remote,
                    ?dropped
                );
                if let Some(observer) = &self.observer {
                    observer.dropped(&self.connection, dropped);
                }
            }
            Event::Refused(why) => {
                limited!(logs, DEBUG, "message refused", ?remote, ?why);
                if let Some(observer) = &self.observer {
                    observer.refused(&self.connection, why);
                }
            }
            event => limited!(logs, DEBUG, "unhandled event", ?remote, ?event),
        }
    }

    /// Whether this message may be handled: one without an id not while another
    /// is.
    fn may_handle(&self, inbound: &Inbound) -> bool {
        self.may_handle_some() && (self.running.is_empty() || self.link.is_correlated(inbound))
    }

    fn may_handle_waiting(&self) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|(inbound, _)| self.may_handle(inbound))
    }

    /// Whether a message may be handled, if only one with an id: not beside too
    /// many others or one without an id, and not before the answers to earlier
    /// ones are read by the remote.
    fn may_handle_some(&self) -> bool {
        let drains = self.link.config().role == Role::Client || self.link.queued() < HIGH_WATER;
        let max = self.service.config.wire.limits.handlers_per_connection();
        drains && !self.blocked && self.running.has_room(max)
    }

    /// Whether the next message may be looked at. Where none could be handled
    /// only for an answer that somebody waits for, perhaps a handler: other
    /// messages then wait, no more than may be on their way in the other
    /// direction.
    pub(super) fn may_receive(&self) -> bool {
        if self.waiting.is_empty() && self.may_handle_some() {
            return true;
        }
        let limits = &self.service.config.wire.limits;
        self.link.pending_requests() > 0
            && self.waiting.len() < limits.pending_requests()
            && self.waiting_bytes < limits.outbound_queue()
    }

    pub(super) fn is_idle(&self) -> bool {
        let nothing_runs = self.running.is_empty() && self.waiting.is_empty();
        nothing_runs && self.writing.is_empty() && self.link.queued() == 0
    }

    /// Handles a message. One whose handler is not done at once goes on in
    /// [`step`](Self::step).
    async fn handle(&mut self, inbound: Inbound) {
        if !self.service.slots.is_free() {
            self.waiting.push_front((inbound, 0));
            self.blocked = true;
            return;
        }
        let _turn = self.turn.take();
        let mut router = &*self.service;
        let dispatched = self.link.dispatch(self.now, inbound, &mut router);
        match self.service.invoke(dispatched, (&self.connection).into()) {
            Invoked::Nothing => {}
            Invoked::Done { reply, answer, .. } => self.reply(&reply, answer),
            Invoked::Running(reply, mut future) => match poll_once(&mut future).await {
                Some(answer) => self.reply(&reply, answer),
                None => self
                    .running
                    .insert(future, reply, self.service.slots.take()),
            },
        }
    }

    /// Sends the answers of handlers that are done by now, and says whether there
    /// are any, or just were, while others may follow.
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
        while let Some((reply, answer)) = self.running.pop_done() {
            self.reply(&reply, answer);
        }
    }

    fn reply(&mut self, token: &ReplyToken, answer: Option<Message>) {
        let Some(answer) = answer else {
            return;
        };
        if let Err(error) = self.link.reply(self.now, token, &answer) {
            let (logs, remote) = (&self.service.logs, self.link.remote());
            limited!(logs, WARN, "a handler's reply was not sent", ?remote, %error);
            if let SendError::Seal(error) = error {
                let text = format!("the reply could not be sent: {error}");
                let substitute = Message::error(token.uri().clone(), text);
                // Where that cannot be sent either, nothing can.
                let _ = self.link.reply(self.now, token, &substitute);
            }
        }
    }
}
