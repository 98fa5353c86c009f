//! What a link writes without being asked, and remotes that read it too slowly.

use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use crate::config::Role;
use crate::cookies::NO_COOKIES;
use crate::error::{CloseReason, SendError};
use crate::limits::SlowConsumerPolicy;
use crate::message::Message;
use crate::now::Now;
use crate::options::SendOptions;
use crate::shared::SharedNode;
use crate::shared_frame::SharedFrame;

impl Link {
    /// Queues a frame that was sealed before, for many links at once. The remote
    /// did not ask for it: it may be dropped, if the [policy] says so.
    ///
    /// # Errors
    /// The link is closed, or the queue is full and nothing of it was handed out to be
    /// written yet. Where the policy is to disconnect, a queue that is full of what the
    /// remote does not read closes the link.
    ///
    /// [policy]: crate::Limits::slow_consumer
    pub fn forward(&mut self, now: Now, frame: &SharedFrame) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        match self.dropping() {
            None => {
                self.close_if_slow()?;
                self.check_room()?;
                self.outbox.share(frame);
            }
            Some(policy) => self.push(frame.clone(), policy),
        }
        self.after_queue();
        Ok(())
    }

    /// [Forwards](Self::forward) several frames at once, one behind the other, and takes
    /// them out of the vector; none of them is dropped. For a driver that has gathered
    /// short ones, where the [policy] is to disconnect.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); the frames are left in the vector.
    ///
    /// [policy]: crate::Limits::slow_consumer
    pub fn forward_all(&mut self, now: Now, frames: &mut Vec<u8>) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        self.close_if_slow()?;
        self.check_room()?;
        self.outbox.append(core::mem::take(frames));
        self.after_queue();
        Ok(())
    }

    /// Sends a message as [`send`](Self::send) does, but one that the remote did
    /// not ask for: it may be dropped as a [forwarded](Self::forward) one may.
    ///
    /// # Errors
    /// The message cannot be sealed, or as [`forward`](Self::forward).
    pub fn notify<N: SharedNode>(
        &mut self,
        now: Now,
        node: &mut N,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        let place = self.place;
        let Some(policy) = self.dropping() else {
            self.close_if_slow()?;
            self.check_room()?;
            return self.queue(|exchange, out| {
                exchange.seal_send(node, place, message, options, NO_COOKIES, out)
            });
        };
        let mut frame = Vec::new();
        self.exchange
            .seal_send(node, place, message, options, NO_COOKIES, &mut frame)?;
        self.push(frame.into(), policy);
        self.after_queue();
        Ok(())
    }

    /// Swaps the bytes to be written for `written`, whose bytes have been: the caller
    /// keeps one vector, writes all of it, and comes again with the same one. Returns
    /// whether there is anything to write.
    pub fn poll_outbound(&mut self, written: &mut Vec<u8>) -> bool {
        let any = self.outbox.swap(written);
        let waits = any && self.exchange.role != Role::Client;
        self.timers.writing(waits, self.exchange.now.monotonic);
        self.after_write();
        any
    }

    /// The policy, if frames may be dropped.
    fn dropping(&self) -> Option<SlowConsumerPolicy> {
        let policy = self.limits().slow_consumer();
        (policy != SlowConsumerPolicy::Disconnect).then_some(policy)
    }

    fn push(&mut self, frame: SharedFrame, policy: SlowConsumerPolicy) {
        let limits = self.limits();
        let max = match self.outbox.is_overdue() {
            true => limits.backlog(),
            false => limits.outbound_queue(),
        };
        self.outbox.push(frame, max, policy);
    }

    /// Whether there is room in the queue, or can be [made](Self::make_room).
    pub(super) fn check_room(&self) -> Result<(), SendError> {
        let max = self.limits().outbound_queue();
        match self.outbox.kept() < max {
            true => Ok(()),
            false => Err(SendError::QueueFull {
                queued: self.queued(),
                max,
            }),
        }
    }

    /// Drops what may be dropped where the queue was full of it before `added` bytes
    /// were queued. To be called once they are there: what cannot be sent takes nobody's
    /// place.
    pub(super) fn make_room(&mut self, added: usize) {
        if let Some(policy) = self.dropping() {
            let max = self.limits().outbound_queue();
            let few = |len: usize| len.saturating_sub(added) < max;
            self.outbox.drop_until(policy, few);
        }
    }

    /// Closes the link where the queue is full and the remote does not read: bytes
    /// were handed out to be written, and have not been.
    pub(super) fn close_if_slow(&mut self) -> Result<(), SendError> {
        if self.outbox.is_being_written() && self.check_room().is_err() {
            return Err(SendError::Closed(self.close_slow()));
        }
        Ok(())
    }

    fn close_slow(&mut self) -> CloseReason {
        let queued = self.queued();
        let reason = CloseReason::SlowConsumer { queued };
        self.abort(reason.clone());
        reason
    }

    /// To be called after whatever is queued.
    pub(super) fn after_queue(&mut self) {
        if self.exchange.role != Role::Client {
            let (now, backlog) = (self.exchange.now.monotonic, self.limits().backlog());
            self.outbox.note_backlog(now, backlog);
        }
    }

    /// To be called after whatever is written.
    pub(super) fn after_write(&mut self) {
        let backlog = self.limits().backlog();
        self.outbox.end_backlog(backlog);
    }

    /// When more than the backlog will have waited for too long.
    pub(super) fn backlog_deadline(&self) -> Option<Duration> {
        if self.close_reason().is_some() {
            return None;
        }
        let since = self.outbox.backlog_since()?;
        Some(since.saturating_add(self.limits().backlog_time()))
    }

    /// Does as the policy says where the backlog is overdue.
    pub(super) fn check_backlog(&mut self) {
        let now = self.exchange.now.monotonic;
        if self.backlog_deadline().is_none_or(|at| at > now) {
            return;
        }
        let Some(policy) = self.dropping() else {
            self.close_slow();
            return;
        };
        self.outbox.set_overdue();
        // Those that come last are dropped as they come.
        if policy == SlowConsumerPolicy::DropOldest {
            let backlog = self.limits().backlog();
            self.outbox.drop_until(policy, |len| len <= backlog);
            self.after_write();
        }
    }
}
