//! How a server is put together.

use std::marker::PhantomData;

use netaio_core::plugin::{AuthPlugin, CipherPlugin};
use netaio_core::{
    AuthErrorReply, Codec, Key, KeyExtractor, Layer, Limits, Message, MessageTypes, Role,
};

use super::Server;
use super::publisher::Place;
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;
use crate::service::{Service, Unrouted};
use crate::setup::Setup;

/// A server before it serves.
#[must_use = "a server does nothing before `bind` or `build`"]
pub struct ServerBuilder<R: Runtime> {
    setup: Setup,
    default: Option<AnyHandler>,
    accepted: ConnectionOptions,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> ServerBuilder<R> {
    pub(super) fn new() -> Self {
        Self {
            setup: Setup::new(Role::Server),
            default: None,
            accepted: ConnectionOptions::new(),
            runtime: PhantomData,
        }
    }

    crate::setup::common_options!();

    /// Leaves the outer auth plugin out of the connections that are accepted:
    /// netaio's `start(use_auth=False)`. Streams that are
    /// [handed over](Server::serve_halves_with) say so themselves.
    pub fn without_auth(mut self) -> Self {
        self.accepted = self.accepted.without_auth();
        self
    }

    /// Leaves the outer cipher plugin out of the connections that are accepted:
    /// netaio's `start(use_cipher=False)`. Streams that are
    /// [handed over](Server::serve_halves_with) say so themselves.
    pub fn without_cipher(mut self) -> Self {
        self.accepted = self.accepted.without_cipher();
        self
    }

    /// Answers messages that have no handler; unless set, netaio's answer is
    /// `NOT_FOUND` with no uri.
    pub fn default_handler<M: 'static>(mut self, handler: impl Handler<M>) -> Self {
        self.default = Some(AnyHandler::new(handler));
        self
    }

    /// Decides what is answered to a message that fails an auth check; unless
    /// set, the plugin's own error message is.
    pub fn auth_error(mut self, reply: AuthErrorReply) -> Self {
        self.setup.config.auth_error = reply;
        self
    }

    /// Makes the error message for a text, in place of netaio's `make_error_msg`.
    pub fn error_message(mut self, make: fn(&str) -> Message) -> Self {
        self.setup.config.make_error = make;
        self
    }

    /// Listens, and serves from now on. An address with port 0 gets a free
    /// port; see [`Server::local_addr`]. A name that resolves to several
    /// addresses gets the first that can be listened on.
    ///
    /// Cancel-safe: dropped early, nothing listens.
    ///
    /// # Errors
    /// The address cannot be listened on, or an inner layer does not go with
    /// the outer one.
    pub async fn bind(self, address: impl ToString) -> Result<Server<R>, BuildError> {
        let (address, accepted) = (address.to_string(), self.accepted.clone());
        let service = self.service()?;
        let failed = |source| BuildError::Listen {
            address: address.clone(),
            source,
        };
        let mut error = std::io::ErrorKind::AddrNotAvailable.into();
        for candidate in R::resolve(&address).await.map_err(failed)? {
            match R::listen(candidate).await {
                Ok(listener) => return Server::listen(service, listener, accepted).map_err(failed),
                Err(source) => error = source,
            }
        }
        Err(failed(error))
    }

    /// Serves from now on without listening: only the streams that it is handed,
    /// be they TLS or Unix sockets. See [`Server::serve_halves`], and the
    /// `serve_stream` of each runtime's crate.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one, or the operating system
    /// has no randomness to give.
    pub fn build(self) -> Result<Server<R>, BuildError> {
        Server::start(self.service()?, None).map_err(BuildError::Randomness)
    }

    fn service(self) -> Result<Service, BuildError> {
        let unrouted = self.default.map_or(Unrouted::NotFound, Unrouted::Handler);
        let (config, mut states, node) = self.setup.finish()?;
        states.insert(Place::default());
        Ok(Service::new(config, states, node, unrouted))
    }
}
