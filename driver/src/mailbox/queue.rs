//! What is known of a mailbox.

use std::collections::VecDeque;
use std::time::Duration;

use netaio_core::{CloseReason, Dropped, FlowControl, MailboxAccount, Pressure};

use super::command::Command;
use super::waiting::Waiting;

/// What waits in a mailbox, and what is known of it.
#[derive(Default)]
pub(super) struct Queue {
    /// None before the first: most connections of a server are told nothing unasked.
    waiting: Option<Box<Waiting>>,
    /// Set when no more commands are accepted.
    pub(super) closed: Option<Box<CloseReason>>,
    /// What the task does before anything else.
    pub(super) urgent: Option<Urgent>,
    pub(super) flow: FlowControl,
    /// The task has ended.
    pub(super) ended: bool,
}

/// What takes no place behind other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgent {
    /// Close as a slow consumer: the last frame is finished.
    Cut,
    /// Close, since the remote gives no sign of life, unless it is at a request that was made
    /// until then.
    Dead { asked: Duration },
    /// Close, and leave unwritten what is queued.
    Abort,
}

impl Queue {
    /// What waits, for more.
    #[inline]
    pub(super) fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_default()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_none_or(|waiting| waiting.is_empty())
    }

    /// The bytes of what may be dropped.
    #[inline]
    pub(super) fn news(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.news())
    }

    /// Sends that wait.
    #[inline]
    pub(super) fn sends(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.sends)
    }

    /// Moves commands: see [`Waiting::move_some`].
    #[inline]
    pub(super) fn move_some(&mut self, into: &mut VecDeque<Command>, room: usize) -> bool {
        let waiting = self.waiting.as_mut();
        waiting.is_some_and(|waiting| waiting.move_some(into, room))
    }

    /// What was dropped since it was asked last.
    pub(super) fn take_dropped(&mut self) -> Option<Dropped> {
        self.waiting.as_mut()?.commands.take_dropped()
    }

    /// Publishes what is held: see [`Waiting::publish`].
    #[inline]
    pub(super) fn publish(&mut self, account: &MailboxAccount) -> Pressure {
        let waiting = self.waiting.as_mut();
        waiting.map_or_else(Pressure::default, |waiting| waiting.publish(account))
    }

    /// Lets go of what may be dropped.
    pub(super) fn drop_news(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.drop_news();
        }
    }

    /// Takes all that waits, for good.
    pub(super) fn take_all(&mut self) -> VecDeque<Command> {
        let mut all = VecDeque::new();
        if let Some(waiting) = &mut self.waiting {
            waiting.move_all(&mut all);
            waiting.taken = 0;
        }
        all
    }
}
