//! Handlers that were not done at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use atomic_waker::AtomicWaker;
use netaio_core::{Message, ReplyToken};

use crate::futures::BoxFuture;
use crate::slots::Slot;

/// The handlers that run on one connection. A handler is polled only when it was
/// woken itself: one of many costs no more than one alone.
#[derive(Default)]
pub(super) struct Running {
    /// None before the first.
    places: Option<Box<Places>>,
    count: usize,
    /// The one that runs keeps its turn: no other may run beside it.
    alone: bool,
}

#[derive(Default)]
struct Places {
    handlers: Vec<Option<Handler>>,
    wakers: Vec<Arc<Place>>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// Those that are being polled.
    turn: Vec<usize>,
    done: VecDeque<(ReplyToken, Option<Message>)>,
}

struct Handler {
    future: BoxFuture<Option<Message>>,
    reply: ReplyToken,
    _slot: Slot,
}

/// The places of handlers that are to be polled.
#[derive(Default)]
struct Woken {
    places: Mutex<Vec<usize>>,
    task: AtomicWaker,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        // The list is whole between two statements: poison says nothing about it.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the handler of one place.
struct Place {
    number: usize,
    /// It is among the woken.
    listed: AtomicBool,
    woken: Arc<Woken>,
}

impl Place {
    fn list(&self) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.woken.lock().push(self.number);
        }
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list();
        self.woken.task.wake();
    }
}

impl Running {
    /// What is kept for later handlers is given up past this number of them.
    const KEEP: usize = 32;

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a handler may run besides, of `max` in all.
    pub(super) fn has_room(&self, max: usize) -> bool {
        self.count == 0 || (!self.alone && self.count < max)
    }

    /// Lets a handler run.
    pub(super) fn insert(
        &mut self,
        future: BoxFuture<Option<Message>>,
        reply: ReplyToken,
        slot: Slot,
    ) {
        self.alone = !reply.is_correlated();
        self.count = self.count.saturating_add(1);
        let handler = Handler {
            future,
            reply,
            _slot: slot,
        };
        self.places.get_or_insert_default().insert(handler);
    }

    /// Is ready when handlers are done: [`pop_done`](Self::pop_done) names them.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.places {
            Some(places) if self.count > 0 => places.poll(context),
            _ => Poll::Pending,
        }
    }

    /// The answer of a handler that is done, if it has one.
    pub(super) fn pop_done(&mut self) -> Option<(ReplyToken, Option<Message>)> {
        let places = self.places.as_mut()?;
        let done = places.done.pop_front()?;
        self.count = self.count.saturating_sub(1);
        if self.count == 0 && places.handlers.len() > Self::KEEP {
            self.places = None;
        }
        Some(done)
    }
}

impl Places {
    fn insert(&mut self, handler: Handler) {
        let number = self.free.pop().unwrap_or_else(|| {
            let number = self.handlers.len();
            self.handlers.push(None);
            self.wakers.push(Arc::new(Place {
                number,
                listed: AtomicBool::new(false),
                woken: self.woken.clone(),
            }));
            number
        });
        if let (Some(empty), Some(waker)) = (self.handlers.get_mut(number), self.wakers.get(number))
        {
            *empty = Some(handler);
            // It has yet to learn whom to wake.
            waker.list();
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.woken.task.register(context.waker());
        std::mem::swap(&mut *self.woken.lock(), &mut self.turn);
        for number in self.turn.drain(..) {
            let (Some(place), Some(waker)) =
                (self.handlers.get_mut(number), self.wakers.get(number))
            else {
                continue;
            };
            // Before it is polled, and nothing of that before this: whatever it does
            // not see wakes it again.
            waker.listed.swap(false, Ordering::AcqRel);
            let Some(handler) = place else {
                continue;
            };
            let waker = Waker::from(waker.clone());
            let polled = handler
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(answer) = polled
                && let Some(handler) = place.take()
            {
                self.free.push(number);
                self.done.push_back((handler.reply, answer));
            }
        }
        match self.done.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use netaio_core::{
        Dispatched, Event, Link, LinkConfig, Node, RequestOptions, Role, types::REQUEST_URI,
    };

    use super::*;
    use crate::clock::Time;
    use crate::random::Seeds;
    use crate::slots::Slots;

    /// Tokens as a link makes them, with an id or without.
    fn tokens(correlated: bool, count: usize) -> Vec<ReplyToken> {
        let now = Time::default().now();
        let link = |role| {
            let seed = Seeds::known([7; 32]).seed().expect("it is known");
            Link::new(
                now,
                Arc::new(LinkConfig::new(role)),
                None,
                seed.generator(0),
            )
        };
        let (mut client, mut server) = (link(Role::Client), link(Role::Server));
        let options = RequestOptions::new().with_correlation(correlated);
        let message = Message::new(REQUEST_URI, "u", "");
        let mut node = Node::<()>::new();
        let mut token = || {
            client.request(now, &message, &options).expect("it fits");
            let mut bytes = Vec::new();
            assert!(client.poll_outbound(&mut bytes));
            server.receive(now, &bytes);
            let Some(Event::Message(inbound)) = server.poll_event() else {
                panic!("the request does not arrive");
            };
            match server.dispatch(now, inbound, &mut node) {
                Dispatched::Unrouted { reply, .. } => reply,
                other => panic!("there is no handler: {other:?}"),
            }
        };
        (0..count).map(|_| token()).collect()
    }

    /// A handler that is done once it is told so, and counts how often it is polled.
    #[derive(Clone, Default)]
    struct Puppet(Arc<(AtomicUsize, AtomicBool, AtomicWaker)>);

    impl Puppet {
        fn future(&self) -> BoxFuture<Option<Message>> {
            let this = self.clone();
            Box::pin(poll_fn(move |context| {
                let (polls, done, waker) = &*this.0;
                polls.fetch_add(1, Ordering::SeqCst);
                waker.register(context.waker());
                match done.load(Ordering::SeqCst) {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                }
            }))
        }

        fn polls(&self) -> usize {
            self.0.0.load(Ordering::SeqCst)
        }

        fn wake(&self, done: bool) {
            self.0.1.store(done, Ordering::SeqCst);
            self.0.2.wake();
        }
    }

    fn poll(running: &mut Running) -> Poll<()> {
        running.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn only_those_who_are_woken_are_polled() {
        let (slots, mut running) = (Slots::new(9), Running::default());
        let puppets: Vec<_> = (0..4).map(|_| Puppet::default()).collect();
        for (puppet, token) in puppets.iter().zip(tokens(true, 4)) {
            assert!(running.has_room(4));
            running.insert(puppet.future(), token, slots.take());
        }
        assert!(!running.has_room(4) && running.has_room(5));
        let polls = || puppets.iter().map(Puppet::polls).collect::<Vec<_>>();
        assert!(poll(&mut running).is_pending() && poll(&mut running).is_pending());
        assert_eq!(polls(), [1, 1, 1, 1]);
        puppets[2].wake(false);
        puppets[2].wake(false);
        assert!(poll(&mut running).is_pending());
        assert_eq!(polls(), [1, 1, 2, 1]);
        puppets[3].wake(true);
        puppets[1].wake(true);
        assert!(poll(&mut running).is_ready());
        assert_eq!(polls(), [1, 2, 2, 2]);
        assert!(running.pop_done().is_some() && running.pop_done().is_some());
        assert!(running.pop_done().is_none() && !running.is_empty());
        // A place is used again, and whoever had it wakes nobody.
        let next = Puppet::default();
        let token = tokens(true, 1).remove(0);
        running.insert(next.future(), token, slots.take());
        assert!(poll(&mut running).is_pending());
        puppets[0].wake(true);
        assert!(poll(&mut running).is_ready());
        assert_eq!((polls(), next.polls()), (vec![2, 2, 2, 2], 1));
    }

    #[test]
    fn one_without_an_id_runs_alone() {
        let (slots, mut running) = (Slots::new(9), Running::default());
        let puppet = Puppet::default();
        let token = tokens(false, 1).remove(0);
        assert!(running.has_room(1));
        running.insert(puppet.future(), token, slots.take());
        assert!(!running.has_room(9));
        assert!(poll(&mut running).is_pending());
        puppet.wake(true);
        assert!(poll(&mut running).is_ready());
        assert!(running.pop_done().is_some() && running.is_empty() && running.has_room(1));
    }

    #[test]
    fn what_many_needed_is_given_up() {
        let (slots, mut running) = (Slots::new(99), Running::default());
        for token in tokens(true, Running::KEEP + 1) {
            let done = Puppet::default();
            done.wake(true);
            running.insert(done.future(), token, slots.take());
        }
        assert!(poll(&mut running).is_ready() && running.places.is_some());
        while running.pop_done().is_some() {}
        assert!(running.is_empty() && running.places.is_none());
    }
}
