//! What a link writes without being asked, and remotes that read it too slowly.

use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use super::outbox::GapAhead;
use crate::config::Role;
use crate::cookies::NO_COOKIES;
use crate::delivery::Fate;
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
    /// The link is closed. Where the policy is to disconnect, a queue that is full of what
    /// the remote does not read closes the link: once the transport has
    /// [taken](Self::written) less than it was given since then, or at twice of
    /// [`Limits::outbound_queue`](crate::Limits::outbound_queue).
    ///
    /// [policy]: crate::Limits::slow_consumer
    pub fn forward(&mut self, now: Now, frame: &SharedFrame) -> Result<Fate, SendError> {
        self.exchange.now = now;
        self.check_open()?;
        let fate = match self.dropping() {
            None => {
                self.admit()?;
                let waiting = self.queued();
                self.outbox.share(frame);
                Fate::behind(waiting)
            }
            Some(policy) => self.push(frame.clone(), policy),
        };
        self.after_queue();
        Ok(fate)
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
        self.admit()?;
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
    ) -> Result<Fate, SendError> {
        self.exchange.now = now;
        self.check_open()?;
        let place = self.place();
        let Some(policy) = self.dropping() else {
            self.admit()?;
            let waiting = self.queued();
            self.queue(|exchange, out| {
                exchange.seal_send(node, place, message, options, NO_COOKIES, out)
            })?;
            return Ok(Fate::behind(waiting));
        };
        let mut frame = Vec::new();
        self.exchange
            .seal_send(node, place, message, options, NO_COOKIES, &mut frame)?;
        self.sent_messages = self.sent_messages.wrapping_add(1);
        let frame = SharedFrame::of_one(frame, message, options);
        let fate = self.push(frame, policy);
        self.after_queue();
        Ok(fate)
    }

    /// Says that so many notifications were dropped before the link had them, by a driver
    /// that queues them for it: the next one [tells](crate::Gap) the remote, with those that
    /// the link drops itself.
    pub fn lost(&mut self, count: u64) {
        self.outbox.lose(count);
    }

    /// Whether there is room for one more message for many: fewer bytes wait than
    /// [`Limits::backlog`](crate::Limits::backlog) and
    /// [`Limits::outbound_queue`](crate::Limits::outbound_queue), and than its share, 64 KiB
    /// at least, of half of [`Limits::outbound_total`](crate::Limits::outbound_total). One
    /// for which nothing waits has room. Whoever publishes and can wait, does so.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.budget.has_room(self.queued())
    }

    /// Closes the link as one whose remote reads too slowly: what was handed out to be
    /// written is written if the remote takes it within
    /// [`Limits::shutdown_grace`](crate::Limits::shutdown_grace), so that its last frame is
    /// whole; the rest is dropped.
    pub fn cut_off(&mut self, now: Now) {
        self.exchange.now = now;
        self.close_slow();
    }

    /// Swaps the bytes to be written for `written`, whose bytes have been: the caller
    /// keeps one vector, writes all of it, and comes again with the same one. Returns
    /// whether there is anything to write.
    pub fn poll_outbound(&mut self, written: &mut Vec<u8>) -> bool {
        let any = self.outbox.swap(written);
        // All before was written.
        self.flow.had_turn(false, 0, 0);
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

    fn push(&mut self, frame: SharedFrame, policy: SlowConsumerPolicy) -> Fate {
        let limits = self.limits();
        let max = match self.outbox.is_overdue() {
            true => limits.backlog(),
            false => limits.outbound_queue(),
        };
        self.outbox.push(frame, max, policy)
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
    #[inline]
    pub(super) fn make_room(&mut self, added: usize) {
        if let Some(policy) = self.dropping() {
            let max = self.limits().outbound_queue();
            let few = |len: usize| len.saturating_sub(added) < max;
            self.outbox.drop_until(policy, few);
        }
    }

    /// Closes the link where the queue is full and the remote does not read it.
    #[inline]
    pub(super) fn admit(&mut self) -> Result<(), SendError> {
        let (kept, max) = (self.outbox.kept(), self.limits().outbound_queue());
        match self.flow.admit(kept, max) {
            true => Ok(()),
            false => Err(SendError::Closed(self.close_slow())),
        }
    }

    /// To be called when the transport has taken what it takes.
    pub(super) fn note_turn(&mut self) {
        let (kept, max) = (self.outbox.kept(), self.limits().outbound_queue());
        let blocked = self.outbox.is_being_written();
        self.flow.had_turn(blocked, kept, max);
    }

    fn close_slow(&mut self) -> CloseReason {
        let queued = self.queued();
        let reason = CloseReason::SlowConsumer { queued };
        if self.close_reason().is_none() {
            self.outbox.clear_rest();
            self.begin_flush(reason.clone());
            self.leaves = true;
        }
        reason
    }

    /// Gives up what waits to be written, since all links together hold too much: at first all
    /// but what was handed out, so that the last frame is whole, and where that is not enough
    /// that as well.
    pub(super) fn give_way(&mut self) {
        if self.close_reason().is_none() && self.outbox.is_being_written() {
            self.close_slow();
            self.account.spare();
            return;
        }
        let queued = self.queued();
        self.abort(CloseReason::SlowConsumer { queued });
    }

    /// Seals what is behind a gap anew, with the number of those that were dropped, once it
    /// is next.
    pub(super) fn tell_gap<N: SharedNode>(&mut self, node: &mut N) {
        while let Some(GapAhead { source, lost }) = self.outbox.gap_ahead() {
            let (place, mut frame) = (self.place(), Vec::new());
            let message = source.message.clone().with_gap(lost);
            let (exchange, options) = (&mut self.exchange, &source.options);
            let sealed = exchange.seal_send(node, place, &message, options, NO_COOKIES, &mut frame);
            // One that is as long as may be has no place for the number.
            self.outbox.tell_gap(sealed.is_ok().then_some(frame));
        }
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
