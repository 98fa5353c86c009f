//! One end: a link, its handlers, and what happened there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::packify::Value;
use netaio_core::{
    Call, CancelReason, CloseReason, Dropped, Header, Limits, Link, LinkConfig, Message,
    MessageType, Node, Now, Refusal, ReplyError, RequestError, RequestId, Response, SendError,
};

use super::watched::Watched;
use crate::input::Dice;
use crate::traffic::{Handler, answer_to, asks, repeated_id};

/// The largest frame.
const MAX_FRAME: usize = Header::LEN + 2 * 65_535;

/// Bytes that a link reads at most that are not to be handled yet.
const LOOK_AHEAD: usize = 16 << 10;

/// What happened at one side.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Called(Message),
    Delivered(Message),
    Answered(RequestId, Response),
    Failed(RequestId, RequestError),
    Refused(Refusal),
    Dropped(Dropped),
    Unwritten(usize),
    Unrouted(MessageType, Bytes),
    Unanswered(MessageType, Bytes),
    HalfClosed(CloseReason),
    Cancelled(CancelReason),
    Shutdown,
    Closed(CloseReason),
}

/// A request whose caller waits.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    /// What its answer says.
    pub(super) serial: u32,
    pub(super) until: Duration,
}

/// An answer that waits to be given.
pub(super) struct Deferred {
    pub(super) call: Call,
    pub(super) answer: Message,
    /// The id of its request, if that has one.
    pub(super) id: Option<Value>,
}

pub(super) struct Side {
    pub(super) link: Link,
    pub(super) node: Watched,
    pub(super) waiting: BTreeMap<RequestId, Asked>,
    /// Until when requests that were given up might be answered.
    pub(super) cancelled: Vec<Duration>,
    /// Answers put off, in the order of their requests.
    pub(super) deferred: VecDeque<Deferred>,
    /// Bytes that came from the other side and are not read.
    pub(super) arrived: Vec<u8>,
    /// Nothing comes behind them.
    pub(super) ends: bool,
    /// The link was told so.
    eof: bool,
    drains: bool,
    /// The application takes no messages.
    pub(super) paused: bool,
    /// Bytes that the link handed out, and how many of them are written.
    writing: Vec<u8>,
    written: usize,
    /// Bytes on their way to the other side.
    pub(super) wire: Vec<u8>,
    /// Nothing is written behind them.
    pub(super) shut: bool,
    pub(super) sent: Vec<u8>,
    pub(super) seen: Vec<Seen>,
    pub(super) closed: bool,
}

impl Side {
    pub(super) fn new(now: Now, config: LinkConfig, client: bool) -> Self {
        let remote = Some(SocketAddr::from(([127, 0, 0, 1], 8888)));
        let mut node = Node::for_streams(config);
        let rng = Box::new(Dice(if client { 1 } else { 2 }));
        let link = match client {
            true => node.connect(now, remote, rng),
            false => node.accept(now, remote, rng).expect("the first one"),
        };
        Self {
            link,
            node: Watched::new(node),
            waiting: BTreeMap::new(),
            cancelled: Vec::new(),
            deferred: VecDeque::new(),
            arrived: Vec::new(),
            ends: false,
            eof: false,
            drains: false,
            paused: false,
            writing: Vec::new(),
            written: 0,
            wire: Vec::new(),
            shut: false,
            sent: Vec::new(),
            seen: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.link.config().limits().clone()
    }

    /// Reads bytes that have come, a piece of at most so many, or their end, and says
    /// whether there was anything.
    pub(super) fn read(&mut self, now: Now, piece: usize) -> bool {
        if self.closed {
            self.arrived.clear();
            return false;
        }
        if !self.arrived.is_empty() && self.link.wants_read() {
            // How much of it is read then does not depend on the pieces.
            let whole = self.drains || self.paused;
            let piece = match whole {
                true => usize::MAX,
                false if piece == usize::MAX => piece,
                false => piece.min(self.link.read_room()),
            };
            let count = piece.min(self.arrived.len());
            let bytes: Vec<_> = self.arrived.drain(..count).collect();
            if count.is_multiple_of(2) {
                self.link.receive(now, &bytes).expect("it wants to read");
            } else {
                self.link.receive_buffer().extend_from_slice(&bytes);
                self.link.received(now, count);
            }
            return true;
        }
        // Behind more than that it is not seen where there are pieces.
        let sees = self.arrived.is_empty() && self.link.unhandled() <= LOOK_AHEAD;
        if sees && self.ends && !self.eof {
            self.eof = true;
            self.link.handle_eof(now);
            return true;
        }
        false
    }

    /// Begins to end the link, unless too much waits. What was not read is not handled
    /// then: so that this does not depend on the pieces, all that came before is read,
    /// and what comes later, which handlers may wait for, is not cut.
    pub(super) fn begin_drain(&mut self, now: Now, grace: Duration) -> bool {
        let few = self.link.unhandled() + self.arrived.len() < self.limits().body();
        if few && !self.closed {
            let bytes = std::mem::take(&mut self.arrived);
            let received = self.link.receive(now, &bytes);
            received.expect("less than a frame waits");
            self.link.drain(now, grace);
            self.drains = true;
        }
        few
    }

    pub(super) fn pause(&mut self) {
        self.link.pause();
        self.paused = true;
        assert!(self.link.is_paused());
    }

    pub(super) fn resume(&mut self, now: Now) {
        self.link.resume(now);
        self.paused = false;
        assert!(!self.link.is_paused());
    }

    /// Calls a handler, and says whether an answer is sent, now or later.
    pub(super) fn call(
        &mut self,
        now: Now,
        handler: Handler,
        message: &Message,
        call: Call,
    ) -> bool {
        assert_eq!(call.request_type(), message.message_type);
        assert_eq!(call.link(), Some(self.link.id()));
        assert_eq!(call.remote(), self.link.remote());
        assert!(call.is_verified() || self.link.config().outer.auth().is_none());
        let id = repeated_id(&self.link.config().correlation, message);
        let beside = self.deferred.len();
        assert!(beside < self.limits().handlers_per_connection());
        // Those whose asker has left have places of their own.
        let left = self
            .seen
            .iter()
            .any(|seen| matches!(seen, Seen::HalfClosed(_)));
        assert!(beside < self.limits().handlers() * (1 + usize::from(left)));
        // What has no id is handled when all before it have been answered.
        let mut ids = self.deferred.iter().map(|other| other.id.is_some());
        assert!(beside == 0 || id.is_some() && ids.all(|has| has));
        if !asks(message.message_type) {
            assert!(self.reply(now, call, None));
            return true;
        }
        let mut answer = answer_to(message);
        match handler {
            Handler::Answer => self.reply(now, call, Some(answer)),
            Handler::Defer => {
                self.deferred.push_back(Deferred { call, answer, id });
                true
            }
            Handler::Ignore => {
                self.reply(now, call, None);
                false
            }
            Handler::TooLarge => {
                answer.content = [0; 65_536].to_vec().into();
                self.reply(now, call, Some(answer))
            }
            Handler::Drop => true,
        }
    }

    /// Replies, and says whether the asker will get that, or an error in its place.
    pub(super) fn reply(&mut self, now: Now, call: Call, answer: Option<Message>) -> bool {
        let result = self.link.reply(now, &mut self.node, call, answer);
        self.check_reply(&result)
    }

    pub(super) fn check_reply(&self, result: &Result<(), ReplyError>) -> bool {
        match result {
            Ok(()) => true,
            Err(ReplyError::Closed(reason)) => {
                assert_eq!(self.link.close_reason(), Some(reason));
                false
            }
            Err(ReplyError::Replaced(error)) => {
                assert!(matches!(error, SendError::Seal(_)), "{error}");
                true
            }
            Err(error) => panic!("a reply to one's own call, and a short error: {error}"),
        }
    }

    pub(super) fn check_refused_send(&self, error: &SendError) {
        let limits = self.limits();
        match error {
            // Requests are refused before all others, once no answer would come.
            SendError::Closed(reason) => {
                let known = self.link.close_reason();
                assert!(known == Some(reason) || known.is_none() && !self.link.wants_read());
            }
            SendError::QueueFull { queued, max } => assert!(queued >= max),
            // Cancelled ones count besides those that wait.
            SendError::TooManyRequests { max } => {
                assert_eq!(*max, limits.pending_requests());
                assert!(self.waiting.len() <= *max);
            }
            SendError::Seal(_) => {}
            other => panic!("an error of no known kind: {other}"),
        }
    }

    /// Moves what waits to be written onto the wire, until there are so many bytes.
    pub(super) fn write(&mut self, count: usize) {
        while self.wire.len() < count && !self.closed {
            if self.written == self.writing.len() {
                self.written = 0;
                if !self.link.poll_outbound(&mut self.writing) {
                    break;
                }
            }
            let bytes = &self.writing[self.written..];
            let bytes = &bytes[..bytes.len().min(count - self.wire.len())];
            self.wire.extend_from_slice(bytes);
            self.sent.extend_from_slice(bytes);
            self.written += bytes.len();
            self.link.written(bytes.len());
        }
    }

    /// What has to hold once there is nothing more to do.
    pub(super) fn check(&mut self, now: Now) {
        let limits = self.limits();
        assert!(self.link.poll(now, &mut self.node).is_none());
        assert!(!self.link.wants_poll());
        assert_eq!(self.link.pending_requests(), self.waiting.len());
        assert!(self.waiting.len() <= limits.pending_requests());
        // Who has not had a turn yet may be given as much again.
        assert!(self.link.queued() <= 2 * limits.outbound_queue() + MAX_FRAME);
        assert!(self.link.queued() > 0 || !self.link.wants_write());
        let unhandled = self.link.unhandled();
        let most = Header::LEN + limits.auth_section() + limits.body();
        let reads = self.link.wants_read();
        assert!(
            !reads || unhandled < most,
            "{unhandled} bytes wait to be a frame"
        );
        let receives = !self.eof && !self.drains && self.link.close_reason().is_none();
        if self.paused && receives && !self.waiting.is_empty() {
            let few = self.node.node.inbound_bytes() < 16 << 10;
            assert!(reads || !few, "no answer passes");
        }
        let deadline = self.link.deadline();
        assert_eq!(self.link.deadline(), deadline);
        let later = deadline.is_none_or(|deadline| deadline.at > now.monotonic);
        assert!(later, "a deadline that has come remains: {deadline:?}");
        let node = &self.node.node;
        if self.closed {
            assert!(deadline.is_none() && self.waiting.is_empty());
            assert!(!reads && !self.link.wants_write());
            assert_eq!((unhandled, self.link.queued()), (0, 0));
            assert_eq!(node.outbound_bytes(), 0);
            // Handlers outlive the link.
            assert!(self.link.calls_in_flight() > 0 || node.inbound_bytes() == 0);
            assert_eq!((node.links().len(), self.node.closed), (0, 1));
        } else {
            assert!(node.inbound_bytes() >= unhandled);
            // In buffers that have some room, or were written in part.
            let (held, queued) = (node.outbound_bytes(), self.link.queued());
            assert!(held >= queued && held <= 2 * queued + (256 << 10));
            assert_eq!(held == 0, queued == 0);
            assert_eq!((node.links().len(), self.node.closed), (1, 0));
        }
        let calls = match self.link.close_reason() {
            Some(CloseReason::Local) => 0,
            _ => self.deferred.len(),
        };
        assert_eq!(self.link.calls_in_flight(), calls);
        assert!(self.node.left <= 1);
    }
}
