//! What links over streams and over datagrams have in common: messages are
//! sealed and opened, answers find their requests, and the rest its handlers.

mod dispatch;
mod sort;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;

use rand_core::CryptoRng;

pub(crate) use self::dispatch::{Failed, Found, Target};
pub(crate) use self::sort::Sorted;

use crate::calls::ReplyAddress;
use crate::config::{LinkConfig, Role};
use crate::cookies::{self, CookieFields};
use crate::correlation::{CorrelationIds, PackedId};
use crate::error::{CloseReason, OpenError, RequestError, SealError, SendError};
use crate::frame::SealedMessage;
use crate::hashes::HashSet;
use crate::limits::Limits;
use crate::message::Message;
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::place::Place;
use crate::plugin::{Direction, KnownPeers, Layer, OpenContext, PeerContext, SealContext};
use crate::requests::{Doubt, NewRequest, Pending, RequestId};
use crate::seal::{CorrelationField, Fields, LinkField, Plan, Sealer, seal_bare};
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

    /// Appends a sealed frame to `out`, with the config's outer layer unless
    /// there is one in its place.
    fn seal(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        message: &Message,
        (outer, inner): (Option<&Layer>, &Layer),
        fields: LinkFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let outer = outer.unwrap_or(&self.config.outer);
        let correlation = &self.config.correlation;
        let ours = correlation.requests() || correlation.replies() || self.ids.is_some();
        let correlation_field = (ours && !self.field_clash).then(|| CorrelationField {
            name: correlation.field(),
            id: fields.id,
        });
        let bare = message.auth.is_bare() && self.config.wire.codec.is_netaio();
        if bare && fields.cookies.is_empty() && outer.is_empty() && inner.is_empty() {
            return seal_bare(&self.config.wire, message, correlation_field, out);
        }
        let of_link = fields.cookies.fields();
        let of_link: &[LinkField<'_>] = match self.cookies {
            false => &[],
            true if fields.cookies.is_empty() || !cookies::clash(inner) => &of_link,
            true => &CookieFields::default().fields(),
        };
        let known = self.known_peers([outer, inner], node, to);
        let mut peers = known.as_ref().map(KnownPeers::context).unwrap_or_default();
        peers.direction = self.outbound();
        peers.place = Some(to);
        let mut context = SealContext {
            now: self.now,
            rng: &mut *self.rng,
            peers,
        };
        let plan = Plan {
            wire: &self.config.wire,
            outer,
            inner,
            fields: Fields::Fresh(correlation_field, of_link),
        };
        let sealer = self.sealer.get_or_insert_default();
        sealer.carry_out(plan, message, &mut context, out)
    }

    /// Seals an error for somebody who proved nothing: no plugin lends it its
    /// keys.
    pub(crate) fn seal_unsealed(
        &mut self,
        message: &Message,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let none = Layer::new();
        let mut context = SealContext {
            now: self.now,
            rng: &mut *self.rng,
            peers: PeerContext::default(),
        };
        let wire = &self.config.wire;
        let sealer = self.sealer.get_or_insert_default();
        sealer.seal(wire, &none, &none, message, &mut context, out)
    }

    /// Seals what the caller sends.
    pub(crate) fn seal_send(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        message: &Message,
        options: &SendOptions,
        cookies: CookieFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.config.outer.check_clash(options.inner())?;
        let outer = options.outer(&self.config.outer);
        let layers = (Some(&outer), options.inner());
        let id = None;
        self.seal(node, to, message, layers, LinkFields { id, cookies }, out)
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

    /// Seals what a handler replies.
    pub(crate) fn seal_reply(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        address: &ReplyAddress<A>,
        message: &Message,
        cookies: CookieFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let id = (!address.id.is_empty()).then_some(&address.id[..]);
        let layers = (None, &address.inner);
        self.seal(node, to, message, layers, LinkFields { id, cookies }, out)
    }

    /// Seals the request that [`await_answer`](Self::await_answer) lets wait
    /// next, and says whether it carries its id.
    pub(crate) fn seal_request(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        message: &Message,
        options: &RequestOptions,
        cookies: CookieFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, SealError> {
        let request = self.pending.next_id();
        self.seal_request_as(node, to, (request, message, options), cookies, out)
    }

    /// Seals a request under its name, and says whether it carries its id.
    pub(crate) fn seal_request_as(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        (request, message, options): (RequestId, &Message, &RequestOptions),
        cookies: CookieFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, SealError> {
        let send = options.send_options();
        let correlation = &self.config.correlation;
        let field = correlation.field();
        let wanted = options.correlation().or(correlation.requests_as_set());
        let clash = self.field_clash || send.inner().writes(field);
        if wanted == Some(true) && clash {
            return Err(SealError::FieldClash(field.into()));
        }
        let carries = wanted.unwrap_or(!clash);
        let id = carries.then(|| self.correlation_id(request)).flatten();
        let before = out.len();
        if let Some(id) = id {
            self.config.outer.check_clash(send.inner())?;
            let outer = send.outer(&self.config.outer);
            let layers = (Some(&outer), send.inner());
            let id = Some(&id[..]);
            let sealed = self.seal(node, to, message, layers, LinkFields { id, cookies }, out);
            // There may be room without it.
            if sealed.is_ok() || wanted == Some(true) {
                return sealed.map(|()| true);
            }
            out.truncate(before);
        }
        self.seal_send(node, to, message, send, cookies, out)?;
        Ok(false)
    }

    /// Lets a request that waits be [sent again](Self::seal_again) where its receiver asks
    /// for that.
    pub(crate) fn keep_request(
        &mut self,
        request: RequestId,
        message: &Message,
        options: &RequestOptions,
    ) {
        if self.cookies {
            let max = self.limits().outbound_queue();
            let correlated = self.pending.remote_of_correlated(request).is_some();
            let options = options.clone().with_correlation(correlated);
            self.pending.keep(request, message, options, max);
        }
    }

    /// Seals a request that waits once more. It is as new: with other nonces, and the same
    /// id.
    pub(crate) fn seal_again(
        &mut self,
        node: &mut impl SharedNode,
        to: Place,
        request: RequestId,
        cookies: CookieFields<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let Some((message, options)) = self.pending.take_repeat(request) else {
            return Err(SealError::Plugin("the request is sent no more"));
        };
        self.seal_request_as(node, to, (request, &message, &options), cookies, out)?;
        Ok(())
    }

    /// Whether a request that cannot carry an id is not to be sent.
    pub(crate) fn requires_id(&self, options: &RequestOptions) -> bool {
        let as_set = self.config.correlation.requests_as_set();
        options.correlation().or(as_set) == Some(true)
    }

    /// The id of a request; beyond a million that wait there is none.
    fn correlation_id(&mut self, request: RequestId) -> Option<PackedId> {
        let ids = self
            .ids
            .get_or_insert_with(|| CorrelationIds::new(&mut *self.rng));
        ids.of(request)
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

    /// Opens an inner layer.
    fn open(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        layer: &Layer,
        from: Place,
    ) -> Result<(), OpenError> {
        self.open_layer(node, sealed, layer, Some(&self.config.outer), from)
    }

    /// Opens a layer, which is within `outer` if there is one.
    fn open_layer(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        layer: &Layer,
        outer: Option<&Layer>,
        from: Place,
    ) -> Result<(), OpenError> {
        if layer.is_empty() {
            return Ok(());
        }
        let known = self.known_peers([layer], node, from);
        let mut peers = known.as_ref().map(KnownPeers::context).unwrap_or_default();
        peers.direction = self.inbound();
        peers.place = Some(from);
        peers.node = self.config.node();
        let now = self.now;
        let context = OpenContext { now, peers };
        let wire = &self.config.wire;
        let ahead = self.sealer.as_deref().map(Sealer::ahead);
        sealed.open_ahead(outer, layer, ahead, wire, &context)
    }

    /// The peers at both ends, where one of the layers wants to know them.
    fn known_peers<'a>(
        &self,
        layers: impl IntoIterator<Item = &'a Layer>,
        node: &mut impl SharedNode,
        at: Place,
    ) -> Option<KnownPeers> {
        let wanted = layers.into_iter().any(Layer::is_peer_specific);
        wanted.then(|| match &self.kept_peers {
            Some(kept) => (**kept).clone(),
            None => node.known_peers(at),
        })
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

    /// Opens the outer layer.
    #[inline]
    pub(crate) fn open_outer(
        &self,
        node: &mut impl SharedNode,
        sealed: &mut SealedMessage,
        from: Place,
    ) -> Result<(), OpenError> {
        match self.config.outer.is_empty() {
            true => Ok(()),
            false => self.open_layer(node, sealed, &self.config.outer, None, from),
        }
    }
}
