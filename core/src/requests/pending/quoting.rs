//! Which request's datagram the network quotes.

use alloc::boxed::Box;
use core::hash::Hash;

use super::beginning::Beginning;
use super::{RequestId, Table, Waiting};

impl<A: Copy + Eq + Hash> Table<A> {
    /// Notes the datagram that a request was last sent as.
    pub(crate) fn sent_as(&mut self, request: RequestId, datagram: &[u8]) {
        if let Some(waiting) = self.waiting.get_mut(request.slot)
            && waiting.id == request
        {
            waiting.beginning = Some(Box::new(Beginning::of(datagram)));
        }
    }

    /// The request to `remote`, the oldest of several, whose datagram is quoted.
    pub(crate) fn quoted(&self, remote: A, quoted: &[u8]) -> Option<RequestId> {
        let is_quoted = |waiting: &Waiting<A>| {
            let beginning = waiting.beginning.as_ref();
            waiting.key.remote == remote && beginning.is_some_and(|it| it.is_in(quoted))
        };
        let all = self.waiting.iter().map(|(_, waiting)| waiting);
        let found = all.filter(|waiting| is_quoted(waiting));
        found.map(|waiting| waiting.id).min()
    }
}
