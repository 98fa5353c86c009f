//! The side that is asked.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::held::{Held, State};
use super::long_request::part;
use super::room::Room;
use super::words::{Head, Id, Said, Why, Word};
use super::{PART_LEN, PARTS_URI};
use crate::budget::{Budget, Pressure};
use crate::limits::Limits;
use crate::message::{Message, types};
use crate::now::Now;
use crate::place::Place;

/// Requests that come in parts, and their replies until these have been fetched.
///
/// [`Node::long_inbox`](crate::Node::long_inbox) makes one that counts what it holds with what the
/// node's links hold. Whoever drives it calls [`handle_timeout`](Self::handle_timeout) at its
/// [`deadline`](Self::deadline), and hands its [pressure](Self::take_pressure) to the node.
#[derive(Debug)]
pub struct Inbox {
    /// The longest content.
    body: u64,
    max_requests: usize,
    silence: Duration,
    requests: BTreeMap<Id, Held>,
    room: Room,
    /// No request is silent for too long before this time.
    due: Option<Duration>,
}

/// Names a request whose handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(Id);

/// What a request for [`PARTS_URI`] leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// This is answered.
    Answer(Message),
    /// The message is whole: it is to be handled, and what comes of it handed to
    /// [`replied`](Inbox::replied), whose answer is the answer.
    Whole(Ticket, Message),
    /// It is being handled: when it has been, [`answer`](Inbox::answer) has the answer.
    Running(Ticket),
}

impl Inbox {
    /// An empty one that counts for itself, with the [bounds](Limits::long_content) for contents
    /// that are longer than a frame.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self::with_budget(limits, Arc::new(Budget::new(limits)))
    }

    /// One that counts in this budget.
    pub(crate) fn with_budget(limits: &Limits, budget: Arc<Budget>) -> Self {
        Self {
            body: limits.long_content() as u64,
            max_requests: limits.long_requests(),
            silence: limits.long_silence(),
            requests: BTreeMap::new(),
            room: Room::new(limits, budget),
            due: None,
        }
    }

    /// Bytes that it holds: contents, complete or not, answers, and what is kept of each request.
    #[must_use]
    pub fn held(&self) -> usize {
        self.room.held()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, a reading of the monotonic clock;
    /// `None` where nothing is held that could be forgotten.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.due
    }

    /// Forgets what was silent for [too long](Limits::long_silence). Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        let now = now.monotonic;
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let (silence, room) = (self.silence, &mut self.room);
        let mut due = None;
        self.requests.retain(|_, held| {
            let Some(at) = held.silent_at(silence) else {
                return true;
            };
            if at <= now {
                room.change(held.bytes(), 0);
                return false;
            }
            due = Some(due.map_or(at, |due: Duration| due.min(at)));
            true
        });
        self.due = due;
    }

    /// What became of its holdings since the last call, for the other links of its node:
    /// [`SharedNode::pressure`](crate::SharedNode::pressure).
    #[must_use]
    pub fn take_pressure(&mut self) -> Pressure {
        self.room.take_pressure()
    }

    /// Takes the content of a request for [`PARTS_URI`].
    pub fn receive(&mut self, now: Now, from: Place, content: Bytes) -> Received {
        self.handle_timeout(now);
        match Word::decode(content) {
            Some(Word::Open { head, id }) => self.open(now.monotonic, from, head, id),
            Some(Word::Part { id, offset, bytes }) => {
                self.part(now.monotonic, from, id, offset, &bytes)
            }
            Some(Word::Fetch { id, offset }) => self.fetch(now.monotonic, id, offset),
            Some(Word::Close { id }) => {
                // What is not fetched yet is not forgotten by a mistake.
                if let Some(Held {
                    state: State::Replied { .. },
                    ..
                }) = self.requests.get(&id)
                {
                    self.remove(&id);
                }
                said(&Said::Closed)
            }
            None => said(&Said::Refused(Why::NotPermitted)),
        }
    }

    /// The reply of a handler, or `None` where it answers nothing: what is answered.
    pub fn replied(&mut self, now: Now, ticket: Ticket, reply: Option<Message>) -> Message {
        let id = ticket.0;
        let reply = reply.unwrap_or_else(|| Message::new(types::OK, "", ""));
        let Some(held) = self.requests.get_mut(&id) else {
            return answer(&Said::Refused(Why::Unknown));
        };
        held.heard = now.monotonic;
        let before = held.bytes();
        let kept = held.state.kept_by(&reply.content);
        let is_too_long = reply.content.len() as u64 > self.body;
        let more = kept.saturating_sub(held.state.bytes());
        let reply = match is_too_long || more > self.room.free() {
            true => Message::error(reply.uri, "the answer is too long"),
            false => reply,
        };
        let kept = held.state.kept_by(&reply.content);
        held.state = State::Replied { reply, kept };
        self.room.change(before, held.bytes());
        self.look_at(now.monotonic.saturating_add(self.silence));
        self.answer(ticket)
    }

    /// Its handler ended without an end: it was dropped. The request is forgotten.
    pub fn abandoned(&mut self, ticket: Ticket) {
        if let Some(Held {
            state: State::Running { .. },
            ..
        }) = self.requests.get(&ticket.0)
        {
            self.remove(&ticket.0);
        }
    }

    /// Whether its handler runs.
    #[must_use]
    pub fn is_running(&self, ticket: Ticket) -> bool {
        let held = self.requests.get(&ticket.0);
        held.is_some_and(|held| matches!(held.state, State::Running { .. }))
    }

    /// What is answered to a request that has been handled.
    #[must_use]
    pub fn answer(&self, ticket: Ticket) -> Message {
        match self.requests.get(&ticket.0).map(|held| &held.state) {
            Some(State::Replied { reply, .. }) => answer(&first(reply)),
            _ => answer(&Said::Refused(Why::Unknown)),
        }
    }

    fn open(&mut self, now: Duration, from: Place, head: Head, id: Id) -> Received {
        if let Some(held) = self.requests.get_mut(&id) {
            if held.head != head {
                return said(&Said::Refused(Why::NotPermitted));
            }
            (held.place, held.heard) = (from, now);
            return match &held.state {
                State::Receiving(content) => said(&Said::GoOn {
                    offset: content.len() as u64,
                }),
                State::Running { .. } => Received::Running(Ticket(id)),
                State::Replied { reply, .. } => said(&first(reply)),
            };
        }
        let max = self.body;
        if head.len > max {
            return said(&Said::Refused(Why::TooLong { max }));
        }
        let for_nobody = matches!(
            head.kind,
            types::SUBSCRIBE_URI | types::UNSUBSCRIBE_URI | types::PUBLISH_URI
        );
        if !head.kind.is_request() || for_nobody || head.uri == PARTS_URI {
            return said(&Said::Refused(Why::NotPermitted));
        }
        let free = self.max_requests.saturating_sub(self.requests.len());
        if self.of(from).count() >= free {
            return said(&Said::Refused(Why::NoRoom));
        }
        let head = Head {
            // It keeps no receive buffer alive.
            uri: Bytes::copy_from_slice(&head.uri),
            ..head
        };
        let held = Held {
            head,
            place: from,
            heard: now,
            state: State::Receiving(Vec::new()),
        };
        if !self.room.has(held.bytes()) {
            return said(&Said::Refused(Why::NoRoom));
        }
        self.room.change(0, held.bytes());
        self.requests.insert(id, held);
        self.look_at(now.saturating_add(self.silence));
        said(&Said::GoOn { offset: 0 })
    }

    fn part(&mut self, now: Duration, from: Place, id: Id, offset: u64, bytes: &[u8]) -> Received {
        let of_place: usize = self.of(from).map(Held::bytes).sum();
        let Some(held) = self.requests.get_mut(&id) else {
            return said(&Said::Refused(Why::Unknown));
        };
        held.heard = now;
        let content = match &mut held.state {
            State::Receiving(content) => content,
            State::Running { .. } => return Received::Running(Ticket(id)),
            State::Replied { reply, .. } => return said(&first(reply)),
        };
        let len = content.len() as u64;
        let whole = len.saturating_add(bytes.len() as u64);
        if offset != len || whole > held.head.len || (bytes.is_empty() && whole < held.head.len) {
            // Sent twice, or something before it was lost.
            return said(&Said::GoOn { offset: len });
        }
        if content.capacity().saturating_sub(content.len()) < bytes.len() {
            // Doubled, but never longer than it gets.
            let rest = usize::try_from(held.head.len.saturating_sub(len)).unwrap_or(usize::MAX);
            let more = content.len().max(PART_LEN).max(bytes.len()).min(rest);
            let free = self.room.free();
            if !self.room.has(more) || of_place.saturating_add(more) > free {
                self.remove(&id);
                return said(&Said::Refused(Why::NoRoom));
            }
            let before = content.capacity();
            content.reserve_exact(more);
            self.room.change(before, content.capacity());
        }
        content.extend_from_slice(bytes);
        if whole < held.head.len {
            return said(&Said::GoOn { offset: whole });
        }
        let content = core::mem::take(content);
        held.state = State::running(&content);
        let message = Message::new(held.head.kind, held.head.uri.clone(), content);
        Received::Whole(Ticket(id), message)
    }

    fn fetch(&mut self, now: Duration, id: Id, offset: u64) -> Received {
        let Some(held) = self.requests.get_mut(&id) else {
            return said(&Said::Refused(Why::Unknown));
        };
        held.heard = now;
        match &held.state {
            State::Receiving(_) => said(&Said::Refused(Why::Unknown)),
            State::Running { .. } => Received::Running(Ticket(id)),
            State::Replied { reply, .. } => said(&Said::More {
                offset,
                bytes: part(&reply.content, offset),
            }),
        }
    }

    fn of(&self, place: Place) -> impl Iterator<Item = &Held> {
        let held = self.requests.values();
        held.filter(move |held| held.place == place)
    }

    fn remove(&mut self, id: &Id) {
        if let Some(held) = self.requests.remove(id) {
            self.room.change(held.bytes(), 0);
        }
        if self.requests.is_empty() {
            self.due = None;
        }
    }

    fn look_at(&mut self, at: Duration) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// A uri that leaves no room for a part beside it, in bytes.
const LONG_URI: usize = 1024;

/// The reply, with as much of its content as goes into a frame.
fn first(reply: &Message) -> Said {
    Said::Reply {
        head: Head::of(reply),
        // The uri is in the frame too.
        bytes: match reply.uri.len() > LONG_URI {
            true => Bytes::new(),
            false => part(&reply.content, 0),
        },
    }
}

fn said(said: &Said) -> Received {
    Received::Answer(answer(said))
}

fn answer(said: &Said) -> Message {
    Message::new(types::RESPOND_URI, PARTS_URI, said.encode())
}
