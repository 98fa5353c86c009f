//! What came, and its way through the handlers.

use netaio_core::{Dispatched, Event, Inbound, Message, Node, ReplyToken, Role, SendError};

use super::{Running, Task};
use crate::futures::{BoxFuture, now_or_later};
use crate::handler::{AnyHandler, Outcome, PANICKED, Panicked, Request};
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Unrouted;

/// Queued answers past which a server reads no further requests, in bytes: a
/// remote that does not read is not asked what else it wants.
const HIGH_WATER: usize = 64 * 1024;

impl<R: Runtime, I: ReadHalf, O: WriteHalf> Task<R, I, O> {
    /// Handles what the link has, up to a turn's worth, and says whether there
    /// is more that can be handled.
    pub(super) async fn turn(&mut self) -> bool {
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
    pub(super) fn settle(&mut self, event: Event) {
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
    pub(super) fn may_receive(&self) -> bool {
        if self.may_handle() && self.waiting.is_empty() {
            return true;
        }
        let limits = &self.service.config.wire.limits;
        self.link.pending_requests() > 0
            && self.waiting.len() < limits.pending_requests()
            && self.waiting_bytes < limits.outbound_queue()
    }

    pub(super) fn is_idle(&self) -> bool {
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
                    deliver(message, (&self.connection).into());
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
            remote: connection.into(),
        }) {
            Ok(Outcome::Done(answer)) => answer,
            Ok(Outcome::Running(future)) => return Some((future, reply)),
            Err(Panicked) => Some(Message::error(reply.uri().clone(), PANICKED)),
        };
        self.reply(&reply, answer);
        None
    }

    pub(super) fn reply(&mut self, token: &ReplyToken, answer: Option<Message>) {
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
}
