//! What the two ends say to each other: contents of requests and of their answers.

use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes};

use super::ID_LEN;
use crate::message::{Message, MessageType};

pub(super) type Id = [u8; ID_LEN];

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// There is a message, or it goes on: from where?
    Open { head: Head, id: Id },
    /// Bytes of its content.
    Part { id: Id, offset: u64, bytes: Bytes },
    /// Which bytes of the reply?
    Fetch { id: Id, offset: u64 },
    /// The reply has come: forget it.
    Close { id: Id },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Bytes from here on are wanted, and may be sent as far as there.
    GoOn { offset: u64, until: u64 },
    /// The reply, and the first bytes of its content.
    Reply { head: Head, bytes: Bytes },
    /// Bytes of the reply's content.
    More { offset: u64, bytes: Bytes },
    /// It is not taken.
    Refused(Why),
    /// It is forgotten.
    Closed,
}

/// A message without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: MessageType,
    pub(super) len: u64,
    pub(super) uri: Bytes,
}

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its content is longer than this many bytes.
    TooLong { max: u64 },
    /// What is held of all askers leaves no room.
    NoRoom,
    /// Nothing is known of it: it was forgotten, or never there.
    Unknown,
    /// Such a message is not taken in parts.
    NotPermitted,
}

impl Head {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            kind: message.message_type,
            len: message.content.len() as u64,
            uri: message.uri.clone(),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.put_u8(self.kind.value());
        out.put_u64(self.len);
        // No uri of a message is longer.
        out.put_u16(self.uri.len() as u16);
        out.put_slice(&self.uri);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let kind = MessageType::new(from.try_get_u8().ok()?);
        let len = from.try_get_u64().ok()?;
        let uri_len = usize::from(from.try_get_u16().ok()?);
        let uri = (from.len() >= uri_len).then(|| from.split_to(uri_len))?;
        Some(Self { kind, len, uri })
    }
}

impl Word {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Open { head, id } => {
                out.put_u8(1);
                out.put_slice(id);
                head.put(&mut out);
            }
            Self::Part { id, offset, bytes } => {
                out.reserve_exact(bytes.len().saturating_add(32));
                out.put_u8(2);
                out.put_slice(id);
                out.put_u64(*offset);
                out.put_slice(bytes);
            }
            Self::Fetch { id, offset } => {
                out.put_u8(3);
                out.put_slice(id);
                out.put_u64(*offset);
            }
            Self::Close { id } => {
                out.put_u8(4);
                out.put_slice(id);
            }
        }
        out
    }

    pub(super) fn decode(mut from: Bytes) -> Option<Self> {
        let kind = from.try_get_u8().ok()?;
        let mut id = [0; ID_LEN];
        from.try_copy_to_slice(&mut id).ok()?;
        Some(match kind {
            1 => {
                let head = Head::take(&mut from)?;
                Self::Open { head, id }
            }
            2 => {
                let offset = from.try_get_u64().ok()?;
                let bytes = from;
                Self::Part { id, offset, bytes }
            }
            3 => {
                let offset = from.try_get_u64().ok()?;
                Self::Fetch { id, offset }
            }
            4 => Self::Close { id },
            _ => return None,
        })
    }
}

impl Said {
    /// The first byte of the first of them: no echo of a question is an answer.
    const FIRST: u8 = 128;

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::GoOn { offset, until } => {
                out.put_u8(Self::FIRST);
                out.put_u64(*offset);
                out.put_u64(*until);
            }
            Self::Reply { head, bytes } => {
                out.put_u8(Self::FIRST | 1);
                head.put(&mut out);
                out.put_slice(bytes);
            }
            Self::More { offset, bytes } => {
                out.put_u8(Self::FIRST | 2);
                out.put_u64(*offset);
                out.put_slice(bytes);
            }
            Self::Refused(why) => {
                let (code, max) = match why {
                    Why::TooLong { max } => (1, *max),
                    Why::NoRoom => (2, 0),
                    Why::Unknown => (3, 0),
                    Why::NotPermitted => (4, 0),
                };
                out.put_slice(&[Self::FIRST | 3, code]);
                out.put_u64(max);
            }
            Self::Closed => out.put_u8(Self::FIRST | 4),
        }
        out
    }

    pub(super) fn decode(mut from: Bytes) -> Option<Self> {
        Some(match from.try_get_u8().ok()?.checked_sub(Self::FIRST)? {
            0 => {
                let offset = from.try_get_u64().ok()?;
                let until = from.try_get_u64().ok()?;
                Self::GoOn { offset, until }
            }
            1 => {
                let head = Head::take(&mut from)?;
                let bytes = from;
                Self::Reply { head, bytes }
            }
            2 => {
                let offset = from.try_get_u64().ok()?;
                let bytes = from;
                Self::More { offset, bytes }
            }
            3 => {
                let code = from.try_get_u8().ok()?;
                let max = from.try_get_u64().ok()?;
                Self::Refused(match code {
                    1 => Why::TooLong { max },
                    2 => Why::NoRoom,
                    3 => Why::Unknown,
                    _ => Why::NotPermitted,
                })
            }
            4 => Self::Closed,
            _ => return None,
        })
    }
}
