//! The commands that a connection's task takes.

use std::time::Duration;

use futures_channel::oneshot;
use netaio_core::{CloseReason, Droppable, Message, SendError, SendOptions, SharedFrame};

use crate::callers::Request;

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
    Frame(SharedFrame),
    /// Write short frames that were sealed for many, one behind the other.
    Frames(Vec<u8>),
    /// Send a message that many get, but that has to be sealed for each of them.
    /// It may be dropped.
    Notify {
        message: Message,
        options: SendOptions,
    },
    /// Poll the link: another one has changed what it may do.
    Wake,
    /// Read no more, finish the calls in flight within this time, then close.
    Drain(Duration),
    /// Close: handle nothing more, write what is queued.
    Close {
        /// Say first that this node leaves, where peers are managed.
        farewell: bool,
    },
    /// Close, and leave unwritten what is queued.
    Abort,
    /// As `Abort`, since the remote is a slow consumer.
    Cut,
}

impl Droppable for Command {
    /// The length of a message for many receivers, in bytes; of one that is not sealed
    /// yet, about.
    fn droppable(&self) -> Option<usize> {
        match self {
            Self::Frame(frame) => Some(frame.len()),
            Self::Frames(frames) => Some(frames.len()),
            Self::Notify { message, .. } => {
                let fields = message.uri.len().saturating_add(message.content.len());
                Some(fields.saturating_add(std::mem::size_of::<Self>()))
            }
            _ => None,
        }
    }

    fn held(&self) -> usize {
        let more = match self {
            Self::Frame(frame) => frame.uncounted(),
            Self::Frames(frames) => frames.capacity(),
            Self::Notify { message, .. } | Self::Send { message, .. } => {
                message.uri.len().saturating_add(message.content.len())
            }
            _ => 0,
        };
        more.saturating_add(std::mem::size_of::<Self>())
    }
}

impl Command {
    /// Answers a command that came after the end of the connection.
    pub(crate) fn refuse(self, reason: &CloseReason) {
        match self {
            Self::Send { done, .. } => {
                let _ = done.send(Err(SendError::Closed(reason.clone())));
            }
            Self::Request(request) => request.refuse(reason),
            Self::Frame(_)
            | Self::Frames(_)
            | Self::Notify { .. }
            | Self::Wake
            | Self::Drain(_)
            | Self::Close { .. }
            | Self::Abort
            | Self::Cut => {}
        }
    }
}
