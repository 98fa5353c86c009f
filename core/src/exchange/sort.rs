//! From a message to the request that it answers.

use super::{Exchange, Failed};
use crate::config::Role;
use crate::cookies;
use crate::error::{OpenError, RequestError};
use crate::events::{Refusal, Response};
use crate::frame::SealedMessage;
use crate::hashes::HashSet;
use crate::message::{Message, MessageType, NotHandled};
use crate::place::Place;
use crate::plugin::Layer;
use crate::requests::{Lookup, RequestId};
use crate::shared::SharedNode;
use alloc::boxed::Box;
use bytes::Bytes;
use core::hash::Hash;

/// What a message that passed the outer layer turned out to be.
pub(crate) enum Sorted {
    /// It answers no request, and is left where it is.
    Message,
    /// It ended a request, whose caller waits for it.
    Answered(RequestId, Response),
    /// It ended a request, and says that it was not handled.
    Failed(RequestId, RequestError),
    /// It asks that a request be sent again, with this cookie.
    AskedAgain(RequestId, Bytes),
    /// It ended a request that nobody waits for.
    Nothing,
    /// It would have ended one, and did not pass the request's inner layer.
    Refused(Refusal),
    /// It names a request that it does not end. That is nobody's failure.
    Unawaited(Refusal),
}

/// Which layers an answer has passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passed {
    Both,
    /// An error that names no uri, which netaio seals with no inner layer.
    Outer,
    None,
}

impl<A: Copy + Eq + Hash> Exchange<A> {
    /// Routes a message that passed the outer layer: to the request that it
    /// answers, or to the caller.
    #[inline(always)]
    pub(crate) fn sort(
        &mut self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        remote: A,
        from: impl FnOnce() -> Place,
    ) -> Sorted {
        match self.ids.is_none() && self.pending.is_unused() {
            // Who has never asked gets no answers.
            true => Sorted::Message,
            false => self.sort_among_requests(node, sealed, remote, from()),
        }
    }

    #[inline(never)]
    fn sort_among_requests(
        &mut self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        remote: A,
        from: Place,
    ) -> Sorted {
        let mut repeats = false;
        if self.ids.is_some() {
            if let Some(request) = self.correlated_request(sealed) {
                return self.sort_correlated(node, sealed, request, (remote, from));
            }
            repeats = self.is_correlating(remote);
        }
        let request = self
            .pending
            .find(remote, sealed.message_type(), sealed.uri(), repeats);
        let Some(request) = request else {
            return self.sort_anonymous(sealed, remote);
        };
        let inner = self.pending.inner(request).cloned().unwrap_or_default();
        match self.open(node, sealed, &inner, from) {
            Ok(()) => {
                self.pending.pass_doubt(request);
                self.answered(request, sealed.take_message(), Passed::Both)
            }
            Err(error) => Sorted::Refused(Refusal::Answer { request, error }),
        }
    }

    /// The request whose id a message carries, or one that there never was where
    /// the id is none of ours.
    fn correlated_request(&self, sealed: &SealedMessage) -> Option<RequestId> {
        let ids = self.ids.as_ref()?;
        let field = sealed.auth().get_packed(self.config.correlation.field())?;
        Some(ids.request(field))
    }

    /// Routes a message with an id. It ends the request of that id or none, and
    /// where it ends none it is dropped if it is an answer.
    fn sort_correlated(
        &mut self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        request: RequestId,
        (remote, from): (A, Place),
    ) -> Sorted {
        let message_type = sealed.message_type();
        let may_answer = message_type.is_answer();
        let custom = message_type.value() >= MessageType::FIRST_CUSTOM;
        let unawaited = Sorted::Unawaited(Refusal::Unawaited { message_type });
        match self.pending.named(request, remote, message_type) {
            Lookup::Waits => {}
            Lookup::Ended if may_answer || custom => return unawaited,
            Lookup::Nobody if may_answer => return unawaited,
            // A request of the remote's with an id of its own, or no answer.
            _ => return Sorted::Message,
        }
        // An inner layer may hide the uri until it is opened.
        let mut passed = Passed::Outer;
        if !is_anonymous(sealed) || self.pending.uri(request) == Some(sealed.uri()) {
            let inner = self.pending.inner(request).cloned().unwrap_or_default();
            if let Err(error) = self.open(node, sealed, &inner, from) {
                return Sorted::Refused(Refusal::Answer { request, error });
            }
            if self.pending.uri(request) != Some(sealed.uri()) {
                return unawaited;
            }
            passed = Passed::Both;
        }
        self.note_correlating(remote);
        match self.answered(request, sealed.take_message(), passed) {
            // Its caller waits no more.
            Sorted::Nothing => unawaited,
            // Without an id it could be the late answer to another one.
            Sorted::Answered(request, answer) if NotHandled::is_said_by(&answer.message) => {
                let text = Bytes::copy_from_slice(&answer.message.content);
                Sorted::Failed(request, RequestError::Refused(text))
            }
            sorted => sorted,
        }
    }

    /// Whether a remote has repeated an id.
    #[inline]
    pub(super) fn is_correlating(&self, remote: A) -> bool {
        let known = self.correlating.as_ref();
        known.is_some_and(|known| known.contains(&remote))
    }

    /// Notes that a remote has repeated an id.
    #[inline]
    fn note_correlating(&mut self, remote: A) {
        // The one that did last, which is all that there are over a stream.
        if self.last_correlating == Some(remote) {
            return;
        }
        if self.is_correlating(remote) {
            self.last_correlating = Some(remote);
            return;
        }
        let max = self.limits().peers();
        let hashes = || Box::new(HashSet::with_hasher(self.config.hashes()));
        let known = self.correlating.get_or_insert_with(hashes);
        if known.len() < max {
            known.insert(remote);
            self.pending.remove_correlated_placeholders(remote);
        }
    }

    /// netaio's own errors name no uri: where one request waits, it is meant.
    fn sort_anonymous(&mut self, sealed: &mut SealedMessage, remote: A) -> Sorted {
        let meant = is_anonymous(sealed).then(|| self.pending.anonymous(remote));
        match meant.flatten() {
            Some(request) => self.answered(request, sealed.take_message(), Passed::Outer),
            None => Sorted::Message,
        }
    }

    fn answered(&mut self, request: RequestId, message: Message, passed: Passed) -> Sorted {
        if self.cookies
            && passed != Passed::None
            && message.message_type == MessageType::ERROR
            && let Some(cookie) = cookies::Given::of(message.auth.view())
            && cookie.instead_of_an_answer
            && self.pending.may_repeat(request)
        {
            return Sorted::AskedAgain(request, Bytes::copy_from_slice(cookie.cookie));
        }
        let verified = match passed {
            Passed::Both => true,
            Passed::Outer => {
                let inner = self.pending.inner(request);
                self.config.outer.authenticates() || inner.is_none_or(Layer::is_empty)
            }
            Passed::None => false,
        };
        match self.pending.remove(request) {
            Some(ended) if !ended.abandoned => {
                Sorted::Answered(request, Response { message, verified })
            }
            _ => Sorted::Nothing,
        }
    }

    /// An error that did not pass the outer layer. netaio seals none of the
    /// errors that it sends for failed checks; whoever could forge one on a
    /// stream could as well cut it. So it ends the request that it names, or else
    /// the one request that waits, correlated as unverified.
    pub(crate) fn sort_unopened(
        &mut self,
        sealed: &mut SealedMessage,
        remote: A,
        error: OpenError,
        may_answer: &mut dyn FnMut() -> bool,
    ) -> Result<Sorted, Failed> {
        let message_type = sealed.message_type();
        if self.role != Role::Client || !message_type.is_error() {
            return Err(self.failed(&self.config.outer, sealed, error, may_answer));
        }
        let ends = |request| self.pending.named(request, remote, message_type) == Lookup::Waits;
        let request = match self.correlated_request(sealed) {
            _ if !is_anonymous(sealed) => None,
            Some(named) => Some(named).filter(|named| ends(*named)),
            None => self.pending.anonymous(remote),
        };
        Ok(match request {
            Some(request) => self.answered(request, sealed.take_message(), Passed::None),
            None => Sorted::Refused(Refusal::Open {
                message_type,
                error,
            }),
        })
    }
}

/// Whether it is an error that names no uri, as netaio's own do not.
fn is_anonymous(sealed: &SealedMessage) -> bool {
    sealed.message_type().is_error() && matches!(sealed.uri(), b"" | b"ERROR")
}
