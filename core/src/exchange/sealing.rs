//! Messages are sealed for the remotes of a link.

use alloc::vec::Vec;
use core::hash::Hash;

use super::{Exchange, LinkFields};
use crate::calls::ReplyAddress;
use crate::cookies;
use crate::cookies::CookieFields;
use crate::correlation::{CorrelationIds, PackedId};
use crate::error::SealError;
use crate::message::Message;
use crate::options::{RequestOptions, SendOptions};
use crate::place::Place;
use crate::plugin::{KnownPeers, Layer, PeerContext, SealContext};
use crate::requests::RequestId;
use crate::seal::{CorrelationField, Fields, LinkField, Plan, seal_bare};
use crate::shared::SharedNode;

impl<A: Copy + Eq + Hash> Exchange<A> {
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

    /// Seals what a handler replies. An address has an id only where replies repeat it.
    #[inline]
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
        // As most are: no plugin seals it.
        let plain = self.plain && address.inner.is_empty() && cookies.is_empty();
        if plain && message.auth.is_bare() {
            let name = self.config.correlation.field();
            let field = CorrelationField { name, id };
            return seal_bare(&self.config.wire, message, Some(field), out);
        }
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
}
