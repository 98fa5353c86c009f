//! Handlers that run for messages in parts.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::parts::{Inbox, Ticket};
use netaio_core::{Destination, Message, Route, SharedNode, Unrouted};

use super::reading::Reading;
use super::shared::Shared;
use crate::futures::{BoxFuture, race};
use crate::handler::{AnyHandler, BodySlot, HandlerFuture, Outcome, PANICKED, Request, Spares};
use crate::panics::{Panicked, discard};
use crate::remote::Remote;
use crate::service::Service;
use crate::sync::lock;

/// A handler of a message in parts. If it is dropped before its end, the message is forgotten.
pub(super) struct Running {
    shared: Arc<Shared>,
    service: Arc<Service>,
    ticket: Option<Ticket>,
    /// It is a task of its own.
    is_task: bool,
}

impl Running {
    pub(super) fn new(shared: Arc<Shared>, service: Arc<Service>, ticket: Ticket) -> Self {
        Self {
            shared,
            service,
            ticket: Some(ticket),
            is_task: false,
        }
    }

    /// Calls the handler of one that begins, if it takes a stream. Returns what is answered.
    pub(super) fn begin(mut self, message: Message, len: u64, remote: Remote) -> Option<Message> {
        let is_stream = |handler: &AnyHandler| handler.takes_stream();
        let ticket = self.ticket?;
        let Some(handler) = self.handler(&message, &remote, is_stream) else {
            // All others are called when it is whole.
            self.ticket = None;
            let accept = |inbox: &mut Inbox, _| inbox.accept(ticket);
            return Some(self.shared.change(&self.service, accept));
        };
        if !self.begin_task() {
            self.ticket = None;
            let refuse = |inbox: &mut Inbox, _| inbox.refuse(ticket);
            return Some(self.shared.change(&self.service, refuse));
        }
        let stream = |inbox: &mut Inbox, _| inbox.stream(ticket);
        let answer = self.shared.change(&self.service, stream);
        let reading = Reading::new(&self.shared, &self.service, ticket);
        let uri = message.uri.clone();
        let mut request = Request::new(message, remote);
        request.set_extension(BodySlot::new(len, reading));
        let calls = handler
            .options()
            .unwrap_or(self.service.context.config.calls);
        match handler.call(request, &mut Spares::default()) {
            Ok(Outcome::Done(reply)) => self.end(reply),
            Ok(Outcome::Running(future)) => {
                let sleep = calls.timeout().map(|timeout| {
                    let context = &self.service.context;
                    (context.sleep_until)(context.time().instant_after(timeout))
                });
                let spawn = self.service.context.spawn;
                spawn(Box::pin(self.run(future, sleep, uri)));
                Some(answer)
            }
            Err(Panicked) => self.end(Some(Message::error(uri, PANICKED))),
        }
    }

    /// Runs as a task.
    async fn run(self, mut future: HandlerFuture, sleep: Option<BoxFuture<()>>, uri: Bytes) {
        let service = self.service.clone();
        let late = Message::error(uri.clone(), "the handler took too long");
        let timed = async {
            match sleep {
                Some(sleep) => sleep.await,
                None => std::future::pending().await,
            }
            Some(Some(late))
        };
        let failed = |Panicked| Some(Message::error(uri, PANICKED));
        let handled = async {
            let completed = poll_fn(|context| future.poll_caught(context)).await;
            Some(completed.unwrap_or_else(failed))
        };
        let closed = async {
            service.has_closed().await;
            None
        };
        let reply = race(handled, race(timed, closed)).await;
        // What it holds may panic when it is dropped.
        discard(future);
        // Else it is forgotten.
        if let Some(reply) = reply {
            self.end(reply);
        }
    }

    /// Calls the handler of a whole one.
    pub(super) fn handle(self, message: Message, remote: Remote, spares: &mut Spares) -> Outcome {
        let uri = message.uri.clone();
        let Some(handler) = self.handler(&message, &remote, |_| true) else {
            return Outcome::Done(self.end(Some(Message::not_found("", "not found"))));
        };
        let failed = |Panicked| Some(Message::error(uri, PANICKED));
        match handler.call(Request::new(message, remote), spares) {
            Ok(Outcome::Done(reply)) => Outcome::Done(self.end(reply)),
            Ok(Outcome::Running(future)) => Outcome::Running(spares.place(async move {
                let completed = future.caught().await;
                self.end(completed.unwrap_or_else(failed))
            })),
            Err(panicked) => Outcome::Done(self.end(failed(panicked))),
        }
    }

    /// The handler of a message, if it is wanted, unless it has an inner layer, which the message
    /// has not passed.
    fn handler(
        &self,
        message: &Message,
        remote: &Remote,
        wanted: impl Fn(&AnyHandler) -> bool,
    ) -> Option<AnyHandler> {
        let mut service = &*self.service;
        loop {
            match service.route(message.message_type, &message.uri, remote.place()) {
                Destination::Handler(Route {
                    handler,
                    inner,
                    one_time,
                }) if inner.is_empty() && wanted(&handler) => {
                    if one_time.is_none_or(|id| service.take(id)) {
                        return Some(handler);
                    }
                }
                Destination::Unrouted(Unrouted::Handler(handler)) if wanted(&handler) => {
                    return Some(handler);
                }
                _ => return None,
            }
        }
    }

    /// Counts one more task; says whether there may be.
    fn begin_task(&mut self) -> bool {
        let max = self.service.context.limits().handlers();
        let mut state = lock(&self.shared.state);
        self.is_task = state.tasks < max;
        state.tasks = state.tasks.saturating_add(usize::from(self.is_task));
        self.is_task
    }

    fn end(mut self, reply: Option<Message>) -> Option<Message> {
        let ticket = self.ticket.take()?;
        let replied = |inbox: &mut Inbox, now| inbox.replied(now, ticket, reply);
        let answer = self.shared.change(&self.service, replied);
        self.shared.ended.notify(usize::MAX);
        Some(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_task {
            let mut state = lock(&self.shared.state);
            state.tasks = state.tasks.saturating_sub(1);
        }
        if let Some(ticket) = self.ticket.take() {
            let abandoned = |inbox: &mut Inbox, _| inbox.abandoned(ticket);
            self.shared.change(&self.service, abandoned);
            self.shared.ended.notify(usize::MAX);
        }
    }
}
