//! Streams of events, for any number of listeners.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use netaio_core::Message;

use crate::bounded_queue::{Bounds, Items, Queue, Taken};
use crate::count::Count;
use crate::sync::{Mutex, lock};

/// A stream of events, from the moment at which it was made. It ends with their source.
///
/// It is bounded, by `event_queue` of every builder: a listener that does not take its events
/// loses the oldest when more than 4,096 wait, or when they keep more than 4 MiB of memory. In
/// their place comes one event that says how many those were: `EventsLost`, of every kind of events.
/// Each stream of one kind gets every event.
///
/// ```
/// use netaio_driver::{Runtime, Server, ServerEvent};
///
/// async fn watch<R: Runtime>(server: &Server<R>) {
///     let mut events = server.events();
///     while let Some(event) = events.next().await {
///         match event {
///             ServerEvent::Connected(who) => println!("{:?} has come", who.remote()),
///             ServerEvent::EventsLost { count } => eprintln!("{count} events were not read"),
///             _ => {}
///         }
///     }
/// }
/// ```
pub struct Events<T> {
    items: Items<T>,
    /// The event that says how many were lost.
    lost: fn(u64) -> Option<T>,
    /// What comes behind that one.
    behind: Option<T>,
}

/// What a message keeps in memory besides itself.
pub(crate) fn message_bytes(message: &Message) -> usize {
    let fields = message.auth.view();
    let fields = fields
        .packed()
        .map(|(name, value)| name.len().saturating_add(value.len()));
    [message.uri.len(), message.content.len()]
        .into_iter()
        .chain(fields)
        .fold(0, usize::saturating_add)
}

/// What an event keeps in memory besides itself.
pub(crate) trait EventBytes {
    /// The number of bytes, where a remote decides how many they are.
    fn event_bytes(&self) -> usize;

    /// The event that says how many were lost, if there is one of this kind.
    fn lost(_count: u64) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

impl<T> Events<T> {
    /// The next event, or `None` at the end of the stream. Cancel-safe.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|context| self.poll_event(context)).await
    }

    /// The next event, with how many were lost before it.
    pub(crate) fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<Option<Taken<T>>> {
        self.items.poll_next(context)
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(event) = self.behind.take() {
            return Poll::Ready(Some(event));
        }
        let taken = ready!(self.items.poll_next(context));
        Poll::Ready(taken.map(|Taken { item, lost }| match (self.lost)(lost) {
            Some(event) if lost > 0 => {
                self.behind = Some(item);
                event
            }
            _ => item,
        }))
    }
}

// No event is ever pinned.
impl<T> Unpin for Events<T> {}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_event(context)
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("waiting", &self.items.len())
            .finish()
    }
}

/// The listeners of one kind of events. An event is made only if there are any.
pub(crate) struct Listeners<T> {
    any: AtomicBool,
    /// `None` once the streams have ended.
    queues: Mutex<Option<Vec<Queue<T>>>>,
    /// Those of each listener's queue.
    bounds: Bounds,
    lost: Count,
}

impl<T> Listeners<T> {
    /// Events that listeners lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.get()
    }

    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            any: AtomicBool::new(false),
            queues: Mutex::new(Some(Vec::new())),
            bounds,
            lost: Count::default(),
        }
    }
}

impl<T: Clone + EventBytes> Listeners<T> {
    pub(crate) fn listen(&self) -> Events<T> {
        let queue = Queue::new(self.bounds);
        let items = queue.items();
        if let Some(queues) = &mut *lock(&self.queues) {
            queues.push(queue);
            self.any.store(true, Ordering::Relaxed);
        }
        Events {
            items,
            lost: T::lost,
            behind: None,
        }
    }

    /// Whether there may be listeners: one that is gone is noticed with the next event.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Sends an event to all listeners, and returns how many older ones were lost for it,
    /// since queues were full.
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
        let bytes = event.event_bytes();
        if let Some(queues) = &mut *lock(&self.queues) {
            queues.retain(|queue| match queue.push(event.clone(), bytes) {
                Some(dropped) => {
                    lost += dropped;
                    true
                }
                None => false,
            });
            self.any.store(!queues.is_empty(), Ordering::Relaxed);
        }
        if lost > 0 {
            self.lost.add(lost as u64);
        }
        lost
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        drop(lock(&self.queues).take());
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
        let listeners = Listeners::new(Bounds::default());
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
        let listeners = Listeners::<u8>::new(Bounds::default());
        assert_eq!(listeners.emit(|| panic!("there is no listener")), 0);
        drop(listeners.listen());
        // A stream that was dropped is noticed with the next event.
        listeners.emit(|| 1);
        assert_eq!(listeners.emit(|| panic!("there is no listener")), 0);
    }

    #[test]
    fn a_full_queue_loses_the_oldest() {
        let listeners = Listeners::new(Bounds::default());
        let mut events = listeners.listen();
        let all = Bounds::default().items + 10;
        let lost: usize = (0..all).map(|number| listeners.emit(|| number)).sum();
        assert_eq!(lost, 10);
        let (got, _) = drain(&mut events);
        assert_eq!(got, (10..all).collect::<Vec<_>>());
    }

    #[test]
    fn long_events_are_lost_by_their_bytes() {
        let listeners = Listeners::new(Bounds {
            bytes: 1000,
            ..Bounds::default()
        });
        let (mut events, mut slow) = (listeners.listen(), listeners.listen());
        let mut emit = |len: usize| {
            let lost = listeners.emit(|| vec![0_u8; len]);
            drain(&mut events);
            lost
        };
        // The one that takes its events loses none.
        let lost = [400, 400, 200, 1, 100, 5000].map(&mut emit);
        assert_eq!(lost, [0, 0, 0, 1, 0, 4]);
        let (got, _) = drain(&mut slow);
        assert_eq!(got, [vec![0; 5000]]);
        drop(slow);
        assert_eq!(emit(400), 0);
    }

    #[test]
    fn a_stream_says_where_events_were_lost() {
        #[derive(Clone, Debug, PartialEq)]
        enum Told {
            Number(u64),
            Lost(u64),
        }

        impl EventBytes for Told {
            fn event_bytes(&self) -> usize {
                0
            }

            fn lost(count: u64) -> Option<Self> {
                Some(Self::Lost(count))
            }
        }

        let items = 2;
        let listeners = Listeners::new(Bounds {
            items,
            ..Bounds::default()
        });
        let mut events = listeners.listen();
        (0..5).for_each(|number| {
            listeners.emit(|| Told::Number(number));
        });
        listeners.close();
        let (told, _) = drain(&mut events);
        assert_eq!(told, [Told::Lost(3), Told::Number(3), Told::Number(4)]);
        assert_eq!(listeners.lost(), 3);
    }

    impl EventBytes for Vec<u8> {
        fn event_bytes(&self) -> usize {
            self.len()
        }
    }

    impl EventBytes for usize {
        fn event_bytes(&self) -> usize {
            0
        }
    }

    impl EventBytes for u8 {
        fn event_bytes(&self) -> usize {
            0
        }
    }

    impl EventBytes for i32 {
        fn event_bytes(&self) -> usize {
            0
        }
    }
}
