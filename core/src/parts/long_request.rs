//! The asker's side.

use bytes::Bytes;

use super::error::PartsError;
use super::fetching::{self, Fetching};
use super::sending::{self, Sending};
use super::words::{Head, Id, Said, Why, Word};
use super::{ID_LEN, PART_LEN, PARTS_URI};
use crate::message::{Body, Message, MessageType, types};

/// A request whose content may be longer than a frame, from its first part to its whole answer.
///
/// [`poll`](Self::poll) says what to ask, several questions at once where the other end has room
/// for it, and [`answered`](Self::answered) takes the answers in any order. When a connection ends,
/// or no answer comes, [`lost`](Self::lost) goes on where the other end has got to, over the same
/// connection or another one.
///
/// Where the other end takes no parts, a message that fits one frame is sent [as it
/// is](Next::Plain). It is asked for that first all the same: the answer may be a long one.
#[derive(Clone, Debug)]
pub struct LongRequest {
    message: Message,
    id: Id,
    state: State,
    /// Counts what makes answers that are still to come worthless.
    epoch: u32,
    /// A remote took it in parts before.
    is_taken: bool,
    /// How long an answer may be, in bytes.
    max_answer: u64,
    /// How many bytes may be on their way at once.
    window: usize,
    /// Its answer is taken as it comes.
    is_streamed: bool,
    reply: Option<Fetching>,
}

#[derive(Clone, Debug)]
enum State {
    Opening {
        is_asked: bool,
    },
    Sending {
        sending: Sending,
        polls: Polls,
    },
    Fetching,
    Closing {
        is_asked: bool,
    },
    Done,
    /// The remote takes no parts: the message as it is.
    Plain {
        is_asked: bool,
    },
    /// It was sent so, and no answer came.
    Doubtful,
}

/// Questions whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polls {
    None,
    /// One is to be asked after a while.
    Due,
    Asked,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask this: as often as needed, since nothing of it counts twice.
    Ask(Asked, Message),
    /// Ask this, the message as it is, once: the remote takes no parts, and would handle it twice.
    Plain(Asked, Message),
    /// Nothing, until an answer comes or, of an answer that is [streamed](LongRequest::set_streamed),
    /// something is [taken](LongRequest::take).
    Wait,
    /// Nothing for a while, as whoever reads at the other end has not: then the same again.
    Later,
    /// The whole answer; of one that is [streamed](LongRequest::set_streamed) what was not taken.
    Done(Message),
    /// There is no answer to come, and nothing to ask.
    Failed(PartsError),
}

/// Names a question, for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    epoch: u32,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Open,
    Part,
    Fetch,
    Close,
    Plain,
}

impl LongRequest {
    /// How many bytes may be on their way at once unless told otherwise.
    const WINDOW: usize = 1024 * 1024;

    /// A request with this message, whose answer may have `max_answer` bytes. Its number has to
    /// be random: who knows it can go on with it. Auth fields of the message are not sent.
    #[must_use]
    pub fn new(message: Message, max_answer: u64, id: [u8; ID_LEN]) -> Self {
        Self {
            message,
            id,
            state: State::Opening { is_asked: false },
            epoch: 0,
            is_taken: false,
            max_answer,
            window: Self::WINDOW,
            is_streamed: false,
            reply: None,
        }
    }

    /// Sets how many bytes may be on their way at once, of the content and then of the answer; 1 MiB
    /// unless set, and one part at least. The other end says how many it takes, too.
    pub fn set_window(&mut self, bytes: usize) {
        self.window = bytes;
        if let Some(reply) = &mut self.reply {
            reply.set_window(bytes);
        }
    }

    /// Says whether the answer is taken as it comes, with [`take`](Self::take): then no more of it
    /// is fetched than the window has. Not unless set.
    pub fn set_streamed(&mut self, is_streamed: bool) {
        self.is_streamed = is_streamed;
        if let Some(reply) = &mut self.reply {
            reply.set_streamed(is_streamed);
        }
    }

    /// Whether an answer to this question is still of use.
    #[must_use]
    pub fn awaits(&self, asked: Asked) -> bool {
        asked.epoch == self.epoch
    }

    /// Whether the answer is whole, and nothing is left to ask.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// How many bytes of the content the remote has, as far as it has said so.
    #[must_use]
    pub fn sent(&self) -> u64 {
        match &self.state {
            State::Opening { .. } | State::Plain { .. } | State::Doubtful => 0,
            State::Sending { sending, .. } => sending.acked(),
            _ => self.message.content.len() as u64,
        }
    }

    /// The answer without its content, once its first bytes are here, and the length of that.
    #[must_use]
    pub fn head(&self) -> Option<(Message, u64)> {
        let head = &self.reply.as_ref()?.head;
        Some((Message::new(head.kind, head.uri.clone(), ""), head.len))
    }

    /// The next bytes of an answer that is [streamed](Self::set_streamed), as far as they have come.
    pub fn take(&mut self) -> Option<Bytes> {
        self.reply.as_mut().filter(|_| self.is_streamed)?.take()
    }

    /// What to ask next, or the answer: to be called until there is nothing to ask.
    #[must_use]
    pub fn poll(&mut self) -> Next {
        let (id, open) = (self.id, || Word::Open {
            head: Head::of(&self.message),
            id: self.id,
        });
        let (what, word) = match &mut self.state {
            State::Opening { is_asked }
            | State::Closing { is_asked }
            | State::Plain { is_asked }
                if *is_asked =>
            {
                return Next::Wait;
            }
            State::Opening { is_asked } => {
                *is_asked = true;
                (What::Open, open())
            }
            State::Sending { sending, polls } => match (sending.step(), *polls) {
                (sending::Step::Send(from, to), _) => {
                    let [start, end] =
                        [from, to].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                    let bytes = self.message.content.slice(start..end);
                    let offset = from;
                    (What::Part, Word::Part { id, offset, bytes })
                }
                (sending::Step::Wait, _) | (sending::Step::Later, Polls::Asked) => {
                    return Next::Wait;
                }
                (sending::Step::Later, Polls::None) => {
                    *polls = Polls::Due;
                    return Next::Later;
                }
                (sending::Step::Later, Polls::Due) => {
                    *polls = Polls::Asked;
                    (What::Open, open())
                }
            },
            State::Fetching => match self.reply.as_mut().map(Fetching::step) {
                Some(fetching::Step::Fetch(offset)) => (What::Fetch, Word::Fetch { id, offset }),
                Some(fetching::Step::Wait) => return Next::Wait,
                Some(fetching::Step::Complete) => {
                    self.state = State::Closing { is_asked: true };
                    (What::Close, Word::Close { id })
                }
                Some(fetching::Step::Stuck) | None => return Next::Failed(PartsError::Senseless),
            },
            State::Closing { is_asked } => {
                *is_asked = true;
                (What::Close, Word::Close { id })
            }
            State::Done => return Next::Done(self.answer()),
            State::Plain { is_asked } => {
                *is_asked = true;
                return Next::Plain(self.asked(What::Plain), self.message.clone());
            }
            State::Doubtful => return Next::Failed(PartsError::Forgotten),
        };
        let question = Message::new(types::REQUEST_URI, PARTS_URI, word.encode());
        Next::Ask(self.asked(what), question)
    }

    /// Takes the answer to a question.
    ///
    /// # Errors
    /// It has failed.
    pub fn answered(&mut self, asked: Asked, answer: &Message) -> Result<(), PartsError> {
        if !self.awaits(asked) {
            return Ok(());
        }
        match asked.what {
            What::Plain => return self.plain_reply(answer),
            What::Close => {
                self.state = State::Done;
                return Ok(());
            }
            What::Open | What::Part | What::Fetch => {}
        }
        let is_ours = answer.message_type == types::RESPOND_URI && answer.uri == PARTS_URI;
        let said = is_ours
            .then(|| Said::decode(answer.content.clone()))
            .flatten();
        match said {
            None if matches!(self.state, State::Opening { .. }) => self.takes_none(),
            None | Some(Said::Closed) => Err(PartsError::Senseless),
            Some(Said::GoOn { offset, until }) => self.go_on(asked.what, offset, until),
            Some(Said::Reply { head, bytes }) => self.begin_reply(head, bytes),
            Some(Said::More { offset, bytes }) => self.more(offset, bytes),
            Some(Said::Refused(why)) => self.refused(why),
        }
    }

    /// No answer has come, or the connection has ended: the next question is where to go on.
    /// Answers that still come are not looked at.
    pub fn lost(&mut self) {
        self.forget_questions();
        match &mut self.state {
            // It is done but for the farewell.
            State::Closing { .. } => self.state = State::Done,
            State::Sending { .. } | State::Opening { .. } => self.open_again(),
            State::Plain { is_asked: true } => self.state = State::Doubtful,
            _ => {}
        }
    }

    /// As [`lost`](Self::lost), where it is certain that what was asked last was not handled.
    pub fn not_handled(&mut self) {
        match self.state {
            State::Plain { .. } => {
                self.forget_questions();
                self.open_again();
            }
            _ => self.lost(),
        }
    }

    /// The error where the message [as it is](Next::Plain) fits no frame after all: layers add to
    /// it, or a datagram has less room.
    #[must_use]
    pub fn too_large(&self) -> PartsError {
        let len = self.message.content.len() as u64;
        PartsError::TooLarge { len, max: None }
    }

    fn asked(&self, what: What) -> Asked {
        let epoch = self.epoch;
        Asked { epoch, what }
    }

    fn forget_questions(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if let Some(reply) = &mut self.reply {
            reply.lost();
        }
    }

    fn open_again(&mut self) {
        self.state = State::Opening { is_asked: false };
    }

    fn takes_none(&mut self) -> Result<(), PartsError> {
        let Message { uri, content, .. } = &self.message;
        if uri.len().saturating_add(content.len()) > Body::MAX_PAYLOAD {
            return Err(self.too_large());
        }
        if self.is_taken {
            return Err(PartsError::Forgotten);
        }
        self.state = State::Plain { is_asked: false };
        Ok(())
    }

    fn plain_reply(&mut self, answer: &Message) -> Result<(), PartsError> {
        let (len, max) = (answer.content.len() as u64, self.max_answer);
        // It was handled, and is not to be asked again.
        self.state = State::Doubtful;
        if len > max {
            return Err(PartsError::AnswerTooLarge { len, max });
        }
        let mut reply = Fetching::new(Head::of(answer), self.window, self.is_streamed);
        reply.come(0, answer.content.clone());
        self.reply = Some(reply);
        self.state = State::Done;
        Ok(())
    }

    fn go_on(&mut self, what: What, offset: u64, until: u64) -> Result<(), PartsError> {
        let len = self.message.content.len() as u64;
        if offset > len {
            return Err(PartsError::Senseless);
        }
        match &mut self.state {
            // Nothing is left to send where all has come, and it would be asked for ever.
            State::Opening { .. } if offset < len || len == 0 => {
                let sending = Sending::new(len, self.window, offset, until);
                let polls = Polls::None;
                self.state = State::Sending { sending, polls };
                self.is_taken = true;
                Ok(())
            }
            State::Sending { sending, polls } => {
                match what {
                    What::Part => sending.answered(offset, until),
                    _ => sending.heard(offset, until),
                }
                *polls = Polls::None;
                Ok(())
            }
            _ => Err(PartsError::Senseless),
        }
    }

    fn begin_reply(&mut self, head: Head, bytes: Bytes) -> Result<(), PartsError> {
        if self.reply.is_some() {
            // It was begun before the connection was lost.
            return Err(PartsError::Senseless);
        }
        let (len, max) = (head.len, self.max_answer);
        if len > max {
            return Err(PartsError::AnswerTooLarge { len, max });
        }
        // What else was asked is answered by the same.
        self.epoch = self.epoch.wrapping_add(1);
        self.is_taken = true;
        let mut reply = Fetching::new(head, self.window, self.is_streamed);
        let makes_sense = bytes.is_empty() || reply.come(0, bytes);
        self.reply = Some(reply);
        self.state = State::Fetching;
        makes_sense.then_some(()).ok_or(PartsError::Senseless)
    }

    fn more(&mut self, offset: u64, bytes: Bytes) -> Result<(), PartsError> {
        let reply = self.reply.as_mut();
        let reply = reply.filter(|_| matches!(self.state, State::Fetching));
        let makes_sense = reply.is_some_and(|reply| reply.fetched(offset, bytes));
        makes_sense.then_some(()).ok_or(PartsError::Senseless)
    }

    fn refused(&mut self, why: Why) -> Result<(), PartsError> {
        let len = self.message.content.len() as u64;
        Err(match why {
            Why::TooLong { max } => PartsError::TooLarge {
                len,
                max: Some(max),
            },
            Why::NoRoom => PartsError::NoRoom,
            Why::NotPermitted => PartsError::NotPermitted,
            // Parts that were forgotten are sent again; it was not handled.
            Why::Unknown if matches!(self.state, State::Sending { .. }) => {
                self.forget_questions();
                self.open_again();
                return Ok(());
            }
            Why::Unknown => PartsError::Forgotten,
        })
    }

    fn answer(&self) -> Message {
        let Some(reply) = &self.reply else {
            return Message::new(MessageType::ERROR, "", "");
        };
        Message::new(reply.head.kind, reply.head.uri.clone(), reply.rest())
    }
}

/// The bytes of one frame, from an offset on.
pub(super) fn part(content: &Bytes, offset: u64) -> Bytes {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let start = start.min(content.len());
    let end = start.saturating_add(PART_LEN).min(content.len());
    content.slice(start..end)
}
