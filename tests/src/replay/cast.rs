//! Who plays in the scenario.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_core::{Key, Layer, Limits, MessageTypes};
use serde::Deserialize;

use super::scenario::message_type;

/// A server, a client or a UDP node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Party {
    pub(super) name: String,
    /// Where it listens, or is bound to.
    pub(super) at: Option<SocketAddr>,
    pub(super) group: Option<IpAddr>,
    /// The byte that its seed consists of.
    pub(super) seed: u8,
    #[serde(default)]
    pub(super) outer: Plugins,
    /// Its id as a peer.
    pub(super) peer: Option<String>,
    /// Types beyond netaio's, with their names.
    #[serde(default)]
    pub(super) types: Vec<(u8, String)>,
    /// How many handlers of a connection run at the same time.
    pub(super) concurrent: Option<usize>,
    /// After how many milliseconds without a byte a connection is closed.
    pub(super) idle: Option<u64>,
    #[serde(default)]
    pub(super) handlers: Vec<Route>,
}

/// A handler, and what it is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    r#type: String,
    uri: Option<String>,
    pub(super) does: Act,
    #[serde(default)]
    pub(super) once: bool,
    #[serde(default)]
    inner: Plugins,
}

/// What a handler does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// Answers with the content.
    Echo,
    /// Keeps contents by their uris, and answers in the way of netaio's example.
    Store,
    /// Answers nothing.
    Silent,
    /// Answers with the content once the uri is finished.
    Later,
    /// Subscribes the sender to the uri.
    Subscribe,
    /// Takes the subscription back.
    Unsubscribe,
    /// Tells the subscribers of the uri.
    Publish,
}

/// The plugins of a layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plugins {
    secret: Option<String>,
    key: Option<String>,
    /// The cipher leaves the uri readable.
    #[serde(default)]
    plain_uri: bool,
}

impl Plugins {
    pub(super) fn outer(&self) -> Layer {
        let auth = |secret: &str| HmacAuth::new(secret);
        self.layer(auth, |key| {
            let cipher = Sha256StreamCipher::new(key);
            match self.plain_uri {
                true => cipher.with_plain_uri(),
                false => cipher,
            }
        })
    }

    /// The same with the field names of an inner layer, and the uri readable.
    pub(super) fn inner(&self) -> Layer {
        self.layer(
            |secret| HmacAuth::new(secret).with_hmac_field("camh"),
            |key| {
                let cipher = Sha256StreamCipher::new(key);
                cipher.with_iv_field("vi").with_plain_uri()
            },
        )
    }

    fn layer(
        &self,
        auth: impl FnOnce(&str) -> HmacAuth,
        cipher: impl FnOnce(&str) -> Sha256StreamCipher,
    ) -> Layer {
        let mut layer = Layer::new();
        if let Some(secret) = &self.secret {
            layer = layer.with_auth(auth(secret));
        }
        if let Some(key) = &self.key {
            layer = layer.with_cipher(cipher(key));
        }
        layer
    }
}

impl Route {
    pub(super) fn key(&self) -> Key {
        let kind = message_type(&self.r#type);
        match &self.uri {
            Some(uri) => Key::from((kind, uri.clone())),
            None => kind.into(),
        }
    }

    pub(super) fn inner(&self) -> Layer {
        self.inner.inner()
    }
}

impl Party {
    pub(super) fn limits(&self) -> Limits {
        let idle = self.idle.map(Duration::from_millis);
        let limits = Limits::default().with_idle_timeout(idle);
        let concurrent = self.concurrent.unwrap_or(1);
        let limits = limits.and_then(|limits| limits.with_handlers_per_connection(concurrent));
        limits.expect("the scenario's limits make sense")
    }

    pub(super) fn seed(&self) -> [u8; 32] {
        [self.seed; 32]
    }

    pub(super) fn message_types(&self) -> MessageTypes {
        let mut types = MessageTypes::base();
        for (value, name) in &self.types {
            let registered = types.register(*value, name);
            registered.expect("the scenario's types are free");
        }
        types
    }
}
