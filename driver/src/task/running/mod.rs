//! Handlers in flight: those that did not complete when they were called.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use crate::handler::{Completion, HandlerFuture, Spares};
use crate::panics::discard;
use crate::sync::{AtomicBool, AtomicWaker, Mutex, Ordering, lock};

/// The handlers in flight of one connection, each with its call. A handler is polled
/// only when it was woken itself: one of many costs no more than one alone.
pub(super) struct Running<C> {
    /// None before the first.
    handlers: Option<Box<Handlers<C>>>,
    count: usize,
    /// The memory of handlers that have completed.
    pub(super) spares: Spares,
}

struct Handlers<C> {
    slots: Slab<Handler<C>>,
    /// One for each slot that was ever taken.
    wakers: Vec<Arc<SlotWaker>>,
    woken: Arc<Woken>,
    /// The slots that are polled in this turn.
    turn: Vec<usize>,
    completed: VecDeque<(C, Completion)>,
}

struct Handler<C> {
    future: HandlerFuture,
    call: C,
}

/// The slots of handlers that were woken, and the task that polls them.
#[derive(Default)]
struct Woken {
    slots: Mutex<Vec<usize>>,
    task: AtomicWaker,
}

/// Wakes the handler of one slot.
struct SlotWaker {
    slot: usize,
    /// It is among the woken.
    listed: AtomicBool,
    woken: Arc<Woken>,
}

impl SlotWaker {
    fn list(&self) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            lock(&self.woken.slots).push(self.slot);
        }
    }
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list();
        self.woken.task.wake();
    }
}

impl<C> Default for Running<C> {
    fn default() -> Self {
        Self {
            handlers: None,
            count: 0,
            spares: Spares::default(),
        }
    }
}

impl<C> Running<C> {
    /// The buffers are freed when no handler is left after more than this number.
    const KEEP: usize = 32;

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a handler, which is polled in the next turn.
    pub(super) fn insert(&mut self, future: HandlerFuture, call: C) {
        self.count = self.count.saturating_add(1);
        let handlers = self.handlers.get_or_insert_with(|| {
            Box::new(Handlers {
                slots: Slab::new(),
                wakers: Vec::new(),
                woken: Arc::default(),
                turn: Vec::new(),
                completed: VecDeque::new(),
            })
        });
        handlers.insert(Handler { future, call });
    }

    /// Drops the handler whose call it is, if it has not completed, and the call.
    pub(super) fn cancel(&mut self, is_it: impl Fn(&C) -> bool) {
        let Some(handlers) = &mut self.handlers else {
            return;
        };
        let mut slots = handlers.slots.iter();
        let found = slots.find(|(_, handler)| is_it(&handler.call));
        if let Some((slot, _)) = found {
            // Its waker may still list the slot, which is passed over, or is another's then.
            let Handler { future, call } = handlers.slots.remove(slot);
            discard(future);
            drop(call);
            self.count = self.count.saturating_sub(1);
        }
    }

    /// Is ready when handlers have completed: [`pop_completed`](Self::pop_completed)
    /// returns them.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.handlers {
            Some(handlers) if self.count > 0 => handlers.poll(context, &mut self.spares),
            _ => Poll::Pending,
        }
    }

    /// The call of a handler that has completed, and its answer.
    pub(super) fn pop_completed(&mut self) -> Option<(C, Completion)> {
        let handlers = self.handlers.as_mut()?;
        let completed = handlers.completed.pop_front()?;
        self.count = self.count.saturating_sub(1);
        if self.count == 0 && handlers.wakers.len() > Self::KEEP {
            self.handlers = None;
        }
        Some(completed)
    }
}

impl<C> Handlers<C> {
    fn insert(&mut self, handler: Handler<C>) {
        let slot = self.slots.insert(handler);
        if slot >= self.wakers.len() {
            self.wakers.push(Arc::new(SlotWaker {
                slot,
                listed: AtomicBool::new(false),
                woken: self.woken.clone(),
            }));
        }
        if let Some(waker) = self.wakers.get(slot) {
            // Its first poll hands it the waker.
            waker.list();
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, spares: &mut Spares) -> Poll<()> {
        self.woken.task.register(context.waker());
        std::mem::swap(&mut *lock(&self.woken.slots), &mut self.turn);
        for slot in self.turn.drain(..) {
            let Some(waker) = self.wakers.get(slot) else {
                continue;
            };
            // Before the poll, which is not reordered before it: an event that the poll
            // does not see lists the handler again.
            waker.listed.swap(false, Ordering::AcqRel);
            // A waker may outlive the handler that it was made for.
            let Some(handler) = self.slots.get_mut(slot) else {
                continue;
            };
            let waker = Waker::from(waker.clone());
            let mut context = Context::from_waker(&waker);
            if let Poll::Ready(completed) = handler.future.poll_caught(&mut context) {
                let Handler { call, future } = self.slots.remove(slot);
                match completed {
                    Ok(_) => spares.keep(future),
                    Err(_) => discard(future),
                }
                self.completed.push_back((call, completed));
            }
        }
        match self.completed.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

impl<C> Drop for Handlers<C> {
    /// Each by itself: what two of them hold may panic, and a second panic on the way of the first
    /// would end the program.
    fn drop(&mut self) {
        for Handler { future, .. } in self.slots.drain() {
            discard(future);
        }
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
