//! The layers that both sides have.

use netaio_driver::core::plugin::{Cover, HmacAuth, Sha256StreamCipher};
use netaio_driver::core::{Body, Layer, MessageTypes};

use crate::python::{Inner, Outer, ServerOptions};

/// The layers of both sides.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What the table says.
    pub name: &'static str,
    /// The layers of everything.
    pub outer: Outer,
    /// The inner layer of create, update and delete.
    pub admin: Inner,
    /// The inner layer of REQUEST_URI `inner`.
    pub inner: Inner,
    /// Ours covers what it sends.
    pub covers: bool,
}

pub(super) fn outer(secret: bool, key: bool, plain_uri: bool) -> Outer {
    Outer {
        secret: secret.then(|| "a secret, größer als ASCII".into()),
        key: key.then(|| "a key".into()),
        plain_uri,
    }
}

pub(super) fn inner(name: &str, secret: bool, key: bool) -> Inner {
    Inner {
        secret: secret.then(|| format!("{name} secret")),
        key: key.then(|| format!("{name} key")),
    }
}

/// Every combination of layers that is tried.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |name, outer| Case {
        name,
        outer,
        ..Case::default()
    };
    let layered = |name, outer, secret, key| Case {
        name,
        outer,
        admin: inner("admin", secret, false),
        inner: inner("inner", secret, key),
        ..Case::default()
    };
    vec![
        case("plain", outer(false, false, false)),
        case("HMAC", outer(true, false, false)),
        case("cipher", outer(false, true, false)),
        case("cipher, plain uri", outer(false, true, true)),
        case("HMAC and cipher", outer(true, true, false)),
        case("HMAC and cipher, plain uri", outer(true, true, true)),
        layered("inner HMAC", outer(false, false, false), true, false),
        layered("HMAC, inner HMAC", outer(true, false, false), true, false),
        layered(
            "cipher, inner cipher",
            outer(false, true, false),
            false,
            true,
        ),
        layered("both, inner both", outer(true, true, false), true, true),
    ]
}

impl Case {
    /// Our outer layer.
    #[must_use]
    pub fn layer(&self) -> Layer {
        let layer = outer_layer(&self.outer);
        match &self.outer.secret {
            Some(secret) if self.covers => {
                layer.with_auth(HmacAuth::new(secret).with_cover(Cover::mixed()))
            }
            _ => layer,
        }
    }

    /// The same, with a cover around what ours sends.
    #[must_use]
    pub fn with_covers(mut self) -> Self {
        self.covers = true;
        self
    }

    /// What a server or node in Python is started with.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        ServerOptions {
            outer: self.outer.clone(),
            admin_secret: self.admin.secret.clone(),
            inner: self.inner.clone(),
        }
    }

    /// The most bytes of uri and content: a cipher that hides the uri puts its
    /// length before them.
    pub(super) fn room(&self) -> usize {
        let hidden = self.outer.key.is_some() && !self.outer.plain_uri;
        Body::MAX_PAYLOAD - if hidden { 2 } else { 0 }
    }
}

/// What a script is started with, as a layer of ours.
#[must_use]
pub fn outer_layer(outer: &Outer) -> Layer {
    let mut layer = Layer::new();
    if let Some(secret) = &outer.secret {
        layer = layer.with_auth(HmacAuth::new(secret));
    }
    if let Some(key) = &outer.key {
        let cipher = Sha256StreamCipher::new(key);
        layer = layer.with_cipher(match outer.plain_uri {
            true => cipher.with_plain_uri(),
            false => cipher,
        });
    }
    layer
}

/// The inner plugins of the scripts, as a layer of ours.
#[must_use]
pub fn inner_layer(inner: &Inner) -> Layer {
    let mut layer = Layer::new();
    if let Some(secret) = &inner.secret {
        layer = layer.with_auth(HmacAuth::new(secret).with_hmac_field("camh"));
    }
    if let Some(key) = &inner.key {
        let cipher = Sha256StreamCipher::new(key).with_iv_field("vi");
        layer = layer.with_cipher(cipher.with_plain_uri());
    }
    layer
}

/// All types that there may be.
pub(super) fn types() -> MessageTypes {
    let mut types = MessageTypes::base();
    for value in 31..=255 {
        let name = format!("CUSTOM_{value}");
        types.register(value, &name).expect("a custom type");
    }
    types
}
