//! The side that is asked.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;

use super::arriving::{Arriving, Fit};
use super::held::{Held, State};
use super::long_request::part;
use super::room::Room;
use super::words::{Head, Id, Said, Why, Word};
use super::{DATAGRAM_WINDOW, PARTS_URI};
use crate::budget::{Budget, Pressure};
use crate::limits::Limits;
use crate::message::{Message, types};
use crate::now::Now;
use crate::place::Place;

/// Requests that come in parts, and their replies until these have been fetched.
///
/// [`Node::long_inbox`](crate::Node::long_inbox) makes one that counts what it holds with what the
/// node's links hold. Whoever drives it calls [`handle_timeout`](Self::handle_timeout) at its
/// [`deadline`](Self::deadline), hands its [pressure](Self::take_pressure) to the node, and lets
/// those go on who [wait](Received::Waiting), and streams [that have news](Self::poll_stream).
#[derive(Debug)]
pub struct Inbox {
    /// The longest content.
    body: u64,
    max_requests: usize,
    window: usize,
    silence: Duration,
    requests: BTreeMap<Id, Held>,
    room: Room,
    /// No request is silent for too long before this time.
    due: Option<Duration>,
    /// Streams that can be taken from, or have been forgotten.
    news: VecDeque<Ticket>,
}

/// Names a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(Id);

/// What a request for [`PARTS_URI`] leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// This is answered.
    Answer(Message),
    /// A new one, of which nothing has come but its type, its uri and the length of its content.
    /// Where its handler takes a stream, that is to be called now, and [`stream`](Inbox::stream)
    /// has the answer; else [`accept`](Inbox::accept) has.
    Begun(Ticket, u64, Message),
    /// The message is whole: it is to be handled, and what comes of it handed to
    /// [`replied`](Inbox::replied), whose answer is the answer.
    Whole(Ticket, Message),
    /// All of it has come, and its handler runs: when that has ended, [`answer`](Inbox::answer)
    /// has the answer.
    Waiting(Ticket),
}

/// What there is to take of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The next bytes.
    Bytes(Bytes),
    /// They have not come yet: [`Inbox::poll_stream`] says when there are some.
    Nothing,
    /// That was all.
    End,
    /// Whoever sent it was silent for too long: the rest will not come.
    Lost,
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
            window: limits.long_window(),
            silence: limits.long_silence(),
            requests: BTreeMap::new(),
            room: Room::new(limits, budget),
            due: None,
            news: VecDeque::new(),
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
        let (silence, room, news) = (self.silence, &mut self.room, &mut self.news);
        let mut due = None;
        self.requests.retain(|id, held| {
            let Some(at) = held.silent_at(silence) else {
                return true;
            };
            if at <= now {
                room.change(held.bytes(), 0);
                if held.is_stream() {
                    news.push_back(Ticket(*id));
                }
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

    /// The next stream that can be taken from where it could not before, or is
    /// [lost](Taken::Lost). To be asked after every input.
    pub fn poll_stream(&mut self) -> Option<Ticket> {
        self.news.pop_front()
    }

    /// Takes the content of a request for [`PARTS_URI`].
    pub fn receive(&mut self, now: Now, from: Place, content: Bytes) -> Received {
        self.handle_timeout(now);
        match Word::decode(content) {
            Some(Word::Open { head, id }) => self.open(now.monotonic, from, head, id),
            Some(Word::Part { id, offset, bytes }) => {
                self.part(now.monotonic, from, id, offset, bytes)
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

    /// Takes one that has [begun](Received::Begun) whole, unless it is [too
    /// long](Limits::long_content): what is answered.
    pub fn accept(&mut self, ticket: Ticket) -> Message {
        let (id, max) = (ticket.0, self.body);
        let held = self.requests.get(&id);
        if held.is_some_and(|held| held.head.len > max) {
            self.remove(&id);
            return answer(&Said::Refused(Why::TooLong { max }));
        }
        self.go_on(id)
    }

    /// Has one that has [begun](Received::Begun) taken as it comes, with [`take`](Self::take),
    /// however long it is: what is answered, unless its handler has answered by then.
    pub fn stream(&mut self, ticket: Ticket) -> Message {
        if let Some(Held {
            state: State::Arriving(arriving),
            ..
        }) = self.requests.get_mut(&ticket.0)
        {
            arriving.stream();
        }
        self.go_on(ticket.0)
    }

    /// Takes no such message now: what is answered to one that has [begun](Received::Begun), and is
    /// forgotten.
    pub fn refuse(&mut self, ticket: Ticket) -> Message {
        self.remove(&ticket.0);
        answer(&Said::Refused(Why::NoRoom))
    }

    fn go_on(&self, id: Id) -> Message {
        let said = self.answer(Ticket(id));
        said.unwrap_or_else(|| answer(&Said::Refused(Why::Unknown)))
    }

    /// The next bytes of a stream. More is sent as they are taken.
    pub fn take(&mut self, ticket: Ticket) -> Taken {
        let Some(held) = self.requests.get_mut(&ticket.0) else {
            return Taken::Lost;
        };
        let before = held.bytes();
        let State::Arriving(arriving) = &mut held.state else {
            return Taken::End;
        };
        let taken = match arriving.take() {
            Some(bytes) => Taken::Bytes(bytes),
            None if arriving.is_complete() => Taken::End,
            None => Taken::Nothing,
        };
        self.room.change(before, held.bytes());
        taken
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
        let said = answer(&first(&reply));
        held.state = State::Replied { reply, kept };
        self.room.change(before, held.bytes());
        self.look_at(now.monotonic.saturating_add(self.silence));
        said
    }

    /// Its handler ended without an end: it was dropped. The request is forgotten.
    pub fn abandoned(&mut self, ticket: Ticket) {
        let held = self.requests.get(&ticket.0);
        let runs = |held: &Held| matches!(held.state, State::Running { .. }) || held.is_stream();
        if held.is_some_and(runs) {
            self.remove(&ticket.0);
        }
    }

    /// What is answered to one who [waits](Received::Waiting); `None` where it is to be waited for.
    #[must_use]
    pub fn answer(&self, ticket: Ticket) -> Option<Message> {
        match self.requests.get(&ticket.0).map(|held| &held.state) {
            Some(State::Replied { reply, .. }) => Some(answer(&first(reply))),
            Some(State::Running { .. }) => None,
            Some(State::Arriving(arriving)) => go_on(arriving).map(|said| answer(&said)),
            None => Some(answer(&Said::Refused(Why::Unknown))),
        }
    }

    fn open(&mut self, now: Duration, from: Place, head: Head, id: Id) -> Received {
        if let Some(held) = self.requests.get_mut(&id) {
            if held.head != head {
                return said(&Said::Refused(Why::NotPermitted));
            }
            (held.place, held.heard) = (from, now);
            return self.answer_or_wait(id);
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
        let window = match from {
            Place::Link { .. } => self.window,
            Place::Datagram(_) => self.window.min(DATAGRAM_WINDOW),
        };
        let (len, message) = (head.len, Message::new(head.kind, head.uri.clone(), ""));
        let held = Held {
            state: State::Arriving(Arriving::new(head.len, window)),
            head,
            place: from,
            heard: now,
        };
        if !self.room.has(held.bytes()) {
            return said(&Said::Refused(Why::NoRoom));
        }
        self.room.change(0, held.bytes());
        self.requests.insert(id, held);
        self.look_at(now.saturating_add(self.silence));
        Received::Begun(Ticket(id), len, message)
    }

    fn part(&mut self, now: Duration, from: Place, id: Id, offset: u64, part: Bytes) -> Received {
        let of_place: usize = self.of(from).map(Held::bytes).sum();
        let Some(held) = self.requests.get_mut(&id) else {
            return said(&Said::Refused(Why::Unknown));
        };
        held.heard = now;
        let before = held.bytes();
        let State::Arriving(arriving) = &mut held.state else {
            return self.answer_or_wait(id);
        };
        let room = &self.room;
        let has_room = |more: usize, grown: usize| {
            let all = of_place.saturating_add(grown).saturating_add(more);
            more == 0 || room.has(grown.saturating_add(more)) && all <= room.free()
        };
        let end_before = arriving.end();
        let (mut next, mut grown) = (None, 0);
        match arriving.fit(offset, part.clone()) {
            Fit::Next(bytes) => next = Some(bytes),
            Fit::Ahead(cost) if has_room(cost, 0) => arriving.keep(offset, &part),
            Fit::Ahead(_) | Fit::Nothing => {}
        }
        let mut is_refused = false;
        while let Some(bytes) = next.take() {
            let growth = arriving.growth(bytes.len());
            if !has_room(growth, grown) {
                // A stream waits for room, and its reader makes some.
                is_refused = !arriving.is_stream();
                break;
            }
            grown = grown.saturating_add(growth);
            arriving.add(&bytes);
            next = arriving.next();
        }
        if is_refused {
            self.room.change(before, held.bytes());
            self.remove(&id);
            return said(&Said::Refused(Why::NoRoom));
        }
        if arriving.is_stream() && arriving.end() > end_before {
            self.news.push_back(Ticket(id));
        }
        arriving.note_part();
        if !arriving.is_complete() || arriving.is_stream() {
            self.room.change(before, held.bytes());
            return self.answer_or_wait(id);
        }
        let content = arriving.take_whole();
        held.state = State::running(&content);
        let message = Message::new(held.head.kind, held.head.uri.clone(), content);
        self.room.change(before, held.bytes());
        Received::Whole(Ticket(id), message)
    }

    fn fetch(&mut self, now: Duration, id: Id, offset: u64) -> Received {
        let Some(held) = self.requests.get_mut(&id) else {
            return said(&Said::Refused(Why::Unknown));
        };
        held.heard = now;
        match &held.state {
            State::Arriving(_) => said(&Said::Refused(Why::Unknown)),
            State::Running { .. } => Received::Waiting(Ticket(id)),
            State::Replied { reply, .. } => said(&Said::More {
                offset,
                bytes: part(&reply.content, offset),
            }),
        }
    }

    fn answer_or_wait(&self, id: Id) -> Received {
        let ticket = Ticket(id);
        let answer = self.answer(ticket);
        answer.map_or(Received::Waiting(ticket), Received::Answer)
    }

    fn of(&self, place: Place) -> impl Iterator<Item = &Held> {
        let held = self.requests.values();
        held.filter(move |held| held.place == place)
    }

    fn remove(&mut self, id: &Id) {
        if let Some(held) = self.requests.remove(id) {
            self.room.change(held.bytes(), 0);
            if held.is_stream() {
                self.news.push_back(Ticket(*id));
            }
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

/// What more may be sent; `None` where all has come, and the answer is waited for.
fn go_on(arriving: &Arriving) -> Option<Said> {
    (!arriving.is_ended()).then(|| Said::GoOn {
        offset: arriving.end(),
        until: arriving.until(),
    })
}

fn said(said: &Said) -> Received {
    Received::Answer(answer(said))
}

fn answer(said: &Said) -> Message {
    Message::new(types::RESPOND_URI, PARTS_URI, said.encode())
}
