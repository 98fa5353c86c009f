//! One end: a link, its handlers, and what happened there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::packify::Value;
use netaio_core::types::*;
use netaio_core::{
    Answer, CloseReason, Dropped, Event, Header, Link, LinkConfig, Message, Node, Now, Refusal,
    ReplyToken, RequestError, RequestId, SendError,
};

use crate::input::Dice;

/// The largest frame.
const MAX_FRAME: usize = Header::LEN + 2 * 65_535;

#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// Answers at once.
    Answer,
    /// Answers when the script says so.
    Defer,
    /// Never answers.
    Ignore,
    /// Answers with what fits no frame.
    TooLarge,
}

/// What happened at one side.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Called(Message),
    Unrouted(Message),
    Answered(RequestId, Answer),
    Failed(RequestId, RequestError),
    Refused(Refusal),
    Dropped(Dropped),
    Closed(CloseReason),
}

/// An answer that waits to be given.
pub(super) struct Deferred {
    pub(super) token: ReplyToken,
    pub(super) answer: Message,
    /// The id of its request, if that has one.
    pub(super) id: Option<Value>,
}

pub(super) struct Side {
    pub(super) link: Link,
    pub(super) node: Node<Handler>,
    /// The requests whose callers wait, each with what its answer says.
    pub(super) waiting: BTreeMap<RequestId, u32>,
    /// Answers put off, in the order of their requests.
    pub(super) deferred: VecDeque<Deferred>,
    /// Bytes on their way to the other side.
    pub(super) wire: Vec<u8>,
    pub(super) sent: Vec<u8>,
    pub(super) seen: Vec<Seen>,
    /// It takes no more messages for now, as while a handler runs.
    pub(super) busy: bool,
    /// Its transport has said that nothing more comes.
    pub(super) eof: bool,
    pub(super) closed: bool,
}

impl Side {
    pub(super) fn new(now: Now, config: LinkConfig, seed: u64) -> Self {
        let remote = SocketAddr::from(([127, 0, 0, 1], 8888));
        let rng = Box::new(Dice(seed));
        Self {
            link: Link::new(now, Arc::new(config), Some(remote), rng),
            node: Node::new(),
            waiting: BTreeMap::new(),
            deferred: VecDeque::new(),
            wire: Vec::new(),
            sent: Vec::new(),
            seen: Vec::new(),
            busy: false,
            eof: false,
            closed: false,
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        if self.busy {
            return self.link.poll_past_event();
        }
        self.link.poll_event()
    }

    /// Whether an answer is sent, now or later, and in its turn.
    pub(super) fn call(
        &mut self,
        now: Now,
        handler: Handler,
        message: &Message,
        token: ReplyToken,
    ) -> bool {
        assert_eq!(token.request_type(), message.message_type);
        assert_eq!(*token.uri(), message.uri);
        let answer = match message.message_type {
            REQUEST_URI => RESPOND_URI,
            SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
            UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
            _ => OK,
        };
        let mut answer = Message::new(answer, message.uri.clone(), message.content.clone());
        match handler {
            // The answers to one connection keep the order of its requests, unless
            // ids make up for it.
            Handler::Answer if token.is_correlated() && self.may_overtake(self.deferred.len()) => {
                self.reply(now, &token, &answer)
            }
            Handler::Answer if self.deferred.is_empty() => self.reply(now, &token, &answer),
            Handler::Answer | Handler::Defer => {
                let field = self.link.config().correlation.field();
                let id = message.auth.get(field).map(|id| id.to_value());
                self.deferred.push_back(Deferred {
                    id: id.filter(|_| token.is_correlated()),
                    token,
                    answer,
                });
                true
            }
            Handler::Ignore => false,
            Handler::TooLarge => {
                answer.content = [0; 65_536].to_vec().into();
                assert!(!self.reply(now, &token, &answer));
                false
            }
        }
    }

    /// Whether the nth of the answers that were put off, or one behind them all,
    /// may go before the others: those without an id keep their place.
    pub(super) fn may_overtake(&self, nth: usize) -> bool {
        let mut first = self.deferred.iter().take(nth.saturating_add(1));
        first.all(|deferred| deferred.token.is_correlated())
    }

    pub(super) fn reply(&mut self, now: Now, token: &ReplyToken, message: &Message) -> bool {
        let reply = self.link.reply(now, token, message);
        if let Err(error) = &reply {
            assert!(!matches!(error, SendError::QueueFull { .. }));
            self.check_refused_send(error);
        }
        reply.is_ok()
    }

    pub(super) fn check_refused_send(&self, error: &SendError) {
        let limits = &self.link.config().wire.limits;
        match error {
            SendError::Closed(reason) => assert_eq!(self.link.is_closed(), Some(reason)),
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

    /// Moves what waits to be written onto the wire.
    pub(super) fn write(&mut self) {
        let mut written = Vec::new();
        while self.link.poll_outbound(&mut written) {
            self.wire.extend_from_slice(&written);
            self.sent.extend_from_slice(&written);
        }
        assert_eq!(self.link.queued(), 0);
    }

    pub(super) fn check(&mut self) {
        let limits = self.link.config().wire.limits.clone();
        assert_eq!(self.link.is_closed().is_some(), self.closed);
        assert_eq!(self.link.pending_requests(), self.waiting.len());
        assert!(self.waiting.len() <= limits.pending_requests());
        assert!(self.link.queued() <= limits.outbound_queue() + MAX_FRAME);
        assert!(self.link.poll_past_event().is_none());
        let buffered = self.link.receive_buffer().len();
        assert_eq!(self.link.unhandled(), buffered);
        let most = Header::LEN + limits.auth_section() + limits.body();
        assert!(
            self.busy || buffered < most,
            "{buffered} bytes wait to be a frame"
        );
        let deadline = self.link.poll_deadline();
        assert_eq!(self.link.poll_deadline(), deadline);
        if self.closed {
            assert!(deadline.is_none() && self.waiting.is_empty() && buffered == 0);
        }
    }
}
