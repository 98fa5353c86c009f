//! The side that is asked.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::long_request::part;
use super::words::{Head, Id, Said, Why, Word};
use super::{PART_LEN, PARTS_URI};
use crate::limits::Limits;
use crate::message::{Message, types};
use crate::now::Now;
use crate::place::Place;

/// The bounds of an [`Inbox`], of [`Limits`].
#[derive(Clone, Copy, Debug)]
struct InboxLimits {
    body: u64,
    total: usize,
    requests: usize,
    silence: Duration,
}

/// Requests that come in parts, and their replies until these have been fetched.
#[derive(Debug)]
pub struct Inbox {
    limits: InboxLimits,
    requests: BTreeMap<Id, Held>,
    /// Bytes held by all of them.
    held: usize,
}

#[derive(Debug)]
struct Held {
    head: Head,
    place: Place,
    heard: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    Receiving(Vec<u8>),
    /// Its handler runs, and has as many bytes.
    Running(usize),
    Replied(Message),
}

impl State {
    fn bytes(&self) -> usize {
        match self {
            Self::Receiving(content) => content.capacity(),
            Self::Running(bytes) => *bytes,
            Self::Replied(reply) => reply.content.len(),
        }
    }
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
    /// An empty one, with the [bounds](Limits::long_content) for contents that are longer than a
    /// frame.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: InboxLimits {
                body: limits.long_content() as u64,
                total: limits.long_total(),
                requests: limits.long_requests(),
                silence: limits.long_silence(),
            },
            requests: BTreeMap::new(),
            held: 0,
        }
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes the content of a request for [`PARTS_URI`].
    pub fn receive(&mut self, now: Now, from: Place, content: Bytes) -> Received {
        self.forget_silent(now.monotonic);
        match Word::decode(content) {
            Some(Word::Open { head, id }) => self.open(now.monotonic, from, head, id),
            Some(Word::Part { id, offset, bytes }) => {
                self.part(now.monotonic, from, id, offset, &bytes)
            }
            Some(Word::Fetch { id, offset }) => self.fetch(now.monotonic, id, offset),
            Some(Word::Close { id }) => {
                // What is not fetched yet is not forgotten by a mistake.
                if let Some(Held {
                    state: State::Replied(_),
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
        self.held = self.held.saturating_sub(held.state.bytes());
        let len = reply.content.len() as u64;
        let room = self.limits.total.saturating_sub(self.held);
        let reply = if len > self.limits.body || reply.content.len() > room {
            Message::error(reply.uri, "the answer is too long")
        } else {
            reply
        };
        self.held = self.held.saturating_add(reply.content.len());
        held.state = State::Replied(reply);
        self.answer(ticket)
    }

    /// Its handler ended without an end: it was dropped. The request is forgotten.
    pub fn abandoned(&mut self, ticket: Ticket) {
        if let Some(Held {
            state: State::Running(_),
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
        held.is_some_and(|held| matches!(held.state, State::Running(_)))
    }

    /// What is answered to a request that has been handled.
    #[must_use]
    pub fn answer(&self, ticket: Ticket) -> Message {
        match self.requests.get(&ticket.0).map(|held| &held.state) {
            Some(State::Replied(reply)) => answer(&first(reply)),
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
                State::Running(_) => Received::Running(Ticket(id)),
                State::Replied(reply) => said(&first(reply)),
            };
        }
        let max = self.limits.body;
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
        let free = self.limits.requests.saturating_sub(self.requests.len());
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
        self.requests.insert(id, held);
        said(&Said::GoOn { offset: 0 })
    }

    fn part(&mut self, now: Duration, from: Place, id: Id, offset: u64, bytes: &[u8]) -> Received {
        let others = self.held;
        let of_place: usize = self.of(from).map(|held| held.state.bytes()).sum();
        let Some(held) = self.requests.get_mut(&id) else {
            return said(&Said::Refused(Why::Unknown));
        };
        held.heard = now;
        let content = match &mut held.state {
            State::Receiving(content) => content,
            State::Running(_) => return Received::Running(Ticket(id)),
            State::Replied(reply) => return said(&first(reply)),
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
            let free = self.limits.total.saturating_sub(others);
            if more > free || of_place.saturating_add(more) > free {
                self.remove(&id);
                return said(&Said::Refused(Why::NoRoom));
            }
            let before = content.capacity();
            content.reserve_exact(more);
            let grown = content.capacity().saturating_sub(before);
            self.held = self.held.saturating_add(grown);
        }
        content.extend_from_slice(bytes);
        if whole < held.head.len {
            return said(&Said::GoOn { offset: whole });
        }
        let content = core::mem::take(content);
        held.state = State::Running(content.capacity());
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
            State::Running(_) => Received::Running(Ticket(id)),
            State::Replied(reply) => said(&Said::More {
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
            self.held = self.held.saturating_sub(held.state.bytes());
        }
    }

    fn forget_silent(&mut self, now: Duration) {
        let silence = self.limits.silence;
        let held = &mut self.held;
        self.requests.retain(|_, request| {
            let is_running = matches!(request.state, State::Running(_));
            let keep = is_running || now.saturating_sub(request.heard) < silence;
            if !keep {
                *held = held.saturating_sub(request.state.bytes());
            }
            keep
        });
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
