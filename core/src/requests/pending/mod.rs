//! Requests that wait for their answers.

mod answers;
mod beginning;
mod of_link;
mod parked;
mod parking;
mod placeholders;
mod queues;
mod quoting;
mod repeat;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::hash::Hash;
use core::time::Duration;

use bytes::Bytes;
use slab::Slab;

pub(crate) use self::answers::Lookup;
pub(crate) use self::of_link::Pending;
pub(crate) use self::placeholders::Doubt;

use self::beginning::Beginning;
use self::parked::Parked;
use self::queues::{QueueKey, Queues};
use self::repeat::Repeat;
use super::Deadlines;
use crate::message::{Message, MessageType};
use crate::options::RequestOptions;
use crate::plugin::Layer;

/// Names a request of one link, for as long as the link lives: no two requests of
/// the link share one.
///
/// Requests of two links may have equal ids: a table for several links has keys of
/// [`LinkId`](crate::LinkId) and this. Who cancels an id at the wrong link cancels
/// another request, if that link has one of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    pub(crate) serial: u64,
    pub(crate) slot: usize,
}

impl RequestId {
    /// A small number that no two waiting requests of one link share: an index
    /// into a table of the caller's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.slot
    }
}

/// The waiting requests of one link, to remotes that `A` names; a link with one
/// remote names it `()`. Those to one remote for one uri form a queue: a plain
/// netaio peer answers in order and names only the uri. One whose caller waits no more may
/// leave a placeholder in it.
#[derive(Debug)]
struct Table<A> {
    waiting: Slab<Waiting<A>>,
    queues: Queues<A>,
    deadlines: Deadlines<RequestId>,
    /// Requests whose caller still waits.
    wanted: usize,
    /// Those that wait for a place, in their order, and ids of some that do no more.
    parked: VecDeque<RequestId>,
    parked_count: usize,
    /// The memory that they hold, in bytes.
    parked_bytes: usize,
    /// Bytes of the uris of those whose caller does not.
    placeholder_bytes: usize,
    /// For how long it may be in doubt whether an answer is still to come.
    doubt: Doubt,
    /// Bytes that are kept to be sent again.
    kept: usize,
    next_serial: u64,
}

#[derive(Debug)]
struct Waiting<A> {
    id: RequestId,
    key: QueueKey<A>,
    request: MessageType,
    also: Option<MessageType>,
    inner: Layer,
    timeout: Duration,
    /// When it ends without an answer.
    until: Duration,
    /// It carries its id, which its answer may repeat.
    correlated: bool,
    /// The caller waits no more: the entry is a placeholder.
    abandoned: bool,
    /// An answer went to a placeholder before it that may have been its own: until then a
    /// placeholder of its own may stay.
    doubted: Option<Duration>,
    /// What is to be sent once there is a place: it is in no queue yet.
    parked: Option<Box<Parked>>,
    /// What is sent again if its receiver asks for that.
    repeat: Option<Box<Repeat>>,
    /// How its datagram begins, if it is one.
    beginning: Option<Box<Beginning>>,
    /// Where its queue is, unless it is parked.
    queue: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// A request as it begins to wait.
pub(crate) struct NewRequest<A> {
    /// Who is to answer it.
    pub(crate) remote: A,
    pub(crate) uri: Bytes,
    pub(crate) request: MessageType,
    /// An answer type besides the usual ones.
    pub(crate) also: Option<MessageType>,
    pub(crate) inner: Layer,
    pub(crate) timeout: Duration,
    /// It carries its id, which its answer may repeat.
    pub(crate) correlated: bool,
}

impl<A> NewRequest<A> {
    pub(crate) fn new(
        remote: A,
        message: &Message,
        options: &RequestOptions,
        correlated: bool,
    ) -> Self {
        Self {
            remote,
            uri: message.uri.clone(),
            request: message.message_type,
            also: options.also_accepts(),
            inner: options.send_options().inner().clone(),
            timeout: options.timeout(),
            correlated,
        }
    }
}

/// A request that waits no more.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) id: RequestId,
    /// Nobody wants to hear of it.
    pub(crate) abandoned: bool,
    /// It was sent.
    pub(crate) sent: bool,
}

impl<A: Copy + Eq + Hash> Table<A> {
    fn new(doubt: Doubt) -> Self {
        Self {
            waiting: Slab::new(),
            queues: Queues::new(),
            deadlines: Deadlines::new(),
            wanted: 0,
            parked: VecDeque::new(),
            parked_count: 0,
            parked_bytes: 0,
            placeholder_bytes: 0,
            doubt,
            kept: 0,
            next_serial: 0,
        }
    }

    /// The name of the request that is inserted next.
    pub(crate) fn next_id(&self) -> RequestId {
        RequestId {
            serial: self.next_serial,
            slot: self.waiting.vacant_key(),
        }
    }

    /// Puts a request behind those to the same remote for the same uri.
    pub(crate) fn insert(&mut self, new: NewRequest<A>, deadline: Duration) -> RequestId {
        let id = self.insert_unqueued(new, deadline, None);
        self.enqueue(id.slot);
        id
    }

    fn insert_unqueued(
        &mut self,
        new: NewRequest<A>,
        deadline: Duration,
        parked: Option<Box<Parked>>,
    ) -> RequestId {
        let id = self.next_id();
        self.next_serial = self.next_serial.wrapping_add(1);
        self.waiting.insert(Waiting {
            id,
            key: QueueKey {
                remote: new.remote,
                uri: new.uri,
            },
            request: new.request,
            also: new.also,
            inner: new.inner,
            timeout: new.timeout,
            until: deadline,
            correlated: new.correlated,
            abandoned: false,
            doubted: None,
            parked,
            repeat: None,
            beginning: None,
            queue: 0,
            previous: None,
            next: None,
        });
        self.wanted = self.wanted.saturating_add(1);
        self.wake_at(deadline, id);
        id
    }

    /// Puts an entry at the end of its queue.
    fn enqueue(&mut self, slot: usize) {
        let Some(waiting) = self.waiting.get_mut(slot) else {
            return;
        };
        let (queue, previous) = self.queues.push(&waiting.key, slot);
        (waiting.queue, waiting.previous) = (queue, previous);
        if let Some(last) = previous.and_then(|last| self.waiting.get_mut(last)) {
            last.next = Some(slot);
        }
    }

    fn wake_at(&mut self, at: Duration, id: RequestId) {
        let waiting = &self.waiting;
        self.deadlines
            .insert(at, id, waiting.len(), |at, id| is_live(waiting, at, id));
    }

    /// Keeps what is sent again, unless it would be more than `max` bytes with what is kept
    /// already.
    pub(crate) fn keep(
        &mut self,
        id: RequestId,
        message: &Message,
        options: RequestOptions,
        max: usize,
    ) {
        let repeat = Repeat::new(message, options);
        let kept = self.kept.saturating_add(repeat.bytes());
        if let Some(waiting) = self.waiting.get_mut(id.slot)
            && waiting.id == id
            && kept <= max
        {
            waiting.repeat = Some(Box::new(repeat));
            self.kept = kept;
        }
    }

    /// Whether a request may be sent again.
    pub(crate) fn may_repeat(&self, id: RequestId) -> bool {
        let waiting = self.get(id).filter(|waiting| !waiting.abandoned);
        let repeat = waiting.and_then(|waiting| waiting.repeat.as_ref());
        repeat.is_some_and(|repeat| repeat.is_left())
    }

    /// What is to be sent again, if it may be.
    pub(crate) fn take_repeat(&mut self, id: RequestId) -> Option<(Message, RequestOptions)> {
        let waiting = self.waiting.get_mut(id.slot)?;
        let repeat = waiting.repeat.as_mut().filter(|_| waiting.id == id)?;
        repeat.take()
    }

    /// Ends a request and takes it out of its queue.
    pub(crate) fn remove(&mut self, id: RequestId) -> Option<Ended> {
        self.get(id)?;
        let waiting = self.waiting.remove(id.slot);
        match (waiting.previous, waiting.next) {
            _ if waiting.parked.is_some() => self.unpark(waiting.parked.as_deref()),
            (None, None) => self.queues.remove(waiting.queue),
            (previous, next) => {
                let queue = self.queues.get_mut(waiting.queue);
                match (previous, next, queue) {
                    (None, Some(next), Some(queue)) => queue.first = next,
                    (Some(previous), None, Some(queue)) => queue.last = previous,
                    _ => {}
                }
                if let Some(entry) = previous.and_then(|slot| self.waiting.get_mut(slot)) {
                    entry.next = next;
                }
                if let Some(entry) = next.and_then(|slot| self.waiting.get_mut(slot)) {
                    entry.previous = previous;
                }
            }
        }
        match waiting.abandoned {
            false => self.wanted = self.wanted.saturating_sub(1),
            true => {
                let bytes = waiting.key.uri.len();
                self.placeholder_bytes = self.placeholder_bytes.saturating_sub(bytes);
            }
        }
        self.forget_repeat(waiting.repeat.as_deref());
        Some(Ended {
            id,
            abandoned: waiting.abandoned,
            sent: waiting.parked.is_none(),
        })
    }

    fn forget_repeat(&mut self, repeat: Option<&Repeat>) {
        let kept = repeat.map_or(0, Repeat::bytes);
        self.kept = self.kept.saturating_sub(kept);
    }

    /// Requests whose caller waits.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&mut self) -> Option<Duration> {
        let waiting = &self.waiting;
        let earliest = self.deadlines.earliest(|at, id| is_live(waiting, at, id));
        earliest.map(|(at, _)| at)
    }

    /// Whether a request waits for a place.
    pub(crate) fn is_parked(&self, id: RequestId) -> bool {
        self.get(id).is_some_and(|waiting| waiting.parked.is_some())
    }

    /// A request whose deadline has come, with its timeout. Its caller waits no more.
    /// Placeholders whose time is up are removed.
    pub(crate) fn timed_out(&mut self, now: Duration) -> Option<(RequestId, Duration)> {
        loop {
            let waiting = &self.waiting;
            let earliest = self.deadlines.earliest(|at, id| is_live(waiting, at, id));
            let (_, id) = earliest.filter(|(at, _)| *at <= now)?;
            let waiting = self.get(id)?;
            if !waiting.abandoned {
                return Some((id, waiting.timeout));
            }
            self.remove(id);
        }
    }

    /// Ends any one request, oldest slot first.
    pub(crate) fn pop(&mut self) -> Option<Ended> {
        let id = self.waiting.iter().next().map(|(_, waiting)| waiting.id)?;
        self.remove(id)
    }
}

/// Whether a deadline is that of an entry that there is.
fn is_live<A>(waiting: &Slab<Waiting<A>>, at: Duration, id: RequestId) -> bool {
    let waiting = waiting.get(id.slot);
    waiting.is_some_and(|waiting| waiting.id == id && waiting.until == at)
}
