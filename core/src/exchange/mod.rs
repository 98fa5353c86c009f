//! What links over streams and over datagrams have in common: messages are
//! sealed and opened, answers find their requests, and the rest its handlers.

mod dispatch;
mod opening;
mod sealing;
mod sort;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::hash::Hash;

use rand_core::CryptoRng;

pub(crate) use self::dispatch::{Failed, Found, Otherwise, Target};
pub(crate) use self::sort::Sorted;

use crate::config::{LinkConfig, Role};
use crate::cookies::{self, CookieFields};
use crate::correlation::CorrelationIds;
use crate::error::{CloseReason, RequestError, SendError};
use crate::hashes::HashSet;
use crate::limits::Limits;
use crate::message::Message;
use crate::now::Now;
use crate::options::RequestOptions;
use crate::place::Place;
use crate::plugin::{Direction, KnownPeers};
use crate::requests::{Doubt, NewRequest, Pending, RequestId};
use crate::seal::Sealer;
use crate::shared::SharedNode;

/// The state of one link that does not depend on its transport. `A` tells the
/// remotes apart: nothing where there is only one.
pub(crate) struct Exchange<A> {
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) role: Role,
    /// The random number of a peer, where messages go between equals.
    number: u64,
    pub(crate) pending: Pending<A>,
    pub(crate) now: Now,
    rng: Box<dyn CryptoRng + Send>,
    /// Once a plugin has sealed something.
    sealer: Option<Box<Sealer>>,
    /// Once a request has carried its id.
    ids: Option<CorrelationIds>,
    /// Remotes that have repeated one, as many as may be remembered; none before the first.
    correlating: Option<Box<HashSet<A>>>,
    /// One of them, looked at first.
    last_correlating: Option<A>,
    /// A plugin of the outer layer writes the field for ids.
    field_clash: bool,
    /// There is no outer layer, and frames are in netaio's own format.
    plain: bool,
    /// The peers at both ends, where the node knows the link's no more.
    kept_peers: Option<Box<KnownPeers>>,
    /// Cookies are given and repeated, and no plugin of the outer layer writes their fields.
    cookies: bool,
}

/// The fields of one frame that are the link's.
#[derive(Clone, Copy)]
struct LinkFields<'a> {
    /// The correlation id, packed.
    id: Option<&'a [u8]>,
    cookies: CookieFields<'a>,
}

impl<A: Copy + Eq + Hash> Exchange<A> {
    pub(crate) fn new(
        now: Now,
        config: Arc<LinkConfig>,
        role: Role,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        let number = match (role, config.between()) {
            (Role::Client | Role::Server, _) => 0,
            (Role::Peer, Some(Direction::Between { node })) => node,
            (Role::Peer, _) => rng.next_u64(),
        };
        Self {
            number,
            field_clash: config.outer.writes(config.correlation.field()),
            plain: config.outer.is_empty() && config.wire.codec.is_netaio(),
            cookies: role == Role::Peer && config.cookies && !cookies::clash(&config.outer),
            kept_peers: None,
            ids: None,
            correlating: None,
            last_correlating: None,
            config,
            role,
            pending: Pending::new(match role {
                Role::Client | Role::Server => Doubt::Minute,
                Role::Peer => Doubt::First,
            }),
            now,
            rng,
            sealer: None,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.wire.limits
    }

    /// Ends the next request whose time is up; placeholders without a word.
    pub(crate) fn next_timed_out(&mut self) -> Option<(RequestId, RequestError)> {
        let (id, timeout) = self.pending.timed_out(self.now.monotonic)?;
        let error = match self.pending.is_parked(id) {
            true => self.too_many_requests().into(),
            false => RequestError::TimedOut(timeout),
        };
        self.cancel(id);
        Some((id, error))
    }

    /// Ends the next request that waits, for the link closes.
    pub(crate) fn next_closed(
        &mut self,
        reason: &CloseReason,
    ) -> Option<(RequestId, RequestError)> {
        let mut ended = core::iter::from_fn(|| self.pending.pop());
        let ended = ended.find(|ended| !ended.abandoned)?;
        let reason = reason.clone();
        let error = match ended.sent {
            true => RequestError::Closed(reason),
            false => SendError::Closed(reason).into(),
        };
        Some((ended.id, error))
    }

    /// Whether one request more may be sent.
    pub(crate) fn has_place(&self) -> bool {
        self.pending.sent() < self.limits().pending_requests()
    }

    /// Whether a request that waits for a place has one.
    pub(crate) fn may_send_parked(&self) -> bool {
        self.pending.has_parked() && self.has_place()
    }

    /// Lets a request wait for a place if there is none, or others wait for one; an error if
    /// it does not want to, or what waits holds too much.
    pub(crate) fn park(
        &mut self,
        remote: A,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<Option<RequestId>, SendError> {
        if self.has_place() && !self.pending.has_parked() {
            return Ok(None);
        }
        if options.fails_fast() {
            return Err(self.too_many_requests());
        }
        let max = self.limits().outbound_queue();
        let new = NewRequest::new(remote, message, options, false);
        let deadline = self.now.deadline(options.timeout());
        let parked = self.pending.park(new, deadline, message, options, max);
        parked.map(Some).ok_or_else(|| self.too_many_requests())
    }

    fn too_many_requests(&self) -> SendError {
        SendError::TooManyRequests {
            max: self.limits().pending_requests(),
        }
    }

    /// Lets a request that was sent, `correlated` by its id or not, wait for its answer.
    pub(crate) fn await_answer(
        &mut self,
        remote: A,
        message: &Message,
        options: &RequestOptions,
        correlated: bool,
    ) -> RequestId {
        let new = NewRequest::new(remote, message, options, correlated);
        self.pending
            .insert(new, self.now.deadline(options.timeout()))
    }

    /// Gives a request up. Its answer will be known by its id, if the remote
    /// repeats ids; else a placeholder waits for it, or another request would get it.
    pub(crate) fn cancel(&mut self, request: RequestId) {
        let remote = self.pending.remote_of_correlated(request);
        if remote.is_some_and(|remote| self.is_correlating(remote)) {
            self.pending.remove(request);
            return;
        }
        let max = self.limits().pending_requests();
        self.pending
            .leave_placeholder(self.now.monotonic, request, max);
    }

    /// Keeps the peers at both ends of a link in mind, of which the node is to forget one:
    /// what was asked for is still answered.
    pub(crate) fn keep_peers(&mut self, node: &mut impl SharedNode, at: Place) {
        self.kept_peers = Some(Box::new(node.known_peers(at)));
    }

    /// Which way the messages go that are sent here.
    fn outbound(&self) -> Direction {
        match self.role {
            Role::Client => Direction::ToServer,
            Role::Server => Direction::ToClient,
            Role::Peer => Direction::Between { node: self.number },
        }
    }

    /// Which way the messages go that come here.
    fn inbound(&self) -> Direction {
        match self.outbound() {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
            same => same,
        }
    }

    /// The generator of the link.
    pub(crate) fn rng(&mut self) -> &mut dyn CryptoRng {
        &mut *self.rng
    }

    /// Whether cookies are given and repeated.
    pub(crate) fn has_cookies(&self) -> bool {
        self.cookies
    }
}
