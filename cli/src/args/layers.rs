//! Secrets and keys, and the plugins that they make.

use std::path::PathBuf;

use netaio_core::Layer;
use netaio_core::plugin::{Aead, HmacAuth, Sha256StreamCipher};

use crate::context::{ContextError, Kept, Saved, kept};
use crate::secret::{AEAD, Given, Secret, SecretError, Sources};

/// Where the help has them. What is no part of it stands before it: it goes on to the next heading.
pub(super) const SECRETS: &str = "Secrets and keys";

/// The layer around every message.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = SECRETS)]
pub(crate) struct OuterLayer {
    /// The secret of the outer HMAC. Whoever can list this machine's processes can read it here:
    /// --secret-file and NETAIO_SECRET are for more than a try.
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    secret: Option<Secret>,
    /// A file with the secret; - is standard input. One end of a line at its end is no part of it.
    /// Without either the secret is that of the environment's NETAIO_SECRET, where that is set.
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
    /// The key of the outer stream cipher. Whoever can list this machine's processes can read it
    /// here.
    #[arg(long, value_name = "KEY", conflicts_with = "key_file")]
    key: Option<Secret>,
    /// A file with the key, as --secret-file has the secret. Without either the key is that of the
    /// environment's NETAIO_KEY.
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
    /// The cipher leaves the uri readable.
    #[arg(long)]
    plain_uri: bool,
    /// A file with the key of the AEAD layer, which stands in the place of secret and key, and
    /// protects all of each message: 64 hexadecimal digits, as `netaio keygen aead` makes them; - is
    /// standard input. Of several the first one seals, and all open, so that keys can change
    /// while nodes run. Without it the key is that of the environment's NETAIO_AEAD. Clocks may
    /// differ by 30 seconds.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["secret", "secret_file", "key", "key_file"])]
    aead_file: Vec<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    layer: Option<Layer>,
}

impl OuterLayer {
    /// Reads the secrets, and makes the plugins that the options ask for.
    ///
    /// # Errors
    /// A secret cannot be read or used.
    pub(crate) fn resolve(
        &mut self,
        sources: &mut Sources,
        saved: Option<&Saved>,
    ) -> Result<(), SecretError> {
        self.resolve_with(sources, saved, |aead| aead)
    }

    /// The same, with the AEAD layer as a command wants it.
    ///
    /// # Errors
    /// A secret cannot be read or used.
    pub(crate) fn resolve_with(
        &mut self,
        sources: &mut Sources,
        saved: Option<&Saved>,
        aead: impl FnOnce(Aead) -> Aead,
    ) -> Result<(), SecretError> {
        let secret = sources.find(&Given {
            what: "the secret",
            option: self.secret.as_ref(),
            name: "--secret",
            file: self.secret_file.as_ref(),
            variable: "NETAIO_SECRET",
            saved: saved.and_then(|saved| saved.secret.as_ref()),
        })?;
        let key = sources.find(&Given {
            what: "the key",
            option: self.key.as_ref(),
            name: "--key",
            file: self.key_file.as_ref(),
            variable: "NETAIO_KEY",
            saved: saved.and_then(|saved| saved.key.as_ref()),
        })?;
        let keys = sources.keys(
            AEAD,
            &self.aead_file,
            "NETAIO_AEAD",
            saved.map_or(&[], |saved| &saved.aead_files),
        )?;
        let mut layer = Layer::new();
        if let Some((first, others)) = keys.split_first() {
            if secret.is_some() || key.is_some() {
                return Err(SecretError::Aead);
            }
            let plugin = others.iter().fold(Aead::new(**first), |plugin, other| {
                plugin.with_accepted(**other)
            });
            layer = layer.with_cipher(aead(plugin));
        }
        if let Some(secret) = &secret {
            layer = layer.with_auth(HmacAuth::new(secret.bytes()));
        }
        if let Some(key) = &key {
            let cipher = Sha256StreamCipher::new(key.bytes());
            layer = layer.with_cipher(
                if self.plain_uri || saved.is_some_and(|saved| saved.plain_uri) {
                    cipher.with_plain_uri()
                } else {
                    cipher
                },
            );
        }
        self.layer = Some(layer);
        Ok(())
    }

    /// Puts what was typed into a context.
    ///
    /// # Errors
    /// A file cannot be kept.
    pub(crate) fn save(&self, saved: &mut Saved) -> Result<(), ContextError> {
        saved.secret = Kept::of(self.secret.as_ref(), self.secret_file.as_ref())?;
        saved.key = Kept::of(self.key.as_ref(), self.key_file.as_ref())?;
        saved.plain_uri = self.plain_uri;
        let files = self.aead_file.iter().map(|file| kept(file));
        saved.aead_files = files.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The plugins, once they are resolved.
    pub(crate) fn layer(&self) -> Layer {
        debug_assert!(self.layer.is_some(), "the options were resolved");
        self.layer.clone().unwrap_or_default()
    }
}

/// The layer of those who may change things.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = SECRETS)]
pub(crate) struct AdminLayer {
    /// The secret of the inner HMAC (field `camh`) of create, update and delete, and of
    /// publish where the server has --admin-publish. Whoever can list this machine's processes
    /// can read it here.
    #[arg(long, value_name = "SECRET", conflicts_with = "admin_secret_file")]
    admin_secret: Option<Secret>,
    /// A file with the admin's secret, as --secret-file has the secret. Without either it is that
    /// of the environment's NETAIO_ADMIN_SECRET.
    #[arg(long, value_name = "PATH")]
    admin_secret_file: Option<PathBuf>,
    /// What it comes to.
    #[arg(skip)]
    layer: Option<Layer>,
}

impl AdminLayer {
    /// Nobody's, without any option.
    pub(crate) fn none() -> Self {
        Self {
            layer: Some(Layer::new()),
            ..Self::default()
        }
    }

    /// Reads the secret, and makes the plugin that the options ask for.
    ///
    /// # Errors
    /// The secret cannot be read or used.
    pub(crate) fn resolve(
        &mut self,
        sources: &mut Sources,
        saved: Option<&Saved>,
    ) -> Result<(), SecretError> {
        let secret = sources.find(&Given {
            what: "the admin's secret",
            option: self.admin_secret.as_ref(),
            name: "--admin-secret",
            file: self.admin_secret_file.as_ref(),
            variable: "NETAIO_ADMIN_SECRET",
            saved: saved.and_then(|saved| saved.admin_secret.as_ref()),
        })?;
        let layer = Layer::new();
        self.layer = Some(match secret {
            None => layer,
            Some(secret) => layer.with_auth(HmacAuth::new(secret.bytes()).with_hmac_field("camh")),
        });
        Ok(())
    }

    /// Puts what was typed into a context.
    ///
    /// # Errors
    /// The file cannot be kept.
    pub(crate) fn save(&self, saved: &mut Saved) -> Result<(), ContextError> {
        saved.admin_secret = Kept::of(self.admin_secret.as_ref(), self.admin_secret_file.as_ref())?;
        Ok(())
    }

    /// The plugin, once it is resolved.
    pub(crate) fn layer(&self) -> Layer {
        debug_assert!(self.layer.is_some(), "the options were resolved");
        self.layer.clone().unwrap_or_default()
    }
}
