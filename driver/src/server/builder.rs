//! The builder of servers.

use std::marker::PhantomData;
use std::sync::Arc;

use netaio_core::plugin::{AuthPlugin, CipherPlugin, PeerPlugin};
use netaio_core::{
    AuthErrorReply, Codec, Key, KeyExtractor, Layer, Limits, ManagementConfig, Message,
    MessageTypes, Peer, Unrouted,
};

use super::{Server, listen_all};
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::options::ConnectionOptions;
use crate::publisher::WeakPublisher;
use crate::runtime::Runtime;
use crate::service::Service;
use crate::setup::Setup;

/// A server before it serves.
#[must_use = "a server does nothing before `bind` or `build`"]
pub struct ServerBuilder<R: Runtime> {
    setup: Setup,
    accepted: ConnectionOptions,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Server<R> {
    /// A builder.
    pub fn builder() -> ServerBuilder<R> {
        ServerBuilder::new()
    }
}

impl<R: Runtime> ServerBuilder<R> {
    fn new() -> Self {
        Self {
            setup: Setup::new(),
            accepted: ConnectionOptions::new(),
            runtime: PhantomData,
        }
    }

    crate::setup::common_options!();
    crate::setup::connection_options!();

    crate::setup::answering_options!();
    crate::setup::peer_options!();

    /// Omits the outer auth plugin on the connections that are accepted:
    /// netaio's `start(use_auth=False)`. Streams that are
    /// [handed over](Server::serve_halves_with) have options of their own.
    pub fn without_auth(mut self) -> Self {
        self.accepted = self.accepted.without_auth();
        self
    }

    /// Omits the outer cipher plugin on the connections that are accepted:
    /// netaio's `start(use_cipher=False)`. Streams that are
    /// [handed over](Server::serve_halves_with) have options of their own.
    pub fn without_cipher(mut self) -> Self {
        self.accepted = self.accepted.without_cipher();
        self
    }

    /// Listens, and serves from now on. An address with port 0 gets a free
    /// port; see [`Server::local_addr`]. A name is listened on at all its addresses,
    /// with one port, but for those that this machine does not have; see
    /// [`Server::local_addrs`]. `[::]` is all addresses of both families, where the system
    /// can do that. The scope of an IPv6 address is the number of an interface or its name,
    /// as in `[fe80::7%eth0]:8888`.
    ///
    /// Cancel-safe: dropped early, nothing listens.
    ///
    /// # Errors
    /// The address cannot be listened on, or one of a name's is taken; an inner layer does
    /// not go with the outer one, or peers cannot be managed as asked.
    pub async fn bind(self, address: impl ToString) -> Result<Server<R>, BuildError> {
        let (address, accepted) = (address.to_string(), self.accepted.clone());
        let keepalive = self.setup.keepalive;
        let service = self.service()?;
        let failed = |source| BuildError::Listen {
            address: address.clone(),
            source,
        };
        let listeners = listen_all::<R>(&address).await.map_err(failed)?;
        Server::listen(service, listeners, &accepted, keepalive).map_err(failed)
    }

    /// Serves without listening: only the streams that it is handed, TLS or Unix
    /// sockets for example. See [`Server::serve_halves`], and the
    /// `serve_stream` of each runtime's crate.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one, peers cannot be managed as
    /// asked, or the operating system has no randomness to give.
    pub fn build(self) -> Result<Server<R>, BuildError> {
        let keepalive = self.setup.keepalive;
        Server::start(self.service()?, Vec::new(), keepalive).map_err(BuildError::Randomness)
    }

    fn service(mut self) -> Result<Arc<Service>, BuildError> {
        self.setup.states.insert(WeakPublisher::default());
        self.setup.for_streams::<R>(None)
    }
}
