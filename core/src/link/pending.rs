//! Requests that wait for their answers.

use core::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use slab::Slab;

use super::deadlines::Deadlines;
use crate::message::{MessageType, types};
use crate::plugin::Layer;

/// Names a request of one link, for as long as the link lives: no two requests
/// share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    serial: u64,
    slot: usize,
}

impl RequestId {
    /// A small number that no two waiting requests of one link share: an index
    /// into a table of the caller's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.slot
    }
}

/// The waiting requests of one link. Those for one uri form a queue: a plain
/// netaio peer answers in order and names only the uri.
#[derive(Debug)]
pub(super) struct Pending {
    waiting: Slab<Waiting>,
    queues: HashMap<Bytes, Queue>,
    deadlines: Deadlines<RequestId>,
    /// Requests whose caller still waits.
    wanted: usize,
    next_serial: u64,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    uri: Bytes,
    request: MessageType,
    also: Option<MessageType>,
    inner: Layer,
    timeout: Duration,
    /// The caller gave up. The entry stays until its answer or its deadline
    /// comes, so that the answer is not taken for another request's.
    abandoned: bool,
    previous: Option<usize>,
    next: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    first: usize,
    last: usize,
}

/// A request as it begins to wait.
pub(super) struct NewRequest {
    pub(super) uri: Bytes,
    pub(super) request: MessageType,
    /// An answer type besides the usual ones.
    pub(super) also: Option<MessageType>,
    pub(super) inner: Layer,
    pub(super) timeout: Duration,
}

/// A request that waits no more.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) id: RequestId,
    pub(super) timeout: Duration,
    /// Nobody wants to hear of it.
    pub(super) abandoned: bool,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            waiting: Slab::new(),
            queues: HashMap::new(),
            deadlines: Deadlines::new(),
            wanted: 0,
            next_serial: 0,
        }
    }

    /// Entries, the abandoned ones included: all of them take memory.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a request behind those for the same uri.
    pub(super) fn insert(&mut self, new: NewRequest, deadline: Duration) -> RequestId {
        let slot = self.waiting.vacant_key();
        let id = RequestId {
            serial: self.next_serial,
            slot,
        };
        self.next_serial = self.next_serial.wrapping_add(1);
        let previous = match self.queues.get_mut(&new.uri) {
            Some(queue) => {
                let last = core::mem::replace(&mut queue.last, slot);
                if let Some(waiting) = self.waiting.get_mut(last) {
                    waiting.next = Some(slot);
                }
                Some(last)
            }
            None => {
                let queue = Queue {
                    first: slot,
                    last: slot,
                };
                self.queues.insert(new.uri.clone(), queue);
                None
            }
        };
        self.waiting.insert(Waiting {
            id,
            uri: new.uri,
            request: new.request,
            also: new.also,
            inner: new.inner,
            timeout: new.timeout,
            abandoned: false,
            previous,
            next: None,
        });
        self.wanted = self.wanted.saturating_add(1);
        let waiting = &self.waiting;
        self.deadlines
            .insert(deadline, id, waiting.len(), |id| is_live(waiting, id));
        id
    }

    /// The request that a message of this type and uri answers: the first in
    /// the uri's queue that expects the type, or else the first that any answer
    /// can end.
    pub(super) fn find(&self, message_type: MessageType, uri: &[u8]) -> Option<RequestId> {
        let mut at = Some(self.queues.get(uri)?.first);
        let mut fallback = None;
        while let Some(waiting) = at.and_then(|slot| self.waiting.get(slot)) {
            if waiting.expects(message_type) {
                return Some(waiting.id);
            }
            if fallback.is_none() && message_type.is_answer() {
                fallback = Some(waiting.id);
            }
            at = waiting.next;
        }
        fallback
    }

    /// The request that is waiting, where there is no other.
    pub(super) fn only(&self) -> Option<RequestId> {
        match self.waiting.len() {
            1 => self.waiting.iter().next().map(|(_, waiting)| waiting.id),
            _ => None,
        }
    }

    /// The inner layer of a request, which its answer has to pass.
    pub(super) fn inner(&self, id: RequestId) -> Option<&Layer> {
        self.get(id).map(|waiting| &waiting.inner)
    }

    /// Ends a request and takes it out of its queue.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Ended> {
        self.get(id)?;
        let waiting = self.waiting.remove(id.slot);
        match (waiting.previous, waiting.next) {
            (None, None) => {
                self.queues.remove(&waiting.uri);
            }
            (previous, next) => {
                match previous.and_then(|slot| self.waiting.get_mut(slot)) {
                    Some(entry) => entry.next = next,
                    None => self.edit_queue(&waiting.uri, |queue, slot| queue.first = slot, next),
                }
                match next.and_then(|slot| self.waiting.get_mut(slot)) {
                    Some(entry) => entry.previous = previous,
                    None => {
                        self.edit_queue(&waiting.uri, |queue, slot| queue.last = slot, previous)
                    }
                }
            }
        }
        if !waiting.abandoned {
            self.wanted = self.wanted.saturating_sub(1);
        }
        Some(Ended {
            id,
            timeout: waiting.timeout,
            abandoned: waiting.abandoned,
        })
    }

    fn edit_queue(
        &mut self,
        uri: &[u8],
        edit: impl FnOnce(&mut Queue, usize),
        slot: Option<usize>,
    ) {
        if let (Some(queue), Some(slot)) = (self.queues.get_mut(uri), slot) {
            edit(queue, slot);
        }
    }

    /// Marks a request as one whose answer nobody wants any more.
    pub(super) fn abandon(&mut self, id: RequestId) {
        if let Some(waiting) = self.waiting.get_mut(id.slot)
            && waiting.id == id
            && !waiting.abandoned
        {
            waiting.abandoned = true;
            self.wanted = self.wanted.saturating_sub(1);
        }
    }

    /// Requests whose caller waits.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// The earliest deadline.
    pub(super) fn deadline(&mut self) -> Option<Duration> {
        let waiting = &self.waiting;
        let earliest = self.deadlines.earliest(|id| is_live(waiting, id));
        earliest.map(|(at, _)| at)
    }

    /// Ends one request whose deadline has come.
    pub(super) fn expire(&mut self, now: Duration) -> Option<Ended> {
        let waiting = &self.waiting;
        let (at, id) = self.deadlines.earliest(|id| is_live(waiting, id))?;
        (at <= now).then(|| self.remove(id)).flatten()
    }

    /// Ends any one request, oldest slot first.
    pub(super) fn pop(&mut self) -> Option<Ended> {
        let id = self.waiting.iter().next().map(|(_, waiting)| waiting.id)?;
        self.remove(id)
    }

    fn get(&self, id: RequestId) -> Option<&Waiting> {
        self.waiting.get(id.slot).filter(|waiting| waiting.id == id)
    }
}

fn is_live(waiting: &Slab<Waiting>, id: RequestId) -> bool {
    waiting.get(id.slot).is_some_and(|waiting| waiting.id == id)
}

impl Waiting {
    /// Whether a peer that follows the protocol answers this request so.
    fn expects(&self, answer: MessageType) -> bool {
        if self.also == Some(answer) || answer.is_error() {
            return true;
        }
        let usual = match self.request {
            types::REQUEST_URI => types::RESPOND_URI,
            types::SUBSCRIBE_URI => types::CONFIRM_SUBSCRIBE,
            types::UNSUBSCRIBE_URI => types::CONFIRM_UNSUBSCRIBE,
            _ => types::OK,
        };
        answer == usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::types::*;
    use alloc::vec::Vec;

    fn insert(pending: &mut Pending, request: MessageType, uri: &'static str) -> RequestId {
        let new = NewRequest {
            uri: uri.into(),
            request,
            also: None,
            inner: Layer::new(),
            timeout: Duration::from_secs(10),
        };
        let deadline = Duration::from_secs(10 + pending.next_serial);
        pending.insert(new, deadline)
    }

    #[test]
    fn answers_for_one_uri_go_first_in_first_out() {
        let mut pending = Pending::new();
        let ids: Vec<_> = (0..4)
            .map(|_| insert(&mut pending, REQUEST_URI, "u"))
            .collect();
        assert_eq!(pending.find(RESPOND_URI, b"other"), None);
        pending.remove(ids[1]);
        for id in [ids[0], ids[2], ids[3]] {
            assert_eq!(pending.find(RESPOND_URI, b"u"), Some(id));
            assert!(pending.remove(id).is_some() && pending.remove(id).is_none());
        }
        assert!(pending.queues.is_empty() && pending.len() == 0 && pending.wanted() == 0);
    }

    #[test]
    fn a_type_finds_the_request_that_expects_it() {
        let mut pending = Pending::new();
        let request = insert(&mut pending, REQUEST_URI, "u");
        let create = insert(&mut pending, CREATE_URI, "u");
        assert_eq!(pending.find(OK, b"u"), Some(create));
        assert_eq!(pending.find(RESPOND_URI, b"u"), Some(request));
        assert_eq!(pending.find(NOT_PERMITTED, b"u"), Some(request));
        assert_eq!(pending.find(CONFIRM_SUBSCRIBE, b"u"), Some(request));
        assert_eq!(pending.find(NOTIFY_URI, b"u"), None);
        pending.remove(create);
        assert_eq!(pending.find(OK, b"u"), Some(request));
    }

    #[test]
    fn an_abandoned_request_still_takes_its_answer() {
        let mut pending = Pending::new();
        let first = insert(&mut pending, REQUEST_URI, "u");
        let second = insert(&mut pending, REQUEST_URI, "u");
        pending.abandon(first);
        assert_eq!((pending.wanted(), pending.only()), (1, None));
        assert_eq!(pending.find(RESPOND_URI, b"u"), Some(first));
        assert!(pending.remove(first).unwrap().abandoned);
        assert_eq!(pending.only(), Some(second));
    }

    #[test]
    fn deadlines_end_requests_in_order() {
        let mut pending = Pending::new();
        let ids: Vec<_> = (0..3)
            .map(|_| insert(&mut pending, REQUEST_URI, "u"))
            .collect();
        assert_eq!(pending.deadline(), Some(Duration::from_secs(10)));
        assert!(pending.expire(Duration::from_secs(9)).is_none());
        pending.remove(ids[0]);
        assert_eq!(pending.expire(Duration::from_secs(12)).unwrap().id, ids[1]);
        assert_eq!(pending.expire(Duration::from_secs(12)).unwrap().id, ids[2]);
        assert_eq!(pending.deadline(), None);
    }
}
