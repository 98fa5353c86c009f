//! What is held of messages in parts, and forgotten in time.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use event_listener::Event;
use netaio_core::parts::{Inbox, Ticket};
use netaio_core::{Now, SharedNode};

use crate::futures::{BoxFuture, race, wait_for};
use crate::handler::{Outcome, Spares};
use crate::service::Service;
use crate::sync::{Mutex, lock};

/// What the handler of parts shares with the handlers of whole messages and of streams.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Notified when a handler has ended.
    pub(super) ended: Event,
    /// Notified when this is dropped.
    dropped: Arc<Event>,
}

pub(super) struct State {
    pub(super) inbox: Inbox,
    /// Notified when there is something to take of a stream.
    pub(super) streams: BTreeMap<Ticket, Arc<Event>>,
    /// Handlers that run as tasks of their own.
    pub(super) tasks: usize,
    /// A task waits for the inbox's deadline.
    pub(super) is_timed: bool,
}

impl Shared {
    pub(super) fn new(inbox: Inbox) -> Arc<Self> {
        let state = State {
            inbox,
            streams: BTreeMap::new(),
            tasks: 0,
            is_timed: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            ended: Event::new(),
            dropped: Arc::default(),
        })
    }

    /// Changes the inbox, and sees to it that it is changed again at its deadline.
    pub(super) fn change<T>(
        self: &Arc<Self>,
        service: &Arc<Service>,
        change: impl FnOnce(&mut Inbox, Now) -> T,
    ) -> T {
        let now = service.context.time().now();
        let mut state = lock(&self.state);
        let result = change(&mut state.inbox, now);
        while let Some(ticket) = state.inbox.poll_stream() {
            if let Some(news) = state.streams.get(&ticket) {
                news.notify(usize::MAX);
            }
        }
        let pressure = state.inbox.take_pressure();
        let is_first = !state.is_timed && state.inbox.deadline().is_some();
        state.is_timed |= is_first;
        drop(state);
        if !pressure.is_none() {
            (&mut &**service).pressure(pressure);
        }
        if is_first {
            let timing = Timing::new(self, service);
            (service.context.spawn)(Box::pin(timing.run(self.dropped.clone())));
        }
        result
    }

    /// What is answered to one whose handler runs.
    pub(super) fn wait(self: &Arc<Self>, ticket: Ticket, spares: &mut Spares) -> Outcome {
        let answer = move |shared: &Self| lock(&shared.state).inbox.answer(ticket);
        if let Some(answer) = answer(self) {
            return Outcome::Done(Some(answer));
        }
        let shared = self.clone();
        Outcome::Running(spares.place(async move {
            let answer = wait_for(&shared.ended, || answer(&shared)).await;
            Some(answer)
        }))
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
    /// It has ended by itself.
    is_over: bool,
}

impl Timing {
    fn new(shared: &Arc<Shared>, service: &Arc<Service>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            service: Arc::downgrade(service),
            is_over: false,
        }
    }

    async fn run(mut self, dropped: Arc<Event>) {
        loop {
            let gone = dropped.listen();
            let Some(sleep) = self.sleep() else {
                self.is_over = true;
                return;
            };
            race(sleep, gone).await;
            let (Some(shared), Some(service)) = (self.shared.upgrade(), self.service.upgrade())
            else {
                return;
            };
            shared.change(&service, Inbox::handle_timeout);
        }
    }

    /// The time until the deadline; `None` where there is none: then the task ends.
    fn sleep(&self) -> Option<BoxFuture<()>> {
        let (shared, service) = (self.shared.upgrade()?, self.service.upgrade()?);
        let mut state = lock(&shared.state);
        let Some(deadline) = state.inbox.deadline() else {
            // Under the lock: whoever has something new starts another one.
            state.is_timed = false;
            return None;
        };
        drop(state);
        let context = &service.context;
        Some((context.sleep_until)(context.time().instant(deadline)))
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        // The runtime has dropped it: the next one may have more luck.
        if let Some(shared) = self.shared.upgrade().filter(|_| !self.is_over) {
            lock(&shared.state).is_timed = false;
        }
    }
}
