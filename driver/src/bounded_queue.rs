//! A queue that is bounded by its items and by the bytes that they keep.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender, WeakReceiver};

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

/// The end of a queue that items are put into.
pub(crate) struct Queue<T> {
    sender: Sender<Waiting<T>>,
    /// Whoever takes the items keeps the queue open, and nobody else.
    receiver: WeakReceiver<Waiting<T>>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

/// The other end. Of several clones each item goes to one.
#[derive(Clone)]
pub(crate) struct Items<T>(Pin<Box<Receiver<Waiting<T>>>>);

/// An item in a queue.
struct Waiting<T> {
    item: T,
    /// Dropped with it, wherever that is.
    _share: Share,
}

/// A part of the bytes that the items of a queue keep.
struct Share {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Share {
    fn new(bytes: usize, all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(bytes, Ordering::Relaxed);
        Self {
            bytes,
            all: all.clone(),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<T> Queue<T> {
    /// A queue within these bounds. There is room for one item at least.
    pub(crate) fn new(bounds: Bounds) -> (Self, Items<T>) {
        let (sender, receiver) = async_channel::bounded(bounds.items.max(1));
        let queue = Self {
            sender,
            receiver: receiver.downgrade(),
            bytes: Arc::default(),
            max_bytes: bounds.bytes,
        };
        (queue, Items(Box::pin(receiver)))
    }

    /// The other end, as long as somebody has it.
    pub(crate) fn items(&self) -> Option<Items<T>> {
        let receiver = self.receiver.upgrade()?;
        Some(Items(Box::pin(receiver)))
    }

    /// Adds an item that keeps so many bytes, and returns how many older ones made room for
    /// it; `None` if nobody takes them any more.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Option<usize> {
        let waiting = Waiting {
            item,
            _share: Share::new(bytes, &self.bytes),
        };
        let oldest = self.sender.force_send(waiting).ok()?;
        let mut lost = usize::from(oldest.is_some());
        drop(oldest);
        // The last one stays, however long it is.
        while self.bytes.load(Ordering::Relaxed) > self.max_bytes && self.sender.len() > 1 {
            let receiver = self.receiver.upgrade()?;
            if receiver.try_recv().is_err() {
                break;
            }
            lost += 1;
        }
        Some(lost)
    }
}

impl<T> Items<T> {
    /// The next item, or `None` at the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<T> {
        self.0.recv().await.ok().map(|waiting| waiting.item)
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        use futures_core::Stream;

        let waiting = self.0.as_mut().poll_next(context);
        waiting.map(|waiting| waiting.map(|waiting| waiting.item))
    }

    /// The number of items that wait.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
