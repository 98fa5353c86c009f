//! One request that came in parts, as it is held.

use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use bytes::Bytes;

use super::arriving::Arriving;
use super::words::{Head, Id};
use crate::message::Message;
use crate::place::Place;

#[derive(Debug)]
pub(super) struct Held {
    pub(super) head: Head,
    pub(super) place: Place,
    /// When something of it came last, or it was answered.
    pub(super) heard: Duration,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Arriving(Arriving),
    /// Its handler runs, and has as many bytes, from and to these addresses.
    Running {
        bytes: usize,
        content: Range<usize>,
    },
    /// The reply keeps as many bytes in memory.
    Replied {
        reply: Message,
        kept: usize,
    },
}

impl Held {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let fixed = size_of::<(Id, Self)>().saturating_add(self.head.uri.len());
        fixed.saturating_add(self.state.bytes())
    }

    /// When it is forgotten, unless something comes before. Not while its handler runs, and has
    /// all of it.
    pub(super) fn silent_at(&self, silence: Duration) -> Option<Duration> {
        match &self.state {
            State::Running { .. } => None,
            State::Arriving(arriving) if arriving.is_stream() && arriving.is_complete() => None,
            _ => Some(self.heard.saturating_add(silence)),
        }
    }

    /// Whether it arrives, and its handler takes a stream.
    pub(super) fn is_stream(&self) -> bool {
        matches!(&self.state, State::Arriving(arriving) if arriving.is_stream())
    }
}

impl State {
    /// That of a handler that has this content.
    pub(super) fn running(content: &Vec<u8>) -> Self {
        let start = content.as_ptr().addr();
        Self::Running {
            bytes: content.capacity(),
            content: start..start.saturating_add(content.len()),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Arriving(arriving) => arriving.bytes(),
            Self::Running { bytes, .. } => *bytes,
            Self::Replied { kept, .. } => *kept,
        }
    }

    /// Bytes that a reply keeps in memory: one that is a slice of what was asked keeps all of it.
    pub(super) fn kept_by(&self, reply: &Bytes) -> usize {
        match self {
            Self::Running { bytes, content } if content.contains(&reply.as_ptr().addr()) => {
                reply.len().max(*bytes)
            }
            _ => reply.len(),
        }
    }
}
