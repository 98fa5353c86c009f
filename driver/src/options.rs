//! Options of one connection.

use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Layer, LinkConfig};

/// The name of one connection, and which outer plugins it omits.
///
/// ```
/// use netaio_driver::ConnectionOptions;
///
/// // To a server on the same machine, for example: nothing leaves the machine.
/// let local = ConnectionOptions::new().with_name("local").without_cipher();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConnectionOptions {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) omitted: Omitted,
    pub(crate) certificate: Option<Bytes>,
    /// It is reconnected, whatever the client does with others.
    pub(crate) persistent: bool,
    /// It is for one message.
    #[cfg(feature = "testing")]
    pub(crate) single: bool,
}

impl ConnectionOptions {
    /// The whole outer layer, and the default name.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            name: None,
            certificate: None,
            omitted: Omitted {
                auth: false,
                cipher: false,
            },
            persistent: false,
            #[cfg(feature = "testing")]
            single: false,
        }
    }

    /// Names the connection; see [`Connection::name`](crate::Connection::name).
    /// A client that connects to an address names the connection after it
    /// unless it is named by this.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// Says that a stream is a TLS connection whose other end has shown this certificate, in
    /// DER, and has proved to have its key: [`Connection::certificate`](crate::Connection::certificate).
    /// Whoever shakes hands tells; a client that reconnects forgets it.
    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<Bytes>) -> Self {
        self.certificate = Some(certificate.into());
        self
    }

    /// Omits the outer auth plugin, of what is sent and of what is received: netaio's
    /// `use_auth=False`. Both ends have to.
    #[must_use]
    pub fn without_auth(mut self) -> Self {
        self.omitted.auth = true;
        self
    }

    /// Omits the outer cipher plugin, of what is sent and of what is received: netaio's
    /// `use_cipher=False`. Both ends have to.
    #[must_use]
    pub fn without_cipher(mut self) -> Self {
        self.omitted.cipher = true;
        self
    }
}

/// The outer plugins that a connection omits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Omitted {
    pub(crate) auth: bool,
    pub(crate) cipher: bool,
}

impl Omitted {
    /// An outer layer without them.
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

    /// The configuration of a link without them.
    pub(crate) fn config(self, config: &Arc<LinkConfig>) -> Arc<LinkConfig> {
        if self == Self::default() {
            return config.clone();
        }
        let outer = self.outer(&config.outer);
        Arc::new(LinkConfig::clone(config).with_outer(outer))
    }
}
