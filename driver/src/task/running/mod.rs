//! Handlers that were not done at once.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use netaio_core::{Call, Message};

use crate::futures::BoxFuture;
use crate::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard, Ordering};

/// The handlers that run on one connection. A handler is polled only when it was
/// woken itself: one of many costs no more than one alone.
#[derive(Default)]
pub(super) struct Running {
    /// None before the first.
    places: Option<Box<Places>>,
    count: usize,
}

#[derive(Default)]
struct Places {
    handlers: Vec<Option<Handler>>,
    wakers: Vec<Arc<Place>>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// Those that are being polled.
    turn: Vec<usize>,
    done: VecDeque<(Call, Option<Message>)>,
}

struct Handler {
    future: BoxFuture<Option<Message>>,
    call: Call,
}

/// The places of handlers that are to be polled.
#[derive(Default)]
struct Woken {
    places: Mutex<Vec<usize>>,
    task: AtomicWaker,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        // The list is consistent between two statements: poison does not matter.
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

    /// Lets a handler run.
    pub(super) fn insert(&mut self, future: BoxFuture<Option<Message>>, call: Call) {
        self.count = self.count.saturating_add(1);
        self.places
            .get_or_insert_default()
            .insert(Handler { future, call });
    }

    /// Is ready when handlers are done: [`pop_done`](Self::pop_done) names them.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.places {
            Some(places) if self.count > 0 => places.poll(context),
            _ => Poll::Pending,
        }
    }

    /// The answer of a handler that is done, if it has one.
    pub(super) fn pop_done(&mut self) -> Option<(Call, Option<Message>)> {
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
                self.done.push_back((handler.call, answer));
            }
        }
        match self.done.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
