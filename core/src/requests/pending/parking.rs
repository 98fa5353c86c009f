//! Requests that wait for a place among those that wait for answers.

use alloc::boxed::Box;
use core::hash::Hash;
use core::time::Duration;

use super::parked::Parked;
use super::{NewRequest, RequestId, Table, Waiting};
use crate::message::Message;
use crate::options::RequestOptions;

impl<A: Copy + Eq + Hash> Table<A> {
    /// The memory that a request holds until it is sent, in bytes.
    fn parked_size(message: &Message) -> usize {
        size_of::<Waiting<A>>().saturating_add(Parked::bytes(message))
    }

    /// Requests that were sent and wait for answers.
    pub(crate) fn sent(&self) -> usize {
        self.wanted.saturating_sub(self.parked_count)
    }

    /// Whether requests wait for a place.
    pub(crate) fn has_parked(&self) -> bool {
        self.parked_count > 0
    }

    /// The memory that those hold, in bytes.
    pub(crate) fn parked_bytes(&self) -> usize {
        self.parked_bytes
    }

    /// Lets a request wait for a place, unless all that do hold `max` bytes.
    pub(crate) fn park(
        &mut self,
        new: NewRequest<A>,
        deadline: Duration,
        message: &Message,
        options: &RequestOptions,
        max: usize,
    ) -> Option<RequestId> {
        let bytes = self.parked_bytes.saturating_add(Self::parked_size(message));
        if bytes > max {
            return None;
        }
        let parked = Box::new(Parked::new(message, options));
        let id = self.insert_unqueued(new, deadline, Some(parked));
        self.parked.push_back(id);
        self.parked_count = self.parked_count.saturating_add(1);
        self.parked_bytes = bytes;
        Some(id)
    }

    /// The one that has waited longest for a place: who it is for, and what is sent.
    pub(crate) fn next_parked(&mut self) -> Option<(RequestId, A, Message, RequestOptions)> {
        while let Some(id) = self.parked.front().copied() {
            if let Some(waiting) = self.get(id)
                && let Some(parked) = &waiting.parked
            {
                let (message, options) = parked.to_send();
                return Some((id, waiting.key.remote, message, options));
            }
            self.parked.pop_front();
        }
        None
    }

    /// Notes that it was sent, with its id or without.
    pub(crate) fn sent_parked(&mut self, id: RequestId, correlated: bool) {
        let waiting = self.waiting.get_mut(id.slot);
        let Some(waiting) = waiting.filter(|waiting| waiting.id == id) else {
            return;
        };
        let Some(parked) = waiting.parked.take() else {
            return;
        };
        waiting.correlated = correlated;
        self.unpark(Some(&parked));
        self.enqueue(id.slot);
    }

    /// Counts one no more.
    pub(super) fn unpark(&mut self, parked: Option<&Parked>) {
        let Some(parked) = parked else {
            return;
        };
        let bytes = Self::parked_size(parked.message());
        self.parked_bytes = self.parked_bytes.saturating_sub(bytes);
        self.parked_count = self.parked_count.saturating_sub(1);
        // Ids of those that were given up meanwhile do not pile up.
        if self.parked_count == 0 {
            self.parked.clear();
        } else if self.parked.len() > self.parked_count.saturating_mul(2).saturating_add(64) {
            let waiting = &self.waiting;
            self.parked.retain(|id| {
                let waiting = waiting.get(id.slot).filter(|waiting| waiting.id == *id);
                waiting.is_some_and(|waiting| waiting.parked.is_some())
            });
        }
    }
}
