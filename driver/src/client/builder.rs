//! The builder of clients.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use event_listener::Event;
use netaio_core::plugin::{AuthPlugin, CipherPlugin, PeerPlugin};
use netaio_core::{
    Codec, Key, KeyExtractor, Layer, Limits, ManagementConfig, MessageTypes, Peer, Unrouted,
};

use super::Client;
use super::auto_reconnect::AutoReconnect;
use super::connector::{Connector, Dialer};
use super::heartbeat::Heartbeat;
use super::messages::Inbox;
use super::monitor::Monitor;
use super::reconnect::Reconnector;
use super::servers::{Balance, Servers};
use super::shared::{Reconnect, Shared};
use super::timeouts::OnTimeout;
use crate::background::BackgroundTasks;
use crate::bounded_queue::Bounds;
use crate::connection::Connection;
use crate::error::BuildError;
use crate::runtime::Runtime;
use crate::setup::Setup;
use crate::sync::{Mutex, lock};
use crate::timeouts::{TimedOut, TimeoutHandler, callback};

/// A client before it connects.
#[must_use = "a client does nothing before `build`"]
pub struct ClientBuilder<R: Runtime> {
    setup: Setup,
    connect_timeout: Duration,
    message_bounds: Bounds,
    on_timeout: Option<OnTimeout<R>>,
    reconnect: Option<AutoReconnect<R>>,
    dialer: Dialer<R>,
    balance: Balance,
    heartbeat: Option<Heartbeat>,
}

impl<R: Runtime> Client<R> {
    /// A builder.
    pub fn builder() -> ClientBuilder<R> {
        ClientBuilder::new()
    }
}

impl<R: Runtime> ClientBuilder<R> {
    fn new() -> Self {
        Self {
            setup: Setup::new(),
            connect_timeout: Duration::from_secs(10),
            message_bounds: Bounds::default(),
            on_timeout: None,
            reconnect: None,
            dialer: Dialer::TCP,
            balance: Balance::default(),
            heartbeat: None,
        }
    }

    /// A client that talks to a server with this configuration, without its outer layer.
    #[cfg(feature = "testing")]
    pub(crate) fn asking(server: &crate::context::Context) -> Self {
        Self {
            setup: Setup::asking(server),
            ..Self::new()
        }
    }

    crate::setup::common_options!();
    crate::setup::connection_options!();
    crate::setup::peer_options!();

    /// The time to resolve a name and to connect, handshakes of a
    /// [`connector`](Self::connector) included; 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets what opens the streams of [`Client::connect`] and of reconnecting, in the place of
    /// TCP: TLS, a Unix socket, a way through a proxy. The rest of the client is the same over
    /// each. Addresses mean what the connector takes them for; one that knows several kinds
    /// tells them apart by the address.
    pub fn connector(mut self, connector: impl Connector<R>) -> Self {
        self.dialer = Dialer::of(connector);
        self
    }

    /// Sets how many messages without a handler wait until they are read, and how many bytes
    /// of memory they keep; 4,096 and 4 MiB unless set. Past either the connections are not
    /// read, or of lossy streams, each of which has as much, the oldest are dropped: see
    /// [`Client::messages`] and [`Client::messages_lossy`].
    pub fn message_queue(mut self, messages: usize, bytes: usize) -> Self {
        self.message_bounds = Bounds {
            items: messages,
            bytes,
        };
        self
    }

    /// Sets what is called when a request times out: netaio's
    /// `timeout_error_handler`, to log it or to reconnect, for example. It runs as a
    /// task of its own; the request returns
    /// [`RequestError::TimedOut`](crate::RequestError::TimedOut) without waiting for
    /// it. (netaio waits for handlers that are not `async` only.)
    ///
    /// It runs once at a time for each server: requests that time out meanwhile do not
    /// call it, nor do those whose futures were dropped. If it panics, that ends no
    /// other task.
    ///
    /// It is cancelled when the client is [closed](Client::close) or its last handle is
    /// dropped, or by [`Client::cancel_timeout_handlers`]. The handle that it gets does
    /// not keep the client alive, nor do clones of it.
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

    /// Reconnects all servers that are lost, or on which requests time out. (Unless this is
    /// called, those alone that were [connected to](Client::connect_persistent) for that, by
    /// [`AutoReconnect::persistent`].) It can be
    /// combined with [`on_timeout`](Self::on_timeout); each has its own tasks.
    pub fn auto_reconnect(mut self, reconnect: AutoReconnect<R>) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Sets which of several servers has the client's own requests;
    /// [`Balance::Failover`] unless set.
    ///
    /// ```
    /// use netaio_driver::{Balance, Client, Runtime};
    ///
    /// # async fn ask<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::<R>::builder().balance(Balance::RoundRobin).build()?;
    /// for server in ["one.example:8888", "two.example:8888"] {
    ///     client.connect_persistent(server).await?;
    /// }
    /// // By the one, then by the other; by either while the other is away.
    /// client.request("state").idempotent().await?.into_result()?;
    /// client.request("state").idempotent().await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Asks silent servers for a sign of life, and closes connections that give none; off unless
    /// called. [`Heartbeat`] says what it sends.
    ///
    /// ```
    /// use netaio_driver::{AutoReconnect, Client, Heartbeat, Runtime};
    ///
    /// # fn client<R: Runtime>() -> Result<Client<R>, netaio_driver::BuildError> {
    /// Client::builder()
    ///     .heartbeat(Heartbeat::new())
    ///     .auto_reconnect(AutoReconnect::persistent())
    ///     .build()
    /// # }
    /// ```
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// Makes the client, without a connection.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one, peers cannot be managed as
    /// asked, or the operating system has no randomness to give.
    pub fn build(mut self) -> Result<Client<R>, BuildError> {
        let sources = self.setup.sources.clone();
        let reconnects_all = self.reconnect.is_some();
        let policy = self.reconnect.unwrap_or_else(AutoReconnect::persistent);
        let reconnect = Reconnector::new(policy, self.dialer.clone(), &sources);
        let reconnect: Arc<dyn Reconnect> = Arc::new(reconnect.map_err(BuildError::Randomness)?);
        let monitor = Arc::new(Monitor::new(self.setup.event_bounds));
        let subscriptions = self.setup.subscriptions();
        let inbox = Inbox::new(self.message_bounds, monitor.clone(), subscriptions.clone());
        let inbox = Arc::new(inbox);
        self.setup.unrouted = Unrouted::Deliver;
        let keepalive = self.setup.keepalive;
        let service = self.setup.for_streams::<R>(Some(inbox.clone()))?;
        let shared = Shared {
            // Two for each server at most, and the application bounds those.
            background: BackgroundTasks::new(usize::MAX, service.context.logs.clone()),
            service,
            inbox,
            subscriptions,
            monitor,
            connect_timeout: self.connect_timeout,
            keepalive,
            heartbeat: self.heartbeat,
            servers: Mutex::new(Servers::default()),
            on_timeout: TimeoutHandler::default(),
            reconnect,
            reconnects_all,
            connecting: AtomicUsize::new(0),
            closes: AtomicUsize::new(0),
            changed: Event::new(),
        };
        lock(&shared.servers).set_balance(self.balance);
        let client = Client::new(shared, self.dialer);
        if let Some(handler) = self.on_timeout {
            client.set_on_timeout(handler);
        }
        // Takes the first advertisement while there is no connection to send it to.
        client.shared.service.peers_changed();
        Ok(client)
    }
}
