//! The waiting requests of a link, which has none as long as it has made none.

use alloc::boxed::Box;
use core::hash::Hash;
use core::time::Duration;

use super::{Doubt, Ended, Lookup, NewRequest, RequestId, Table};
use crate::message::{Message, MessageType};
use crate::options::RequestOptions;
use crate::plugin::Layer;

/// The waiting requests of one link. Most links of a server never ask: they have no table.
#[derive(Debug)]
pub(crate) struct Pending<A> {
    doubt: Doubt,
    table: Option<Box<Table<A>>>,
}

impl<A: Copy + Eq + Hash> Pending<A> {
    pub(crate) const fn new(doubt: Doubt) -> Self {
        Self { doubt, table: None }
    }

    fn table(&mut self) -> &mut Table<A> {
        let doubt = self.doubt;
        self.table
            .get_or_insert_with(|| Box::new(Table::new(doubt)))
    }

    /// Whether no request was ever made.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.table.is_none()
    }

    /// The name of the request that is inserted next.
    pub(crate) fn next_id(&self) -> RequestId {
        let first = RequestId { serial: 0, slot: 0 };
        self.table.as_ref().map_or(first, |table| table.next_id())
    }

    /// Puts a request behind those to the same remote for the same uri.
    pub(crate) fn insert(&mut self, new: NewRequest<A>, deadline: Duration) -> RequestId {
        self.table().insert(new, deadline)
    }

    /// The request that a message of this type and uri from `remote` answers:
    /// the first in the queue that expects the type, or else the first that any
    /// answer can end. From a remote that `correlates` it answers none that has
    /// an id, unless there is no other in the queue.
    pub(crate) fn find(
        &self,
        remote: A,
        message_type: MessageType,
        uri: &[u8],
        correlates: bool,
    ) -> Option<RequestId> {
        let table = self.table.as_ref()?;
        table.find(remote, message_type, uri, correlates)
    }

    /// What has become of the request that a message of this type from `remote`
    /// names.
    pub(crate) fn named(&self, id: RequestId, remote: A, message_type: MessageType) -> Lookup {
        match &self.table {
            Some(table) => table.named(id, remote, message_type),
            None => Lookup::Nobody,
        }
    }

    /// The uri of a request, which its answer names again.
    pub(crate) fn uri(&self, id: RequestId) -> Option<&[u8]> {
        self.table.as_ref()?.uri(id)
    }

    /// The remote of a request that carries its id.
    pub(crate) fn remote_of_correlated(&self, id: RequestId) -> Option<A> {
        self.table.as_ref()?.remote_of_correlated(id)
    }

    /// The request that an error of `remote` without a uri answers: the only one, or the
    /// oldest where that is a placeholder and one caller at most waits. It is nobody's
    /// where it could be that of one caller or another.
    pub(crate) fn anonymous(&self, remote: A) -> Option<RequestId> {
        self.table.as_ref()?.anonymous(remote)
    }

    /// The inner layer of a request, which its answer has to pass.
    pub(crate) fn inner(&self, id: RequestId) -> Option<&Layer> {
        self.table.as_ref()?.inner(id)
    }

    /// Keeps what is sent again, unless it would be more than `max` bytes with what is kept
    /// already.
    pub(crate) fn keep(
        &mut self,
        id: RequestId,
        message: &Message,
        options: RequestOptions,
        max: usize,
    ) {
        self.table().keep(id, message, options, max);
    }

    /// Whether a request may be sent again.
    pub(crate) fn may_repeat(&self, id: RequestId) -> bool {
        let table = self.table.as_ref();
        table.is_some_and(|table| table.may_repeat(id))
    }

    /// What is to be sent again, if it may be.
    pub(crate) fn take_repeat(&mut self, id: RequestId) -> Option<(Message, RequestOptions)> {
        self.table.as_mut()?.take_repeat(id)
    }

    /// Ends a request and takes it out of its queue.
    pub(crate) fn remove(&mut self, id: RequestId) -> Option<Ended> {
        self.table.as_mut()?.remove(id)
    }

    /// Requests whose caller waits.
    pub(crate) fn wanted(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.wanted())
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&mut self) -> Option<Duration> {
        self.table.as_mut()?.deadline()
    }

    /// Whether a request waits for a place.
    pub(crate) fn is_parked(&self, id: RequestId) -> bool {
        let table = self.table.as_ref();
        table.is_some_and(|table| table.is_parked(id))
    }

    /// A request whose deadline has come, with its timeout. Its caller waits no more.
    /// Placeholders whose time is up are removed.
    pub(crate) fn timed_out(&mut self, now: Duration) -> Option<(RequestId, Duration)> {
        self.table.as_mut()?.timed_out(now)
    }

    /// Ends any one request, oldest slot first.
    pub(crate) fn pop(&mut self) -> Option<Ended> {
        self.table.as_mut()?.pop()
    }

    /// Leaves a placeholder of a request whose caller waits no more: as long again as its
    /// timeout behind its deadline, at least 10 s and at most 60 s. Of more than `max`, or
    /// of those with too many bytes, the oldest give way.
    pub(crate) fn leave_placeholder(&mut self, now: Duration, id: RequestId, max: usize) {
        if let Some(table) = &mut self.table {
            table.leave_placeholder(now, id, max);
        }
    }

    /// Notes that the answer to a request came without its id: what is in doubt of it is so
    /// of the next one in its queue.
    pub(crate) fn pass_doubt(&mut self, id: RequestId) {
        if let Some(table) = &mut self.table {
            table.pass_doubt(id);
        }
    }

    /// Removes the placeholders of requests with ids: `remote` repeats them.
    pub(crate) fn remove_correlated_placeholders(&mut self, remote: A) {
        if let Some(table) = &mut self.table {
            table.remove_correlated_placeholders(remote);
        }
    }

    /// Requests that were sent and wait for answers.
    pub(crate) fn sent(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.sent())
    }

    /// Whether requests wait for a place.
    pub(crate) fn has_parked(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_parked())
    }

    /// The memory that those hold, in bytes.
    pub(crate) fn parked_bytes(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.parked_bytes())
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
        self.table().park(new, deadline, message, options, max)
    }

    /// The one that has waited longest for a place: who it is for, and what is sent.
    pub(crate) fn next_parked(&mut self) -> Option<(RequestId, A, Message, RequestOptions)> {
        self.table.as_mut()?.next_parked()
    }

    /// Notes that it was sent, with its id or without.
    pub(crate) fn sent_parked(&mut self, id: RequestId, correlated: bool) {
        if let Some(table) = &mut self.table {
            table.sent_parked(id, correlated);
        }
    }

    /// Notes the datagram that a request was last sent as.
    pub(crate) fn sent_as(&mut self, request: RequestId, datagram: &[u8]) {
        if let Some(table) = &mut self.table {
            table.sent_as(request, datagram);
        }
    }

    /// The request to `remote`, the oldest of several, whose datagram is quoted.
    pub(crate) fn quoted(&self, remote: A, quoted: &[u8]) -> Option<RequestId> {
        self.table.as_ref()?.quoted(remote, quoted)
    }
}
