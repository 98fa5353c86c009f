//! How a client is put together.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netaio_core::plugin::{AuthPlugin, CipherPlugin, PeerPlugin};
use netaio_core::{
    Codec, Key, KeyExtractor, Layer, Limits, ManagementConfig, MessageTypes, Node, Peer, Unrouted,
};

use super::auto_reconnect::AutoReconnect;
use super::messages::Inbox;
use super::reconnect::Reconnector;
use super::{Client, OnTimeout, Shared};
use crate::background::BackgroundTasks;
use crate::connection::Connection;
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::remote::Remote;
use crate::runtime::Runtime;
use crate::service::Service;
use crate::setup::{Identity, Setup};
use crate::timeouts::{TimedOut, callback};

/// A client before it connects.
#[must_use = "a client does nothing before `build`"]
pub struct ClientBuilder<R: Runtime> {
    setup: Setup,
    connect_timeout: Duration,
    identity: Identity,
    management: Vec<ManagementConfig>,
    on_timeout: Option<OnTimeout<R>>,
    reconnect: Option<AutoReconnect<R>>,
}

impl<R: Runtime> ClientBuilder<R> {
    pub(super) fn new() -> Self {
        Self {
            setup: Setup::new(),
            connect_timeout: Duration::from_secs(10),
            identity: Identity::default(),
            management: Vec::new(),
            on_timeout: None,
            reconnect: None,
        }
    }

    crate::setup::common_options!();
    crate::setup::connection_options!();
    crate::setup::peer_options!();

    /// The time to resolve a name and to connect; 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets what is called when a request times out: netaio's
    /// `timeout_error_handler`, to log it or to mend what is broken. It runs as a
    /// task of its own; the request returns
    /// [`RequestError::TimedOut`](crate::RequestError::TimedOut) without waiting for
    /// it. (netaio waits for handlers that are not `async` only.)
    ///
    /// It is called once at a time for each server: it is not told of what times
    /// out while it runs. Nor is it of requests that nobody waits for any longer.
    /// It may panic; nobody else is hurt.
    ///
    /// It is dropped when the client is [closed](Client::close) or its last handle
    /// is dropped, or by [`Client::cancel_timeout_handlers`]. The handle that it
    /// gets does not keep the client alive, nor do clones of it.
    ///
    /// ```
    /// use netaio_driver::{Client, Runtime};
    ///
    /// # fn client<R: Runtime>() -> Result<Client<R>, netaio_driver::BuildError> {
    /// Client::builder()
    ///     .on_timeout(|client, late| async move {
    ///         let server = late.to.name().unwrap_or("?");
    ///         eprintln!("{server} did not answer {:?}", late.uri);
    ///         if let Err(error) = client.reconnect(&late.to).await {
    ///             eprintln!("{error}");
    ///         }
    ///     })
    ///     .build()
    /// # }
    /// ```
    pub fn on_timeout<F>(
        mut self,
        handler: impl Fn(Client<R>, TimedOut<Connection>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_timeout = Some(callback(handler));
        self
    }

    /// Reconnects servers that are lost, or on which requests time out. It goes
    /// with [`on_timeout`](Self::on_timeout); each has its own tasks.
    pub fn auto_reconnect(mut self, reconnect: AutoReconnect<R>) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Makes the client, which is connected to nobody yet.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one, peers cannot be managed as
    /// asked, or the operating system has no randomness to give.
    pub fn build(self) -> Result<Client<R>, BuildError> {
        let sources = self.setup.sources.clone();
        let (context, node) =
            self.setup
                .finish(Node::for_streams, self.identity, Unrouted::Deliver)?;
        let reconnect = self
            .reconnect
            .map(|policy| Reconnector::new(policy, &sources));
        let reconnect = reconnect.transpose().map_err(BuildError::Randomness)?;
        let inbox = Arc::new(Inbox::new());
        let deliver = {
            let inbox = inbox.clone();
            Box::new(move |message, remote: Remote| {
                // A client has connections only.
                if let Some(connection) = remote.connection() {
                    inbox.put(message, connection.clone());
                }
            })
        };
        let service = Service::for_streams(context, node, Some(deliver));
        let client = Client::new(Shared {
            // One or two for each server: no more than the application wants.
            background: BackgroundTasks::new(usize::MAX),
            service,
            inbox,
            connect_timeout: self.connect_timeout,
            servers: Mutex::default(),
            on_timeout: Mutex::new(self.on_timeout),
            reconnect,
        });
        for config in self.management {
            client.manage_peers(config)?;
        }
        Ok(client)
    }
}
