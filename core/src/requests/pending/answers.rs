//! From an answer to the request that it ends.

use core::hash::Hash;

use super::{RequestId, Table, Waiting};
use crate::message::{MessageType, types};
use crate::plugin::Layer;

/// What a request that an answer names has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It waits, and the message may answer it.
    Waits,
    /// It waits, and the message is no answer to it.
    Elsewhere,
    /// It has ended.
    Ended,
    /// There never was one.
    Nobody,
}

impl<A: Copy + Eq + Hash> Table<A> {
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
        let queue = self.queues.find(remote, uri)?;
        let only_uncorrelated = correlates && queue.first != queue.last;
        let mut at = Some(queue.first);
        let mut fallback = None;
        while let Some(waiting) = at.and_then(|slot| self.waiting.get(slot)) {
            if only_uncorrelated && waiting.correlated {
                at = waiting.next;
                continue;
            }
            if waiting.expects(message_type) {
                return Some(waiting.id);
            }
            if fallback.is_none() && message_type.is_answer() {
                fallback = Some(waiting.id);
            }
            at = waiting.next;
        }
        fallback
    }

    /// What has become of the request that a message of this type from `remote`
    /// names.
    pub(crate) fn named(&self, id: RequestId, remote: A, message_type: MessageType) -> Lookup {
        match self.get(id) {
            // Its id is known to nobody.
            Some(waiting) if waiting.parked.is_some() => Lookup::Nobody,
            Some(waiting) => {
                let answers = waiting.expects(message_type) || message_type.is_answer();
                match waiting.key.remote == remote && answers {
                    true => Lookup::Waits,
                    false => Lookup::Elsewhere,
                }
            }
            None if id.serial < self.next_serial => Lookup::Ended,
            None => Lookup::Nobody,
        }
    }

    /// The uri of a request, which its answer names again.
    pub(crate) fn uri(&self, id: RequestId) -> Option<&[u8]> {
        self.get(id).map(|waiting| &waiting.key.uri[..])
    }

    /// The remote of a request that carries its id.
    pub(crate) fn remote_of_correlated(&self, id: RequestId) -> Option<A> {
        let waiting = self.get(id).filter(|waiting| waiting.correlated)?;
        Some(waiting.key.remote)
    }

    /// The request that an error of `remote` without a uri answers: the only one, or the
    /// oldest where that is a placeholder and one caller at most waits. It is nobody's
    /// where it could be that of one caller or another.
    pub(crate) fn anonymous(&self, remote: A) -> Option<RequestId> {
        let waiting = self.waiting.iter().map(|(_, waiting)| waiting);
        let its = waiting.filter(|one| one.key.remote == remote && one.parked.is_none());
        let (mut oldest, mut wanted, mut all) = (None::<&Waiting<A>>, 0_usize, 0_usize);
        for one in its {
            all = all.saturating_add(1);
            wanted = wanted.saturating_add(usize::from(!one.abandoned));
            if oldest.is_none_or(|oldest| one.id < oldest.id) {
                oldest = Some(one);
            }
        }
        let is_meant = |oldest: &&Waiting<A>| all == 1 || oldest.abandoned && wanted <= 1;
        oldest.filter(is_meant).map(|oldest| oldest.id)
    }

    /// The inner layer of a request, which its answer has to pass.
    pub(crate) fn inner(&self, id: RequestId) -> Option<&Layer> {
        self.get(id).map(|waiting| &waiting.inner)
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Waiting<A>> {
        self.waiting.get(id.slot).filter(|waiting| waiting.id == id)
    }
}

impl<A> Waiting<A> {
    /// Whether a peer that follows the protocol answers this request so.
    fn expects(&self, answer: MessageType) -> bool {
        if self.also == Some(answer) || answer.is_error() {
            return true;
        }
        let usual = match self.request {
            types::REQUEST_URI => types::RESPOND_URI,
            types::SUBSCRIBE_URI => types::CONFIRM_SUBSCRIBE,
            types::UNSUBSCRIBE_URI => types::CONFIRM_UNSUBSCRIBE,
            _ => types::OK,
        };
        answer == usual
    }
}
