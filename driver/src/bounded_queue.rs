//! A queue that is bounded by its items and by the bytes that they keep.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use event_listener::{Event, EventListener};

use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// The most items of a queue, and the most bytes that they keep in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            items: 4096,
            bytes: 4 * 1024 * 1024,
        }
    }
}

impl Bounds {
    /// Half of them: a full queue is full until no more than that is left, so that whoever
    /// waits for room is not woken for each item.
    fn half(self) -> Self {
        Self {
            items: self.items / 2,
            bytes: self.bytes / 2,
        }
    }
}

/// The end of a queue that items are put into. The queue ends when it is dropped.
pub(crate) struct Queue<T>(Arc<Shared<T>>);

/// The other end. Of several clones each item goes to one. With the last of them go the
/// items.
pub(crate) struct Items<T> {
    shared: Arc<Shared<T>>,
    /// Listens since there was nothing.
    arrived: Option<EventListener>,
}

/// An item, and how many were dropped for newer ones between the one before and this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<T> {
    pub(crate) item: T,
    pub(crate) lost: u64,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    bounds: Bounds,
    /// What `State` says, to be read without the lock.
    full: AtomicBool,
    /// Notified of items, and of the end.
    arrived: Event,
    /// Notified when the queue is full no more.
    room: Event,
}

struct State<T> {
    /// Each with the bytes that it keeps.
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// Dropped since the last one was taken.
    lost: u64,
    takers: usize,
    ended: bool,
}

impl<T> State<T> {
    /// Room for items that an empty queue keeps.
    const KEEP: usize = 64;

    fn push(&mut self, item: T, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.items.push_back((item, bytes));
    }

    fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.items.is_empty() && self.items.capacity() > Self::KEEP {
            self.items = VecDeque::new();
        }
        Some(item)
    }
}

impl<T> Queue<T> {
    /// A queue within these bounds, which nobody takes items from yet.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                lost: 0,
                takers: 0,
                ended: false,
            }),
            bounds,
            full: AtomicBool::new(false),
            arrived: Event::new(),
            room: Event::new(),
        }))
    }

    /// One more of the other ends.
    pub(crate) fn items(&self) -> Items<T> {
        Items::new(self.0.clone())
    }

    /// Whether anybody takes items.
    pub(crate) fn is_taken(&self) -> bool {
        let state = lock(&self.0.state);
        state.takers > 0 && !state.ended
    }

    /// The bytes of the items that wait.
    pub(crate) fn bytes(&self) -> usize {
        lock(&self.0.state).bytes
    }

    /// Adds an item that keeps so many bytes, and returns how many older ones made room for
    /// it; `None` if nobody takes them any more. The last one stays, however long it is.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Option<usize> {
        let bounds = self.0.bounds;
        let mut dropped = Vec::new();
        {
            let mut state = lock(&self.0.state);
            if state.takers == 0 || state.ended {
                return None;
            }
            state.push(item, bytes);
            while state.items.len() > bounds.items.max(1)
                || state.bytes > bounds.bytes && state.items.len() > 1
            {
                dropped.extend(state.pop());
            }
            let lost = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
            state.lost = state.lost.saturating_add(lost);
        }
        self.0.arrived.notify(usize::MAX);
        Some(dropped.len())
    }

    /// Adds an item that keeps so many bytes, however full the queue is, unless nobody takes
    /// them.
    pub(crate) fn put(&self, item: T, bytes: usize) {
        let bounds = self.0.bounds;
        {
            let mut state = lock(&self.0.state);
            if state.takers == 0 || state.ended {
                return;
            }
            state.push(item, bytes);
            if state.items.len() >= bounds.items || state.bytes >= bounds.bytes {
                self.0.full.store(true, Ordering::Release);
            }
        }
        self.0.arrived.notify(usize::MAX);
    }

    /// Whether no more is to be [put](Self::put) for now: a bound was reached, and more than
    /// half of it waits still.
    pub(crate) fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Acquire)
    }

    /// Is notified when it is full no more. Whether it is is asked once more after this.
    pub(crate) fn room(&self) -> EventListener {
        self.0.room.listen()
    }

    /// Ends the queue: what waits can still be taken.
    pub(crate) fn end(&self) {
        lock(&self.0.state).ended = true;
        self.0.arrived.notify(usize::MAX);
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T> Shared<T> {
    /// The next item; `Ready(None)` at the end.
    fn take(&self) -> Poll<Option<Taken<T>>> {
        let (taken, room) = {
            let mut state = lock(&self.state);
            let Some(item) = state.pop() else {
                return match state.ended {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            };
            let lost = std::mem::take(&mut state.lost);
            let half = self.bounds.half();
            let room = state.items.len() <= half.items && state.bytes <= half.bytes;
            // Under the lock, so that whoever fills the queue meanwhile has the last word.
            let room = room && self.full.swap(false, Ordering::AcqRel);
            (Taken { item, lost }, room)
        };
        if room {
            self.room.notify(usize::MAX);
        }
        Poll::Ready(Some(taken))
    }
}

impl<T> Items<T> {
    fn new(shared: Arc<Shared<T>>) -> Self {
        lock(&shared.state).takers += 1;
        Self {
            shared,
            arrived: None,
        }
    }

    /// The next item, or `None` at the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Taken<T>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Taken<T>>> {
        loop {
            if let Poll::Ready(taken) = self.shared.take() {
                self.arrived = None;
                return Poll::Ready(taken);
            }
            match &mut self.arrived {
                Some(arrived) => {
                    ready!(Pin::new(arrived).poll(context));
                    self.arrived = None;
                }
                // Listens before the next look, so that no item after it is missed.
                None => self.arrived = Some(self.shared.arrived.listen()),
            }
        }
    }

    /// The number of items that wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.shared.state).items.len()
    }
}

impl<T> Clone for Items<T> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<T> Drop for Items<T> {
    fn drop(&mut self) {
        let left = {
            let mut state = lock(&self.shared.state);
            state.takers = state.takers.saturating_sub(1);
            if state.takers > 0 {
                return;
            }
            state.bytes = 0;
            state.lost = 0;
            self.shared.full.store(false, Ordering::Release);
            std::mem::take(&mut state.items)
        };
        // Not under the lock.
        drop(left);
        self.shared.room.notify(usize::MAX);
    }
}

#[cfg(loom)]
#[cfg(test)]
mod model;
#[cfg(not(loom))]
#[cfg(test)]
mod tests;
