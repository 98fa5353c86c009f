//! Streams of events, for any number of listeners.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use futures_core::Stream;

use crate::sync::{Mutex, lock};

/// A stream of events, from the moment at which it was made. It ends with their source.
///
/// It is bounded: a listener that does not take its events loses the oldest when
/// more than 4,096 wait. Each stream of one kind gets every event.
pub struct Events<T>(Pin<Box<Receiver<T>>>);

impl<T> Events<T> {
    /// The most events that wait for one listener.
    const CAPACITY: usize = 4096;

    /// The next event, or `None` at the end of the stream. Cancel-safe.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await.ok()
    }
}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("waiting", &self.0.len())
            .finish()
    }
}

/// The listeners of one kind of events. An event is made only if there are any.
pub(crate) struct Listeners<T> {
    any: AtomicBool,
    /// `None` once the streams have ended.
    senders: Mutex<Option<Vec<Sender<T>>>>,
}

impl<T> Default for Listeners<T> {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            senders: Mutex::new(Some(Vec::new())),
        }
    }
}

impl<T: Clone> Listeners<T> {
    pub(crate) fn listen(&self) -> Events<T> {
        let (sender, receiver) = async_channel::bounded(Events::<T>::CAPACITY);
        if let Some(senders) = &mut *lock(&self.senders) {
            senders.push(sender);
            self.any.store(true, Ordering::Relaxed);
        }
        Events(Box::pin(receiver))
    }

    /// Sends an event to all listeners, and returns how many of them lost an older one,
    /// since their queues were full.
    pub(crate) fn emit(&self, event: impl FnOnce() -> T) -> usize {
        self.emit_if(|| Some(event()))
    }

    /// As [`emit`](Self::emit), if `event` makes one.
    pub(crate) fn emit_if(&self, event: impl FnOnce() -> Option<T>) -> usize {
        let mut lost = 0;
        if !self.any.load(Ordering::Relaxed) {
            return lost;
        }
        let Some(event) = event() else {
            return lost;
        };
        if let Some(senders) = &mut *lock(&self.senders) {
            senders.retain(|sender| match sender.force_send(event.clone()) {
                Ok(oldest) => {
                    lost += usize::from(oldest.is_some());
                    true
                }
                Err(_) => false,
            });
            self.any.store(!senders.is_empty(), Ordering::Relaxed);
        }
        lost
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        drop(lock(&self.senders).take());
        self.any.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    /// The events that wait, and whether there may be more.
    fn drain<T>(events: &mut Events<T>) -> (Vec<T>, bool) {
        let mut all = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match pin!(events.next()).poll(&mut context) {
                Poll::Ready(Some(event)) => all.push(event),
                Poll::Ready(None) => return (all, false),
                Poll::Pending => return (all, true),
            }
        }
    }

    #[test]
    fn a_stream_has_the_events_since_it_was_made() {
        let listeners = Listeners::default();
        let mut first = listeners.listen();
        listeners.emit(|| 1);
        let mut second = listeners.listen();
        listeners.emit(|| 2);
        assert_eq!(drain(&mut first), (vec![1, 2], true));
        assert_eq!(drain(&mut second), (vec![2], true));
        drop(first);
        listeners.emit(|| 3);
        listeners.close();
        listeners.emit(|| 4);
        assert_eq!(drain(&mut second), (vec![3], false));
        assert_eq!(drain(&mut listeners.listen()), (vec![], false));
    }

    #[test]
    fn without_listeners_no_event_is_made() {
        let listeners = Listeners::<u8>::default();
        assert_eq!(listeners.emit(|| panic!("there is no listener")), 0);
        drop(listeners.listen());
        // A stream that was dropped is noticed with the next event.
        listeners.emit(|| 1);
        assert_eq!(listeners.emit(|| panic!("there is no listener")), 0);
    }

    #[test]
    fn a_full_queue_loses_the_oldest() {
        let listeners = Listeners::default();
        let mut events = listeners.listen();
        let all = Events::<usize>::CAPACITY + 10;
        let lost: usize = (0..all).map(|number| listeners.emit(|| number)).sum();
        assert_eq!(lost, 10);
        let (got, _) = drain(&mut events);
        assert_eq!(got, (10..all).collect::<Vec<_>>());
    }
}
