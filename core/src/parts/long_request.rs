//! The asker's side.

use alloc::vec::Vec;

use bytes::Bytes;

use super::words::{Head, Id, Said, Why, Word};
use super::{ID_LEN, PART_LEN, PARTS_URI};
use crate::message::{Body, Message, MessageType, types};

/// A request whose content may be longer than a frame, from its first part to its whole answer.
///
/// [`next`](Self::next) says what to ask, one request after the other, and
/// [`answered`](Self::answered) takes the answer. When a connection ends, or no answer comes,
/// [`lost`](Self::lost) goes on where the other end has got to, over the same connection or
/// another one.
///
/// Where the other end takes no parts, a message that fits one frame is sent [as it
/// is](Next::Plain). It is asked for that first all the same: the answer may be a long one.
#[derive(Clone, Debug)]
pub struct LongRequest {
    message: Message,
    id: Id,
    state: State,
    /// A remote took it in parts before.
    is_taken: bool,
    /// How long an answer may be, in bytes.
    max_answer: u64,
    reply: Option<(Head, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    /// Bytes from here on are wanted.
    Sending(u64),
    Fetching,
    Closing,
    Done,
    /// The remote takes no parts: the message as it is.
    Plain,
    /// It was sent so, and no answer came.
    Doubtful,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask this: as often as needed, since nothing of it counts twice.
    Ask(Message),
    /// Ask this, the message as it is, once: the remote takes no parts, and would handle it twice.
    Plain(Message),
    /// The whole answer.
    Done(Message),
    /// There is no answer to come, and nothing to ask.
    Failed(PartsError),
}

/// Why a long request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// The content is longer than the remote takes.
    #[error("a content of {len} bytes {}", Most(.max))]
    TooLarge {
        /// Length of the content, in bytes.
        len: u64,
        /// The most that it takes; `None` where it takes none in parts, as plain netaio peers and
        /// nodes that were not told to.
        max: Option<u64>,
    },
    /// What the remote holds for all who ask leaves no room: later.
    #[error("the remote has no room for it now")]
    NoRoom,
    /// The remote takes no such message in parts: its handler has an inner layer, or it is of a
    /// type that nobody answers.
    #[error("the remote takes no such message in parts")]
    NotPermitted,
    /// The answer is longer than may be.
    #[error("an answer of {len} bytes; at most {max} are taken")]
    AnswerTooLarge {
        /// Its length, in bytes.
        len: u64,
        /// The most that is taken.
        max: u64,
    },
    /// The remote has forgotten the request while its answer was fetched, or takes none in parts
    /// and has not answered the message. It may have been handled.
    #[error("the remote has forgotten the request")]
    Forgotten,
    /// An answer makes no sense.
    #[error("the remote's answer makes no sense")]
    Senseless,
}

struct Most<'a>(&'a Option<u64>);

impl core::fmt::Display for Most<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(max) => write!(f, "is too long: the remote takes at most {max}"),
            None => f.write_str("fits no frame, and the remote takes no messages in parts"),
        }
    }
}

impl LongRequest {
    /// A request with this message, whose answer may have `max_answer` bytes. Its number has to
    /// be random: who knows it can go on with it. Auth fields of the message are not sent.
    #[must_use]
    pub fn new(message: Message, max_answer: u64, id: [u8; ID_LEN]) -> Self {
        Self {
            message,
            id,
            state: State::Opening,
            is_taken: false,
            max_answer,
            reply: None,
        }
    }

    /// How many bytes of the content the remote has, as far as it has said so.
    #[must_use]
    pub fn sent(&self) -> u64 {
        match self.state {
            State::Opening | State::Plain | State::Doubtful => 0,
            State::Sending(offset) => offset,
            _ => self.message.content.len() as u64,
        }
    }

    /// What to ask next, or the answer.
    #[must_use]
    pub fn next(&self) -> Next {
        let id = self.id;
        Next::Ask(asked(&match self.state {
            State::Opening => Word::Open {
                head: Head::of(&self.message),
                id,
            },
            State::Sending(offset) => Word::Part {
                id,
                offset,
                bytes: part(&self.message.content, offset),
            },
            State::Fetching => Word::Fetch {
                id,
                offset: self.fetched(),
            },
            State::Closing => Word::Close { id },
            State::Done => return Next::Done(self.answer()),
            State::Plain => return Next::Plain(self.message.clone()),
            State::Doubtful => return Next::Failed(PartsError::Forgotten),
        }))
    }

    /// Takes the answer to what was asked last.
    ///
    /// # Errors
    /// It has failed.
    pub fn answered(&mut self, answer: &Message) -> Result<(), PartsError> {
        let len = self.message.content.len() as u64;
        if self.state == State::Plain {
            return self.plain_reply(answer);
        }
        let is_ours = answer.message_type == types::RESPOND_URI && answer.uri == PARTS_URI;
        let said = is_ours
            .then(|| Said::decode(answer.content.clone()))
            .flatten();
        if self.state == State::Closing {
            self.state = State::Done;
            return Ok(());
        }
        match said {
            None if self.state == State::Opening => self.takes_none(),
            None | Some(Said::Closed) => Err(PartsError::Senseless),
            Some(Said::GoOn { offset }) if offset < len || (len == 0 && offset == 0) => {
                (self.state, self.is_taken) = (State::Sending(offset), true);
                Ok(())
            }
            Some(Said::GoOn { .. }) => Err(PartsError::Senseless),
            Some(Said::Reply { head, bytes }) => self.begin_reply(head, &bytes),
            Some(Said::More { offset, bytes }) => self.more(offset, &bytes),
            Some(Said::Refused(why)) => self.refused(why),
        }
    }

    /// No answer has come, or the connection has ended: the next question is where to go on.
    pub fn lost(&mut self) {
        match self.state {
            // It is done but for the farewell.
            State::Closing => self.state = State::Done,
            State::Sending(_) => self.state = State::Opening,
            State::Plain => self.state = State::Doubtful,
            _ => {}
        }
    }

    /// As [`lost`](Self::lost), where it is certain that what was asked last was not handled.
    pub fn not_handled(&mut self) {
        match self.state {
            State::Plain => self.state = State::Opening,
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

    fn takes_none(&mut self) -> Result<(), PartsError> {
        let Message { uri, content, .. } = &self.message;
        if uri.len().saturating_add(content.len()) > Body::MAX_PAYLOAD {
            return Err(self.too_large());
        }
        if self.is_taken {
            return Err(PartsError::Forgotten);
        }
        self.state = State::Plain;
        Ok(())
    }

    fn plain_reply(&mut self, answer: &Message) -> Result<(), PartsError> {
        let (len, max) = (answer.content.len() as u64, self.max_answer);
        // It was handled, and is not to be asked again.
        self.state = State::Doubtful;
        if len > max {
            return Err(PartsError::AnswerTooLarge { len, max });
        }
        self.reply = Some((Head::of(answer), answer.content.to_vec()));
        self.state = State::Done;
        Ok(())
    }

    fn begin_reply(&mut self, head: Head, bytes: &[u8]) -> Result<(), PartsError> {
        let (len, max) = (head.len, self.max_answer);
        if len > max {
            return Err(PartsError::AnswerTooLarge { len, max });
        }
        self.reply = Some((head, Vec::new()));
        if bytes.is_empty() && len > 0 {
            self.state = State::Fetching;
            return Ok(());
        }
        self.more(0, bytes)
    }

    fn more(&mut self, offset: u64, bytes: &[u8]) -> Result<(), PartsError> {
        let Some((head, content)) = &mut self.reply else {
            return Err(PartsError::Senseless);
        };
        let len = (content.len() as u64).saturating_add(bytes.len() as u64);
        let is_next = offset == content.len() as u64 && len <= head.len;
        if !is_next || (bytes.is_empty() && len < head.len) {
            return Err(PartsError::Senseless);
        }
        content.extend_from_slice(bytes);
        self.state = match len == head.len {
            true => State::Closing,
            false => State::Fetching,
        };
        Ok(())
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
            Why::Unknown if matches!(self.state, State::Sending(_)) => {
                self.state = State::Opening;
                return Ok(());
            }
            Why::Unknown => PartsError::Forgotten,
        })
    }

    fn fetched(&self) -> u64 {
        let reply = self.reply.as_ref();
        reply.map_or(0, |(_, content)| content.len() as u64)
    }

    fn answer(&self) -> Message {
        let Some((head, content)) = &self.reply else {
            return Message::new(MessageType::ERROR, "", "");
        };
        Message::new(head.kind, head.uri.clone(), content.clone())
    }
}

/// The bytes of one frame, from an offset on.
pub(super) fn part(content: &Bytes, offset: u64) -> Bytes {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let start = start.min(content.len());
    let end = start.saturating_add(PART_LEN).min(content.len());
    content.slice(start..end)
}

fn asked(word: &Word) -> Message {
    Message::new(types::REQUEST_URI, PARTS_URI, word.encode())
}
