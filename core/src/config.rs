//! What the links of one node share.

use alloc::sync::Arc;
use core::fmt;
use core::hash::BuildHasher;
use core::time::Duration;

use rand_core::CryptoRng;

use crate::correlation::Correlation;
use crate::error::{AuthFailure, LayerError, SealError};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::message::{Message, MessageType};
use crate::options::CallOptions;
use crate::plugin::{Direction, Layer};
use crate::wire::Wire;

/// Which end a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It made the connection. As in netaio it tells a server neither of a bad
    /// checksum nor of a failed check.
    Client,
    /// It accepted the connection, and answers both.
    Server,
    /// It is one of equals, as nodes that exchange datagrams are, and answers
    /// both. No error that did not pass the outer layer ends a request of its:
    /// a datagram's sender is easily forged.
    Peer,
}

/// The configuration of a [`Link`](crate::Link), shared by all links of a node.
#[derive(Clone)]
pub struct LinkConfig {
    /// Format, message types and limits.
    pub wire: Arc<Wire>,
    /// The layer that every message passes.
    pub outer: Layer,
    /// What is answered when a check fails.
    pub auth_error: AuthErrorReply,
    /// Makes the error message for a text, as netaio's `make_error_msg` does.
    pub make_error: fn(&str) -> Message,
    /// Whether requests carry ids, and whether replies repeat them.
    pub correlation: Correlation,
    /// How long handlers may run, where a call is not [told](crate::Link::set_call_options)
    /// otherwise.
    pub calls: CallOptions,
    /// This node's random numbers: [`with_seed`](Self::with_seed) draws them.
    pub seed: Option<NodeSeed>,
    /// Whether nodes over datagrams give and repeat cookies; they do unless this is `false`. A
    /// cookie that is repeated shows that its sender receives at its address, and lifts the
    /// budgets of bytes and of answers that are for [those who have not shown
    /// it](crate::Limits::unvalidated_burst). Only nodes of this implementation repeat any.
    pub cookies: bool,
    /// The [lease](crate::Lease) that subscriptions of this node ask for over datagrams, whole
    /// seconds; 30. They are renewed at a third of what is granted. `None`: they ask for
    /// none, as netaio's, and last until they are ended, or the server is.
    pub lease: Option<Duration>,
}

/// Random numbers of one node: secret keys for its tables, so that no remote knows which
/// entries share a place in one, by which its times are [spread](crate::ManagementConfig::with_jitter)
/// too, and a number that tells its
/// [covers](crate::plugin::Cover) over datagrams from other nodes'.
#[derive(Clone, Copy)]
pub struct NodeSeed {
    hashes: Hashes,
    number: u64,
}

impl NodeSeed {
    /// Draws them.
    #[must_use]
    pub fn new(rng: &mut dyn CryptoRng) -> Self {
        Self {
            hashes: Hashes::new(rng),
            number: rng.next_u64(),
        }
    }
}

impl NodeSeed {
    /// What times are spread by: it shows in them, and so tells nothing of the keys.
    pub(crate) fn jitter(self) -> u64 {
        self.hashes.hash_one("jitter")
    }
}

impl fmt::Debug for NodeSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSeed(..)")
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl LinkConfig {
    /// The lease that subscriptions ask for unless told otherwise, 30 s.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);

    /// netaio's defaults: its format and limits, and no outer layer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            wire: Arc::new(Wire::default()),
            outer: Layer::new(),
            auth_error: AuthErrorReply::Plugin,
            make_error: |text| {
                Message::error_message(bytes::Bytes::copy_from_slice(text.as_bytes()))
            },
            correlation: Correlation::default(),
            calls: CallOptions::new(),
            seed: None,
            cookies: true,
            lease: Some(Self::DEFAULT_LEASE),
        }
    }

    /// Draws the random numbers of this node. A [`Hub`](crate::Hub) and a
    /// [`DatagramHub`](crate::DatagramHub) do it with the generators that they are given,
    /// and so do the drivers; who makes a [`Node`](crate::Node) by itself calls this before.
    /// Without them the places in tables depend on little but where the program is in
    /// memory, no times are spread by chance, and a link over datagrams draws its own number.
    #[must_use]
    pub fn with_seed(mut self, rng: &mut dyn CryptoRng) -> Self {
        self.seed = Some(NodeSeed::new(rng));
        self
    }

    /// The direction of messages between equals, of whom this node is one: for who seals
    /// them by himself.
    #[must_use]
    pub fn between(&self) -> Option<Direction> {
        let node = self.seed?.number;
        Some(Direction::Between { node })
    }

    /// The random number of this node, or 0.
    pub(crate) fn node(&self) -> u64 {
        self.seed.map_or(0, |seed| seed.number)
    }

    /// For the tables of this node.
    pub(crate) fn hashes(&self) -> Hashes {
        self.seed.map(|seed| seed.hashes).unwrap_or_default()
    }

    /// Sets the outer layer.
    #[must_use]
    pub fn with_outer(mut self, layer: Layer) -> Self {
        self.outer = layer;
        self
    }

    /// Sets format, message types and limits.
    #[must_use]
    pub fn with_wire(mut self, wire: Wire) -> Self {
        self.wire = Arc::new(wire);
        self
    }

    /// Sets the bounds on what the remote side controls.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.wire).limits = limits;
        self
    }

    /// The bounds on what the remote side controls.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.wire.limits
    }

    /// Refuses an inner layer for a handler that does not go with the rest: one that
    /// cannot be told from the outer one, or that leaves no room for [correlation
    /// ids](Correlation) where these are relied on.
    ///
    /// # Errors
    /// An auth field has two uses, or a plugin of one of both layers has an empty secret.
    pub fn check_inner(&self, inner: &Layer) -> Result<(), LayerError> {
        self.outer.check_secrets()?;
        inner.check_secrets()?;
        let clash = self.outer.check_clash(inner);
        if let Err(SealError::FieldClash(field)) = clash {
            return Err(LayerError::FieldClash(field));
        }
        // Requests are to carry ids, or handlers of one connection run at the same time.
        let concurrent = self.wire.limits.handlers_per_connection() > 1;
        let relied_on = self.correlation.requests_as_set() == Some(true) || concurrent;
        let field = self.correlation.field();
        match relied_on && (self.outer.writes(field) || inner.writes(field)) {
            true => Err(LayerError::FieldClash(field.into())),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for LinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkConfig")
            .field("wire", &self.wire)
            .field("outer", &self.outer)
            .field("auth_error", &self.auth_error)
            .field("correlation", &self.correlation)
            .field("calls", &self.calls)
            .field("cookies", &self.cookies)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// What is known of a message that failed a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedCheck {
    /// Its type, which nothing vouches for.
    pub message_type: MessageType,
    /// Why it failed.
    pub failure: AuthFailure,
}

/// A closure that decides what is answered to a message that failed a check.
pub type AuthErrorHandler = Arc<dyn Fn(FailedCheck) -> Option<Message> + Send + Sync>;

/// What is answered to the sender of a message that failed an auth check. The
/// message itself ends there in any case, and the answer passes no plugin.
#[derive(Clone, Default)]
pub enum AuthErrorReply {
    /// The error message of the plugin that refused, as netaio does it.
    #[default]
    Plugin,
    /// Nothing: for a plugin that keeps spam out, say.
    Silent,
    /// What a handler returns. It is not asked about error messages.
    Handler(AuthErrorHandler),
}

impl AuthErrorReply {
    /// The answer. Errors are not answered, or two nodes could keep telling
    /// each other forever.
    pub(crate) fn answer(&self, check: FailedCheck, plugin: Option<Message>) -> Option<Message> {
        if matches!(
            check.message_type,
            MessageType::ERROR | MessageType::AUTH_ERROR
        ) {
            return None;
        }
        match self {
            Self::Plugin => plugin,
            Self::Silent => None,
            // Nor are those of other types: a handler's own may be of any.
            Self::Handler(_) if check.message_type.is_error() => None,
            Self::Handler(handler) => handler(check),
        }
    }
}

impl fmt::Debug for AuthErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plugin => "Plugin",
            Self::Silent => "Silent",
            Self::Handler(_) => "Handler(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{HmacAuth, Sha256StreamCipher};

    #[test]
    fn ids_need_their_field_wherever_they_are_relied_on() {
        let handlers = |at_a_time| {
            let limits = Limits::default();
            limits.with_handlers_per_connection(at_a_time).unwrap()
        };
        let config = |limits, requests| {
            let mut config = LinkConfig::new().with_wire(Wire {
                limits,
                ..Wire::default()
            });
            config.correlation = Correlation::default().with_requests(requests);
            config
        };
        let writes = |name| Layer::new().with_auth(HmacAuth::new("s").with_nonce_field(name));
        let none = Layer::new();
        let clash = Err(LayerError::FieldClash("rid".into()));
        // Handlers that run at the same time reply in any order.
        for (limits, requests) in [(handlers(1), true), (handlers(2), false)] {
            let config = config(limits, requests);
            assert_eq!(config.check_inner(&none), Ok(()));
            assert_eq!(config.check_inner(&writes("nonce")), Ok(()));
            assert_eq!(config.check_inner(&writes("rid")), clash);
            let cipher = Sha256StreamCipher::new("k")
                .with_iv_field("rid")
                .with_plain_uri();
            assert_eq!(config.check_inner(&none.clone().with_cipher(cipher)), clash);
            assert_eq!(config.with_outer(writes("rid")).check_inner(&none), clash);
        }
        let config = config(handlers(1), false).with_outer(writes("rid"));
        assert_eq!(config.check_inner(&none), Ok(()));
    }
}
