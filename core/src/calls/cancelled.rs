//! Calls that take too long, or that nobody waits for any more.

use alloc::boxed::Box;
use core::time::Duration;

use super::{Call, CallId, Calls, InFlight};
use crate::message::Message;
use crate::options::{CallOptions, CancelReason};

/// A call that was cancelled.
#[derive(Debug)]
pub(crate) struct Cancelled<A> {
    pub(crate) call: CallId,
    pub(crate) reason: CancelReason,
    pub(crate) address: Box<InFlight<A>>,
}

impl<A> Cancelled<A> {
    /// What the asker is told, if there is one.
    pub(crate) fn error(&self) -> Option<Message> {
        let timed_out = matches!(self.reason, CancelReason::TimedOut(_));
        let asked = timed_out && self.address.request.is_request();
        asked.then(|| Message::error(self.address.uri.to_bytes(), "the handler took too long"))
    }
}

impl<A> Calls<A> {
    /// Notes when a call times out, if it does.
    pub(super) fn expect(
        &mut self,
        now: Duration,
        slot: usize,
        options: CallOptions,
    ) -> Option<Duration> {
        let deadline = now.saturating_add(options.timeout()?);
        self.rare().deadlines.insert((deadline, slot));
        Some(deadline)
    }

    /// Forgets when a call times out.
    pub(super) fn forget(&mut self, deadline: Duration, slot: usize) {
        if let Some(rare) = &mut self.rare {
            rare.deadlines.remove(&(deadline, slot));
        }
    }

    /// Sets what becomes of a call in flight, from now on.
    pub(crate) fn set_options(&mut self, now: Duration, call: &Call, options: CallOptions) {
        let slot = call.slot;
        let entry = self.entry(slot);
        let Some(entry) = entry.filter(|entry| entry.is_of(&call.token)) else {
            return;
        };
        if let Some(deadline) = entry.deadline {
            self.forget(deadline, slot);
        }
        let deadline = self.expect(now, slot, options);
        let entries = self.active.as_mut();
        if let Some(entry) = entries.and_then(|active| active.in_flight.get_mut(slot)) {
            (entry.options, entry.deadline) = (options, deadline);
        }
    }

    /// When the next call times out.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.rare.as_ref()?.deadlines.first().map(|(at, _)| *at)
    }

    /// Cancels the next call whose time is up.
    pub(crate) fn cancel_timed_out(&mut self, now: Duration) -> Option<Cancelled<A>> {
        let first = self.rare.as_ref()?.deadlines.first();
        let &(_, slot) = first.filter(|(at, _)| *at <= now)?;
        let timeout = self.entry(slot)?.options.timeout()?;
        self.cancel(slot, CancelReason::TimedOut(timeout))
    }

    /// Cancels a call that is not to outlive the connection of its asker.
    pub(crate) fn cancel_left(&mut self) -> Option<Cancelled<A>> {
        let leaves = |entry: &InFlight<A>| entry.options.cancels_on_disconnect();
        let (slot, _) = self.entries().find(|(_, entry)| leaves(entry))?;
        self.cancel(slot, CancelReason::Disconnected)
    }

    /// Cancels the call that was made last.
    pub(crate) fn cancel_last(&mut self, reason: CancelReason) -> Option<Cancelled<A>> {
        let age = |entry: &InFlight<A>| {
            let id = entry.call_id().0;
            self.last_id.wrapping_sub(id)
        };
        let (slot, _) = self.entries().min_by_key(|(_, entry)| age(entry))?;
        self.cancel(slot, reason)
    }

    fn cancel(&mut self, slot: usize, reason: CancelReason) -> Option<Cancelled<A>> {
        let call = self.entry(slot)?.call_id();
        let address = self.remove(slot)?;
        Some(Cancelled {
            call,
            reason,
            address,
        })
    }
}
