//! What links over streams and over datagrams have in common: messages are
//! sealed and opened, answers find their requests, and the rest its handlers.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;
use core::net::SocketAddr;

use bytes::Bytes;
use rand_core::CryptoRng;

use crate::error::{OpenError, SealError, SendError};
use crate::frame::SealedMessage;
use crate::limits::Limits;
use crate::link::{
    Answer, Dispatched, FailedCheck, Inbound, LinkConfig, Refusal, ReplyToken, RequestOptions,
    Role, Router, SendOptions,
};
use crate::message::Message;
use crate::now::Now;
use crate::plugin::{KnownPeers, Layer, OpenContext, PeerDirectory, SealContext};
use crate::requests::{NewRequest, Pending, RequestId};
use crate::seal::Sealer;

/// The state of one link that does not depend on its transport. `A` tells the
/// remotes apart: nothing where there is only one.
pub(crate) struct Exchange<A> {
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) pending: Pending<A>,
    pub(crate) now: Now,
    pub(crate) directory: Option<Arc<dyn PeerDirectory>>,
    rng: Box<dyn CryptoRng + Send>,
    sealer: Sealer,
}

/// What a message that passed the outer layer turned out to be.
pub(crate) enum Sorted {
    /// It answers no request.
    Message(SealedMessage),
    /// It ended a request, whose caller waits for it.
    Answered(RequestId, Answer),
    /// It ended a request that nobody waits for.
    Nothing,
    /// It would have ended one, and did not pass the request's inner layer.
    Refused(Refusal),
}

/// A message that did not pass a layer.
pub(crate) struct Failed {
    pub(crate) refusal: Refusal,
    /// What its sender is told, sealed by no plugin.
    pub(crate) answer: Option<Box<Message>>,
}

impl<A: Copy + Eq + Hash> Exchange<A> {
    pub(crate) fn new(now: Now, config: Arc<LinkConfig>, rng: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            config,
            pending: Pending::new(),
            now,
            directory: None,
            rng,
            sealer: Sealer::new(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.wire.limits
    }

    /// Appends a sealed frame to `out`, with the config's outer layer unless
    /// there is one in its place.
    pub(crate) fn seal(
        &mut self,
        remote: Option<SocketAddr>,
        message: &Message,
        outer: Option<&Layer>,
        inner: &Layer,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let outer = outer.unwrap_or(&self.config.outer);
        let known = KnownPeers::wanted([outer, inner], self.directory.as_deref(), remote);
        let mut context = SealContext {
            now: self.now,
            rng: &mut *self.rng,
            peers: known.context(),
        };
        let wire = &self.config.wire;
        self.sealer
            .seal(wire, outer, inner, message, &mut context, out)
    }

    /// Seals what the caller sends.
    pub(crate) fn seal_send(
        &mut self,
        remote: Option<SocketAddr>,
        message: &Message,
        options: &SendOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.config.check_inner(options.inner())?;
        let outer = options.outer(&self.config.outer);
        self.seal(remote, message, Some(&outer), options.inner(), out)
    }

    /// Refuses a request where too many wait.
    pub(crate) fn check_pending(&self) -> Result<(), SendError> {
        let max = self.limits().pending_requests();
        match self.pending.len() >= max {
            true => Err(SendError::TooManyRequests { max }),
            false => Ok(()),
        }
    }

    /// Lets a request that was sent wait for its answer.
    pub(crate) fn await_answer(
        &mut self,
        remote: A,
        message: &Message,
        options: &RequestOptions,
    ) -> RequestId {
        let new = NewRequest::new(remote, message, options);
        self.pending
            .insert(new, self.now.deadline(options.timeout()))
    }

    fn open(
        &self,
        sealed: &mut SealedMessage,
        layer: &Layer,
        remote: Option<SocketAddr>,
    ) -> Result<(), OpenError> {
        let known = KnownPeers::wanted([layer], self.directory.as_deref(), remote);
        let context = OpenContext {
            now: self.now,
            peers: known.context(),
        };
        sealed.open(layer, &self.config.wire, &context)
    }

    /// Opens the outer layer.
    pub(crate) fn open_outer(
        &self,
        sealed: &mut SealedMessage,
        remote: Option<SocketAddr>,
    ) -> Result<(), OpenError> {
        self.open(sealed, &self.config.outer, remote)
    }

    /// Routes a message that passed the outer layer: to the request that it
    /// answers, or to the caller.
    pub(crate) fn sort(
        &mut self,
        mut sealed: SealedMessage,
        remote: A,
        address: Option<SocketAddr>,
    ) -> Sorted {
        let request = self
            .pending
            .find(remote, sealed.message_type(), sealed.uri());
        let Some(request) = request else {
            return self.sort_anonymous(sealed, remote);
        };
        let inner = self.pending.inner(request).cloned().unwrap_or_default();
        match self.open(&mut sealed, &inner, address) {
            Ok(()) => self.answered(request, sealed.into_message(), true),
            Err(error) => Sorted::Refused(Refusal::Answer { request, error }),
        }
    }

    /// netaio's own errors name no uri: where one request waits, it is meant.
    fn sort_anonymous(&mut self, sealed: SealedMessage, remote: A) -> Sorted {
        let anonymous = sealed.message_type().is_error() && matches!(sealed.uri(), b"" | b"ERROR");
        match anonymous.then(|| self.pending.only(remote)).flatten() {
            Some(request) => self.answered(request, sealed.into_message(), true),
            None => Sorted::Message(sealed),
        }
    }

    fn answered(&mut self, request: RequestId, message: Message, verified: bool) -> Sorted {
        match self.pending.remove(request) {
            Some(ended) if !ended.abandoned => {
                Sorted::Answered(request, Answer { message, verified })
            }
            _ => Sorted::Nothing,
        }
    }

    /// An error that did not pass the outer layer. netaio seals none of the
    /// errors that it sends for failed checks; whoever could forge one on a
    /// stream could as well cut it. So it ends the one request that waits,
    /// marked as unverified.
    pub(crate) fn sort_unopened(
        &mut self,
        sealed: SealedMessage,
        remote: A,
        error: OpenError,
    ) -> Result<Sorted, Failed> {
        if self.config.role == Role::Client && sealed.message_type().is_error() {
            let message_type = sealed.message_type();
            let message = sealed.into_message();
            let anonymous = message.is_anonymous_error();
            return Ok(
                match anonymous.then(|| self.pending.only(remote)).flatten() {
                    Some(request) => self.answered(request, message, false),
                    None => Sorted::Refused(Refusal::Open {
                        message_type,
                        error,
                    }),
                },
            );
        }
        Err(self.failed(&self.config.outer, &sealed, error))
    }

    /// What a failed check leads to.
    fn failed(&self, layer: &Layer, sealed: &SealedMessage, error: OpenError) -> Failed {
        let message_type = sealed.message_type();
        let answer = match error {
            OpenError::Auth(failure) if self.config.role != Role::Client => {
                let check = FailedCheck {
                    message_type,
                    failure,
                };
                let plugin = layer.auth().map(|auth| auth.error());
                self.config.auth_error.answer(check, plugin).map(Box::new)
            }
            _ => None,
        };
        Failed {
            refusal: Refusal::Open {
                message_type,
                error,
            },
            answer,
        }
    }

    /// Finds the handler of a message and opens the handler's inner layer. See
    /// [`Link::dispatch`](crate::Link::dispatch).
    pub(crate) fn dispatch<R: Router>(
        &self,
        mut inbound: Inbound,
        router: &mut R,
    ) -> Result<Dispatched<R::Handler>, Failed> {
        let outer_verifies = self.config.outer.auth().is_some();
        loop {
            let reply = |inner: Layer| ReplyToken {
                remote: inbound.remote,
                request: inbound.sealed.message_type(),
                uri: Bytes::new(),
                verified: outer_verifies || inner.auth().is_some(),
                inner,
            };
            let Some(route) = router.route(&inbound) else {
                let mut reply = reply(Layer::default());
                let message = inbound.sealed.into_message();
                reply.uri = message.uri.clone();
                return Ok(Dispatched::Unrouted { message, reply });
            };
            let mut reply = reply(route.inner.clone());
            // Should somebody else take the handler, the message is routed
            // again, and must then be as it was.
            let again = route
                .one_time
                .and(route.inner.cipher())
                .map(|_| inbound.sealed.clone());
            if let Err(error) = self.open(&mut inbound.sealed, &route.inner, inbound.remote) {
                return Err(self.failed(&route.inner, &inbound.sealed, error));
            }
            if route.one_time.is_some_and(|id| !router.take(id)) {
                if let Some(sealed) = again {
                    inbound.sealed = sealed;
                }
                continue;
            }
            let message = inbound.sealed.into_message();
            reply.uri = message.uri.clone();
            return Ok(Dispatched::Call {
                handler: route.handler,
                message,
                reply,
            });
        }
    }
}
