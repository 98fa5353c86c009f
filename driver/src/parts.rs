//! Messages that come in parts, for handlers of whole ones.

use std::sync::Arc;

use event_listener::Event;
use netaio_core::parts::{Inbox, Received, Ticket};
use netaio_core::{Destination, Limits, Message, Route, SharedNode, Unrouted};

use crate::handler::{AnyHandler, Handler, Outcome, PANICKED, Request, Spares};
use crate::remote::Remote;
use crate::service::{Service, WeakService};
use crate::sync::{Mutex, lock};

/// Puts messages together, and hands them to their handlers.
pub(crate) struct Parts(Arc<Shared>);

struct Shared {
    inbox: Mutex<Inbox>,
    /// Notified when a handler has ended.
    ended: Event,
}

/// Marks the handler of parts.
pub(crate) struct InParts;

impl Parts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            inbox: Mutex::new(Inbox::new(limits)),
            ended: Event::new(),
        }))
    }
}

impl Handler<InParts> for Parts {
    fn call(&self, request: Request, spares: &mut Spares) -> Outcome {
        let Request {
            message, remote, ..
        } = request;
        let Some(service) = WeakService::of(remote.states()) else {
            return Outcome::Done(None);
        };
        let now = service.context.time().now();
        let received = lock(&self.0.inbox).receive(now, remote.place(), message.content);
        match received {
            Received::Answer(answer) => Outcome::Done(Some(answer)),
            Received::Running(ticket) => {
                let shared = self.0.clone();
                Outcome::Running(spares.place(async move { Some(shared.wait(ticket).await) }))
            }
            Received::Whole(ticket, message) => {
                let running = Running {
                    shared: self.0.clone(),
                    service,
                    ticket: Some(ticket),
                };
                running.handle(message, remote, spares)
            }
        }
    }
}

impl Shared {
    /// The answer of a handler that runs.
    async fn wait(&self, ticket: Ticket) -> Message {
        loop {
            let ended = self.ended.listen();
            {
                let inbox = lock(&self.inbox);
                if !inbox.is_running(ticket) {
                    return inbox.answer(ticket);
                }
            }
            ended.await;
        }
    }
}

/// A handler of a whole message. If it is dropped before its end, the message is forgotten.
struct Running {
    shared: Arc<Shared>,
    service: Arc<Service>,
    ticket: Option<Ticket>,
}

impl Running {
    fn handle(self, message: Message, remote: Remote, spares: &mut Spares) -> Outcome {
        let uri = message.uri.clone();
        let Some(handler) = self.handler(&message, &remote) else {
            return Outcome::Done(self.end(Some(Message::not_found("", "not found"))));
        };
        let failed = || Some(Message::error(uri, PANICKED));
        match handler.call(Request::new(message, remote), spares) {
            Ok(Outcome::Done(reply)) => Outcome::Done(self.end(reply)),
            Ok(Outcome::Running(future)) => Outcome::Running(spares.place(async move {
                let reply = future.await;
                self.end(reply)
            })),
            Err(_) => Outcome::Done(self.end(failed())),
        }
    }

    /// The handler of a message, unless it has an inner layer, which the message has not passed.
    fn handler(&self, message: &Message, remote: &Remote) -> Option<AnyHandler> {
        let mut service = &*self.service;
        loop {
            match service.route(message.message_type, &message.uri, remote.place()) {
                Destination::Handler(Route {
                    handler,
                    inner,
                    one_time,
                }) if inner.is_empty() => {
                    if one_time.is_none_or(|id| service.take(id)) {
                        return Some(handler);
                    }
                }
                Destination::Unrouted(Unrouted::Handler(handler)) => return Some(handler),
                _ => return None,
            }
        }
    }

    fn end(mut self, reply: Option<Message>) -> Option<Message> {
        let ticket = self.ticket.take()?;
        let now = self.service.context.time().now();
        let answer = lock(&self.shared.inbox).replied(now, ticket, reply);
        self.shared.ended.notify(usize::MAX);
        Some(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            lock(&self.shared.inbox).abandoned(ticket);
            self.shared.ended.notify(usize::MAX);
        }
    }
}
