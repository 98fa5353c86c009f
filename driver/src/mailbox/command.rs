//! The commands that a connection's task takes.

use std::time::Duration;

use futures_channel::oneshot;
use netaio_core::{CloseReason, Droppable, Message, SendError, SendOptions, SharedFrame};

use crate::shared_request::Request;

/// A command to the task of a connection.
pub(crate) enum Command {
    /// Send a message, and report whether it was queued.
    Send {
        message: Message,
        options: SendOptions,
        done: oneshot::Sender<Result<(), SendError>>,
    },
    /// Send a request.
    Request(Request),
    /// Write a frame that was sealed for many. It may be dropped.
    Frame {
        frame: SharedFrame,
        /// How many were dropped right before it.
        lost: u64,
        /// How many it holds, one behind the other.
        count: u64,
    },
    /// Write short frames that were sealed for many, one behind the other.
    Frames { frames: Vec<u8>, count: u64 },
    /// Send a message that many get, but that has to be sealed for each of them.
    /// It may be dropped.
    Notify {
        message: Message,
        options: SendOptions,
        /// How many were dropped right before it.
        lost: u64,
    },
    /// Say when all that was queued before is written.
    Flush(oneshot::Sender<()>),
    /// Poll the link: another one has changed what it may do.
    Wake,
    /// Read no more, finish the calls in flight within this time, then close.
    Drain(Duration),
    /// Close: handle nothing more, write what is queued.
    Close {
        /// Say first that this node leaves, where peers are managed.
        farewell: bool,
    },
}

impl Droppable for Command {
    /// The length of a message for many receivers, in bytes; of one that is not sealed
    /// yet, about.
    fn droppable(&self) -> Option<usize> {
        match self {
            Self::Frame { frame, .. } => Some(frame.len()),
            Self::Frames { frames, .. } => Some(frames.len()),
            Self::Notify { message, .. } => {
                let fields = message.uri.len().saturating_add(message.content.len());
                Some(fields.saturating_add(std::mem::size_of::<Self>()))
            }
            _ => None,
        }
    }

    fn held(&self) -> usize {
        let more = match self {
            Self::Frame { frame, .. } => frame.uncounted(),
            Self::Frames { frames, .. } => frames.capacity(),
            Self::Notify { message, .. } | Self::Send { message, .. } => {
                message.uri.len().saturating_add(message.content.len())
            }
            Self::Request(request) => request.bytes(),
            _ => 0,
        };
        more.saturating_add(std::mem::size_of::<Self>())
    }

    fn lost(&self) -> u64 {
        match self {
            Self::Frame { lost, .. } | Self::Notify { lost, .. } => *lost,
            _ => 0,
        }
    }

    fn lose(&mut self, count: u64) {
        if let Self::Frame { lost, .. } | Self::Notify { lost, .. } = self {
            *lost = lost.saturating_add(count);
        }
    }
}

impl Command {
    /// Writes a frame that was sealed for many.
    pub(crate) fn frame(frame: SharedFrame) -> Self {
        Self::frames(frame, 1)
    }

    /// Writes so many frames that were sealed for many.
    pub(super) fn frames(frame: SharedFrame, count: u64) -> Self {
        Self::Frame {
            frame,
            lost: 0,
            count,
        }
    }

    /// Answers a command that came after the end of the connection.
    pub(crate) fn refuse(self, reason: &CloseReason) {
        match self {
            Self::Send { done, .. } => {
                let _ = done.send(Err(SendError::Closed(reason.clone())));
            }
            Self::Request(request) => request.refuse(reason),
            Self::Frame { .. }
            | Self::Frames { .. }
            | Self::Notify { .. }
            | Self::Flush(_)
            | Self::Wake
            | Self::Drain(_)
            | Self::Close { .. } => {}
        }
    }
}
