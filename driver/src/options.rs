//! How one connection differs from the others.

use std::sync::Arc;

use netaio_core::{Layer, LinkConfig};

/// How one connection differs from the others of its client or server.
///
/// ```
/// use netaio_driver::ConnectionOptions;
///
/// // To a server on the same machine, say, that nobody can listen in on.
/// let local = ConnectionOptions::new().with_name("local").without_cipher();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) left_out: LeftOut,
}

impl ConnectionOptions {
    /// The whole outer layer, and no name but the one that the connection gets
    /// by itself.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            name: None,
            left_out: LeftOut {
                auth: false,
                cipher: false,
            },
        }
    }

    /// Names the connection; see [`Connection::name`](crate::Connection::name).
    /// A client that connects to an address names the connection after it
    /// unless told otherwise.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// Leaves the outer auth plugin out, of what is sent and of what is
    /// received: netaio's `use_auth=False`. Both ends have to.
    #[must_use]
    pub fn without_auth(mut self) -> Self {
        self.left_out.auth = true;
        self
    }

    /// Leaves the outer cipher plugin out, of what is sent and of what is
    /// received: netaio's `use_cipher=False`. Both ends have to.
    #[must_use]
    pub fn without_cipher(mut self) -> Self {
        self.left_out.cipher = true;
        self
    }
}

/// What a connection does without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) auth: bool,
    pub(crate) cipher: bool,
}

impl LeftOut {
    /// What is left of an outer layer.
    pub(crate) fn outer(self, outer: &Layer) -> Layer {
        let mut outer = outer.clone();
        if self.auth {
            outer = outer.without_auth();
        }
        if self.cipher {
            outer = outer.without_cipher();
        }
        outer
    }

    /// The configuration of a link that does without.
    pub(crate) fn config(self, config: &Arc<LinkConfig>) -> Arc<LinkConfig> {
        if self == Self::default() {
            return config.clone();
        }
        let outer = self.outer(&config.outer);
        Arc::new(LinkConfig::clone(config).with_outer(outer))
    }
}
