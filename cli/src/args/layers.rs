//! Secrets and keys, and the plugins that they make.

use netaio_core::Layer;
use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};

use super::values::Secret;

/// The layer around every message.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OuterLayer {
    /// The secret of the outer HMAC.
    #[arg(long, value_name = "SECRET")]
    secret: Option<Secret>,
    /// The key of the outer stream cipher.
    #[arg(long, value_name = "KEY")]
    key: Option<Secret>,
    /// The cipher leaves the uri readable.
    #[arg(long)]
    plain_uri: bool,
}

impl OuterLayer {
    /// The plugins that the options ask for.
    pub(crate) fn layer(&self) -> Layer {
        let mut layer = Layer::new();
        if let Some(secret) = &self.secret {
            layer = layer.with_auth(HmacAuth::new(secret.0.as_bytes()));
        }
        if let Some(key) = &self.key {
            let cipher = Sha256StreamCipher::new(key.0.as_bytes());
            layer = layer.with_cipher(if self.plain_uri {
                cipher.with_plain_uri()
            } else {
                cipher
            });
        }
        layer
    }
}

/// The layer of those who may change things.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct AdminLayer {
    /// The secret of the inner HMAC (field `camh`) of create, update and delete, and of
    /// publish where the server has --admin-publish.
    #[arg(long, value_name = "SECRET")]
    admin_secret: Option<Secret>,
}

impl AdminLayer {
    /// The plugin that the option asks for.
    pub(crate) fn layer(&self) -> Layer {
        match &self.admin_secret {
            None => Layer::new(),
            Some(secret) => {
                Layer::new().with_auth(HmacAuth::new(secret.0.as_bytes()).with_hmac_field("camh"))
            }
        }
    }
}
