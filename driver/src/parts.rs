//! Messages that come in parts, for handlers of whole ones.

use std::sync::{Arc, Weak};

use event_listener::Event;
use netaio_core::parts::{Inbox, Received, Ticket};
use netaio_core::{Destination, Message, Now, Route, SharedNode, Unrouted};

use crate::futures::{BoxFuture, race};
use crate::handler::{AnyHandler, Handler, Outcome, PANICKED, Request, Spares};
use crate::remote::Remote;
use crate::service::{Service, WeakService};
use crate::sync::{Mutex, lock};

/// Puts messages together, and hands them to their handlers.
pub(crate) struct Parts(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notified when a handler has ended.
    ended: Event,
    /// Notified when this is dropped.
    dropped: Arc<Event>,
}

struct State {
    inbox: Inbox,
    /// A task waits for its deadline.
    is_timed: bool,
}

/// Marks the handler of parts.
pub(crate) struct InParts;

impl Parts {
    pub(crate) fn new(inbox: Inbox) -> Self {
        let state = State {
            inbox,
            is_timed: false,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            ended: Event::new(),
            dropped: Arc::default(),
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
        let received = self.0.change(&service, |inbox, now| {
            inbox.receive(now, remote.place(), message.content)
        });
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
    /// Changes the inbox, and sees to it that it is changed again at its deadline.
    fn change<T>(
        self: &Arc<Self>,
        service: &Arc<Service>,
        change: impl FnOnce(&mut Inbox, Now) -> T,
    ) -> T {
        let now = service.context.time().now();
        let mut state = lock(&self.state);
        let result = change(&mut state.inbox, now);
        let pressure = state.inbox.take_pressure();
        let is_first = !state.is_timed && state.inbox.deadline().is_some();
        state.is_timed |= is_first;
        drop(state);
        if !pressure.is_none() {
            (&mut &**service).pressure(pressure);
        }
        if is_first {
            let timing = Timing {
                shared: Arc::downgrade(self),
                service: Arc::downgrade(service),
            };
            (service.context.spawn)(Box::pin(timing.run(self.dropped.clone())));
        }
        result
    }

    /// The answer of a handler that runs.
    async fn wait(&self, ticket: Ticket) -> Message {
        loop {
            let ended = self.ended.listen();
            {
                let inbox = &lock(&self.state).inbox;
                if !inbox.is_running(ticket) {
                    return inbox.answer(ticket);
                }
            }
            ended.await;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.dropped.notify(usize::MAX);
    }
}

/// Forgets what is silent, in a task that lasts as long as there is something to forget.
struct Timing {
    shared: Weak<Shared>,
    service: Weak<Service>,
}

impl Timing {
    async fn run(self, dropped: Arc<Event>) {
        loop {
            let gone = dropped.listen();
            let Some(sleep) = self.sleep() else { return };
            race(sleep, gone).await;
            let (Some(shared), Some(service)) = (self.shared.upgrade(), self.service.upgrade())
            else {
                return;
            };
            shared.change(&service, Inbox::handle_timeout);
        }
    }

    /// The time until the deadline; `None` where there is none.
    fn sleep(&self) -> Option<BoxFuture<()>> {
        let (shared, service) = (self.shared.upgrade()?, self.service.upgrade()?);
        let deadline = lock(&shared.state).inbox.deadline()?;
        let context = &service.context;
        Some((context.sleep_until)(context.time().instant(deadline)))
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            lock(&shared.state).is_timed = false;
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
        let replied = |inbox: &mut Inbox, now| inbox.replied(now, ticket, reply);
        let answer = self.shared.change(&self.service, replied);
        self.shared.ended.notify(usize::MAX);
        Some(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let abandoned = |inbox: &mut Inbox, _| inbox.abandoned(ticket);
            self.shared.change(&self.service, abandoned);
            self.shared.ended.notify(usize::MAX);
        }
    }
}
