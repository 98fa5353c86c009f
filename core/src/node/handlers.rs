//! Handlers and subscriptions.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::target::Target;
use super::{Node, Routing, Transport};
use crate::datagram::MAX_DATAGRAM;
use crate::error::LayerError;
use crate::message::{Message, types};
use crate::network::Origin;
use crate::place::Place;
use crate::plugin::{CipherPlugin, Layer};
use crate::routes::{Key, KeyExtractor, RouteError};
use crate::shared::Unrouted;
use crate::subscriptions::{SubscribeError, Subscribers};

impl<H: Clone> Node<H> {
    /// Replaces netaio's keys of a message, `(type, uri, address)`,
    /// `(type, uri)` and `type`, by those that a function makes. The first key
    /// that has a handler wins, so the most specific comes first.
    pub fn set_key_extractor(&mut self, extract: KeyExtractor) {
        self.routing_mut().extract = Some(extract);
    }

    /// Registers a handler for a key, and returns the one it replaces.
    /// Messages must pass `inner` to reach it, and its replies are sealed with
    /// it.
    ///
    /// # Errors
    /// `inner` does not go with the outer layer, or hides a uri that the key names; or the key
    /// is a [pattern](Key::Pattern) that conflicts with another or is not written as one.
    /// Nothing has changed.
    pub fn on(
        &mut self,
        key: impl Into<Key>,
        handler: H,
        inner: Layer,
    ) -> Result<Option<H>, RouteError> {
        let key = key.into();
        self.check_inner(&key, &inner)?;
        let routes = &mut self.routing_mut().routes;
        routes.admit(&key)?;
        let replaced = routes.set(key, Target::Handler(handler), inner);
        Ok(replaced.and_then(Target::into_handler))
    }

    /// Registers a handler for one message, and returns the one-time handler it
    /// replaces. It goes before the permanent one of the same key.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn once(
        &mut self,
        key: impl Into<Key>,
        handler: H,
        inner: Layer,
    ) -> Result<Option<H>, RouteError> {
        let key = key.into();
        self.check_inner(&key, &inner)?;
        let routes = &mut self.routing_mut().routes;
        routes.admit(&key)?;
        let replaced = routes.set_once(key, Target::Handler(handler), inner);
        Ok(replaced.and_then(Target::into_handler))
    }

    /// The handlers as they are now. As long as somebody has this, the next change copies a part of
    /// those by keys, and all by patterns: so there are none where there are more than 256
    /// patterns, or one-time handlers. Of more than 256 keys, as many messages must have been
    /// routed since the last change as are worth that copy.
    #[must_use]
    pub fn routing(&self) -> Option<Arc<Routing<H>>> {
        const MAX: usize = 256;
        /// Keys that cost as much as a message gains that is routed beside the node.
        const GAIN: usize = 64;
        let routes = &self.routing.routes;
        let pays = routes.len() <= MAX || self.routed >= routes.len() / GAIN;
        let may = pays && routes.patterns() <= MAX && !routes.has_one_time();
        may.then(|| self.routing.clone())
    }

    /// For a change of the handlers.
    pub(super) fn routing_mut(&mut self) -> &mut Routing<H> {
        self.routed = 0;
        Routing::change(&mut self.routing)
    }

    /// Refuses an inner layer that does not go with the outer one, or that hides the uri
    /// of its key: messages are routed before they are deciphered.
    pub(super) fn check_inner(&self, key: &Key, inner: &Layer) -> Result<(), LayerError> {
        self.config.check_inner(inner)?;
        let by_uri = matches!(key, Key::Uri(..) | Key::Address(..) | Key::Pattern(..));
        match by_uri && inner.cipher().is_some_and(CipherPlugin::encrypts_uri) {
            true => Err(LayerError::HiddenUri),
            false => Ok(()),
        }
    }

    /// Removes the handler of a key.
    pub fn remove(&mut self, key: impl Into<Key>) -> Option<H> {
        self.routing_mut()
            .routes
            .remove(&key.into())?
            .into_handler()
    }

    /// Removes the one-time handler of a key.
    pub fn remove_once(&mut self, key: impl Into<Key>) -> Option<H> {
        self.routing_mut()
            .routes
            .remove_once(&key.into())?
            .into_handler()
    }

    /// Says what becomes of messages that have no handler:
    /// [`Unrouted::NotFound`] unless set. With [`Unrouted::Deliver`] a client gets its
    /// notifications as events.
    pub fn set_unrouted(&mut self, unrouted: Unrouted<H>) {
        self.routing_mut().unrouted = unrouted;
    }

    /// Subscribes and unsubscribes by itself whoever asks with `SUBSCRIBE_URI` and
    /// `UNSUBSCRIBE_URI`, and passes `inner`: to the uri, as far as the limits go. A
    /// handler of a uri goes before. Unless called, netaio's messages subscribe nobody by
    /// themselves.
    ///
    /// `PUBLISH_URI` is not served: register a handler for it, which decides who may
    /// publish what, and calls [`Hub::publish`](crate::Hub::publish).
    ///
    /// Over datagrams a sender's address is proved by nothing but an auth plugin. Without
    /// one, addresses that were forged can be subscribed, up to
    /// [`Limits::subscribers`](crate::Limits::subscribers). They are kept until they
    /// unsubscribe, leave as peers or are [removed](Self::remove_peer), or until their
    /// [leases](crate::Lease) run out, if they have named one, and each publication is sent to
    /// them. So use an auth plugin in the outer layer, or subscribe
    /// peers only, in a handler of your own.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn serve_subscriptions(&mut self, inner: Layer) -> Result<(), LayerError> {
        let keys = [types::SUBSCRIBE_URI, types::UNSUBSCRIBE_URI].map(Key::from);
        for key in keys {
            self.check_inner(&key, &inner)?;
            self.routing_mut()
                .routes
                .set(key, Target::Node, inner.clone());
        }
        Ok(())
    }

    /// Subscribes whoever is at a place, and returns the answer to say so:
    /// `CONFIRM_SUBSCRIBE`, or an `ERROR` where a limit is reached, without the key where
    /// there is no room for it.
    pub(crate) fn answer_subscribe(&mut self, key: &Bytes, who: Place) -> Message {
        let error = match self.subscribe(key, who) {
            Ok(_) => return Message::confirm_subscribe(key.clone()),
            Err(error) => error.to_string(),
        };
        let len = key.len().saturating_add(error.len());
        match len > self.config.wire.codec.max_payload() {
            true => Message::error("", error),
            false => Message::error(key.clone(), error),
        }
    }

    /// Takes a subscription back, and returns the answer to say so:
    /// `CONFIRM_UNSUBSCRIBE`, whether there was one or not.
    pub(crate) fn answer_unsubscribe(&mut self, key: &Bytes, who: Place) -> Message {
        self.unsubscribe(key, who);
        Message::confirm_unsubscribe(key.clone())
    }

    /// Subscribes whoever is at a place to a key, and says whether that was new.
    /// netaio's own messages subscribe nobody by themselves: that is what handlers
    /// do, for the [place](crate::Call::place) of their call, or
    /// [`serve_subscriptions`](Self::serve_subscriptions). The key's bytes are
    /// copied. A link that ends loses its subscriptions, and so does an address
    /// whose peer leaves.
    ///
    /// Over datagrams without an outer auth plugin nothing vouches for an address, unless
    /// it is that of a peer whose introduction passed an auth plugin, or it has shown that it
    /// receives ([`LinkConfig::cookies`](crate::LinkConfig::cookies)). Where there are as
    /// many subscriptions as may be, such an address may have to
    /// [give way](Self::poll_displaced_subscriber).
    ///
    /// # Errors
    /// A limit is reached, the key is too long to be the uri of what a subscriber is told,
    /// or the link has ended.
    pub fn subscribe(&mut self, key: &[u8], who: Place) -> Result<bool, SubscribeError> {
        let origin = self.may_subscribe(key, who)?;
        let limits = &self.config.wire.limits;
        self.subscriptions.subscribe_from(key, who, origin, limits)
    }

    /// Subscribes whoever is at a place to all keys that match a wildcard, and says whether
    /// that was new: `sensors/*/readings`, where `*` is one segment, or `sensors/**`, all that
    /// follows, one segment at least ([`Wildcards`](crate::Wildcards)). netaio knows no wildcards:
    /// a remote that asks for one asks for that very uri, until a handler decides otherwise, and
    /// calls this.
    ///
    /// A message for a key goes once to whoever has subscribed to it, by the key or by wildcards.
    /// The time to find wildcards depends on the segments of the key and the wildcards that
    /// match, not on how many there are. The limits of subscriptions are also those of wildcards,
    /// which count by themselves; a wildcard has no [lease](Self::lease).
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), or it is [no wildcard](SubscribeError::NoWildcard).
    pub fn subscribe_wildcard(
        &mut self,
        wildcard: &[u8],
        who: Place,
    ) -> Result<bool, SubscribeError> {
        let origin = self.may_subscribe(wildcard, who)?;
        let limits = &self.config.wire.limits;
        self.wildcards.subscribe_from(wildcard, who, origin, limits)
    }

    /// Takes the subscription to a wildcard back, and says whether there was one.
    pub fn unsubscribe_wildcard(&mut self, wildcard: &[u8], who: Place) -> bool {
        self.wildcards.unsubscribe(wildcard, who)
    }

    /// The number of those that are [subscribed to a wildcard](Self::subscribe_wildcard).
    #[must_use]
    pub fn wildcard_subscribers(&self, wildcard: &[u8]) -> usize {
        self.wildcards.count(wildcard)
    }

    /// The subscribers of a key and of the wildcards that it matches, where it matches any.
    pub(super) fn matching(&self, key: &[u8]) -> Option<Vec<Place>> {
        self.wildcards
            .join(key, self.subscriptions.subscribers(key))
    }

    /// Where a subscriber comes from, if it may subscribe to a key.
    fn may_subscribe(&self, key: &[u8], who: Place) -> Result<Origin, SubscribeError> {
        if !self.leads_to(who) {
            return Err(SubscribeError::NotConnected);
        }
        let limits = &self.config.wire.limits;
        let (len, max) = (key.len(), self.max_key().min(limits.subscription_key()));
        if len > max {
            return Err(SubscribeError::KeyTooLong { len, max });
        }
        let origin = match who {
            // Links have limits of their own, and one that ends loses its subscriptions.
            Place::Link { .. } => Origin {
                network: None,
                verified: true,
            },
            Place::Datagram(_) => Origin {
                network: who.network(),
                verified: self.config.outer.authenticates()
                    || self.discovery.peers().is_vouched(who)
                    || self.receiving.contains(who),
            },
        };
        Ok(origin)
    }

    /// The next subscriber that gave way to another, until it returns `None`: an address
    /// whose subscriptions were removed, all of them, to make room for those of others
    /// ([`Limits::subscribers`](crate::Limits::subscribers)). Of those that nobody asked
    /// for the last 64 are kept.
    pub fn poll_displaced_subscriber(&mut self) -> Option<Place> {
        self.subscriptions.poll_displaced()
    }

    /// The longest key: as a uri it leaves room for what layers add to a message without
    /// a content, or its subscriber could be told nothing, not even that it is subscribed.
    fn max_key(&self) -> usize {
        /// More than netaio's own plugins add in two layers, with a correlation id.
        const LAYERS: usize = 512;
        let codec = &self.config.wire.codec;
        let max = match self.transport {
            Transport::Streams => codec.max_payload(),
            Transport::Datagrams => codec.max_payload().min(MAX_DATAGRAM),
        };
        // A codec may carry less than that in all.
        let key = max.saturating_sub(LAYERS.min(max / 8));
        key.min(codec.max_uri())
    }

    /// Takes a subscription back, and says whether there was one.
    pub fn unsubscribe(&mut self, key: &[u8], who: Place) -> bool {
        self.subscriptions.unsubscribe(key, who)
    }

    /// The number of keys that somebody is subscribed to, wildcards among them.
    #[must_use]
    pub fn subscribed_keys(&self) -> usize {
        let wildcards = self.wildcards.len();
        self.subscriptions.len().saturating_add(wildcards)
    }

    /// The subscribers of a key, in the order of their subscribing; those behind them whom only
    /// [patterns](Self::subscribe_wildcard) subscribe.
    pub fn subscribers(&self, key: &[u8]) -> Subscribers<'_, Place> {
        match self.matching(key) {
            Some(all) => Subscribers::joined(all),
            None => self.subscriptions.subscribers(key),
        }
    }

    /// A number that names the [subscribers](Self::subscribers) of a key as they are since the
    /// last change: no others ever have it. None where there are none, or where some are there
    /// by [patterns](Self::subscribe_wildcard). For whoever keeps a list of them.
    #[must_use]
    pub fn subscribers_stamp(&self, key: &[u8]) -> Option<u64> {
        match self.matching(key) {
            Some(_) => None,
            None => self.subscriptions.stamp(key),
        }
    }
}
