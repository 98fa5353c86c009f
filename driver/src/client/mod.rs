//! Clients.

mod alternatives;
mod attempts;
mod auto_reconnect;
mod builder;
mod connecting;
mod connector;
mod events;
mod heartbeat;
mod messages;
mod monitor;
mod observer;
mod peers;
mod persistent;
mod reconnect;
mod renewing;
mod requests;
mod servers;
mod shared;
mod timeouts;
mod unsolicited;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use netaio_core::{Key, RouteError, SendError};

pub use self::auto_reconnect::{AutoReconnect, GaveUp, Reconnected};
pub use self::builder::ClientBuilder;
pub use self::connector::{Connector, Dial};
pub use self::events::{ClientEvent, ClientEvents};
pub use self::heartbeat::Heartbeat;
pub use self::messages::{LossyMessages, Messages};
pub use self::servers::Balance;
pub use self::unsolicited::Unsolicited;

use self::connector::Dialer;
use self::shared::Shared;
use crate::connection::{Connection, Reach};
use crate::handler::{Handler, RouteOptions};
use crate::metrics::Metrics;
use crate::runtime::Runtime;
use crate::service::{Owner, Service};

/// A client of any number of servers.
///
/// [`connect`](Self::connect) returns a [`Connection`], which sends and requests. The
/// client's own `request`, `send` and so on go to the oldest open connection, unless
/// [another](Self::set_default_server) is set. The client lives until its last handle
/// is dropped, which aborts its connections. Cloning it copies a pointer.
pub struct Client<R: Runtime> {
    shared: Arc<Shared>,
    /// Aborts the connections when the last handle is dropped. The handles that
    /// callbacks get have none, and do not keep the client alive.
    guard: Option<Arc<Guard>>,
    dialer: Dialer<R>,
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.background.shut_down();
        self.0.servers().abort_all();
        self.0.inbox.close();
        self.0.subscriptions.close();
        self.0.service.close();
    }
}

impl<R: Runtime> Client<R> {
    fn new(shared: Shared, dialer: Dialer<R>) -> Self {
        let shared = Arc::new(shared);
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.set_owner(owner);
        Self {
            guard: Some(Arc::new(Guard(shared.clone()))),
            ..Self::without_guard(shared, dialer)
        }
    }

    /// A handle that does not keep the client alive.
    fn without_guard(shared: Arc<Shared>, dialer: Dialer<R>) -> Self {
        Self {
            shared,
            guard: None,
            dialer,
        }
    }

    /// The open connections, each with its name, the oldest server first. The name is
    /// empty for those that have none.
    #[must_use]
    pub fn connections(&self) -> Vec<(String, Connection)> {
        let servers = self.shared.servers();
        let open = servers.open();
        open.map(|connection| {
            let name = connection.name().unwrap_or_default();
            (name.into(), connection.clone())
        })
        .collect()
    }

    /// The open connection of this name, the first if there are several.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<Connection> {
        self.shared.servers().named(name).cloned()
    }

    /// Sends the client's own `request`, `send` and so on to the server of this name,
    /// whether or not it is connected yet; with `None`, as is the default, to the
    /// oldest open connection.
    pub fn set_default_server(&self, name: Option<&str>) {
        self.shared.servers().set_default(name.map(Arc::from));
    }

    /// The name that is [set](Self::set_default_server), if one is.
    #[must_use]
    pub fn default_server(&self) -> Option<String> {
        let servers = self.shared.servers();
        servers.default_name().map(|name| String::from(&**name))
    }

    fn preferred(&self) -> Option<Connection> {
        self.shared.route(None, &[])
    }

    /// Unsolicited messages that have no handler, from all servers; none is lost here.
    ///
    /// As long as there is such a stream they are queued until they are read. Past 4,096 of
    /// them, or 4 MiB, unless [`message_queue`](crate::ClientBuilder::message_queue) says
    /// otherwise, nothing more is read from the connections until half of that is left: the
    /// servers have to wait (backpressure), and handlers of messages that come behind. (One
    /// more message of each connection may be taken.) That goes for the end of a connection
    /// too, which is noticed once the messages before it are read.
    ///
    /// Answers to requests come all the same. While a request waits for one its connection is
    /// read, and the messages that come before the answer wait in it, up to
    /// [`Limits::outbound_queue`](netaio_core::Limits::outbound_queue) bytes, or a quarter of
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total) where that is less. Where
    /// even more come before it, the request times out unless the stream is read meanwhile:
    /// whoever asks while messages come fast reads them in another task, or asks by another
    /// connection.
    ///
    /// What nobody reads has no place to wait: without a stream such messages are dropped,
    /// [told](crate::ClientEvent::Unread) and counted.
    ///
    /// ```
    /// use netaio_driver::{Client, Runtime};
    ///
    /// # async fn read<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut messages = client.messages();
    /// let server = client.connect("localhost:8888").await?;
    /// server.subscribe("news").request().await?.into_result()?;
    /// while let Some(news) = messages.next().await {
    ///     if news.gap > 0 {
    ///         eprintln!("the server has dropped {} before this", news.gap);
    ///     }
    ///     println!("{:?}", news.message.content);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&self) -> Messages {
        self.shared.inbox.open()
    }

    /// The same messages for those who would rather miss some than keep their servers
    /// waiting: of more than wait for [`messages`](Self::messages) the oldest are dropped,
    /// and the stream says how many, in their place. Each such stream gets every message,
    /// beside those of `messages`.
    ///
    /// ```
    /// use netaio_driver::{Client, Runtime};
    ///
    /// # async fn read<R: Runtime>(client: Client<R>) {
    /// let mut messages = client.messages_lossy();
    /// while let Some(news) = messages.next().await {
    ///     match news {
    ///         Ok(news) => println!("{:?}", news.message.content),
    ///         Err(lagged) => eprintln!("{lagged}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn messages_lossy(&self) -> LossyMessages {
        self.shared.inbox.open_lossy()
    }

    /// The events from now on: connections that are made, end and are replaced, requests that
    /// time out, and what is refused or dropped. A listener that does not take them loses the
    /// oldest when there are more than
    /// [`event_queue`](crate::ClientBuilder::event_queue); [`metrics`](Self::metrics) are
    /// complete at any time.
    ///
    /// ```
    /// use netaio_driver::{Client, ClientEvent, Runtime};
    ///
    /// # async fn watch<R: Runtime>(client: Client<R>) {
    /// let mut events = client.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         ClientEvent::Connected(to) => println!("connected to {:?}", to.name()),
    ///         ClientEvent::Closed { reason, .. } => println!("closed: {reason}"),
    ///         ClientEvent::Reconnecting { attempt, delay, .. } => {
    ///             println!("try {attempt} in {delay:?}");
    ///         }
    ///         ClientEvent::Gap { lost, .. } => println!("{lost} notifications are missing"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> ClientEvents {
        self.shared.monitor.listen()
    }

    /// What it has counted, and what it holds.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let Shared { service, inbox, .. } = &*self.shared;
        let mut metrics = self.shared.monitor.counts.snapshot(service);
        metrics.open_connections = self.shared.servers().open().count();
        metrics.message_bytes = inbox.bytes();
        let lost = self.shared.monitor.lost_events();
        metrics.lost_events = metrics.lost_events.saturating_add(lost);
        metrics
    }

    crate::methods::handler_methods!();

    fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Waits until all that was sent before is handed to the system, by every open connection;
    /// see [`Connection::flush`]. Cancel-safe.
    ///
    /// # Errors
    /// A connection ended first: some of it may be lost.
    pub async fn flush(&self) -> Result<(), SendError> {
        let open: Vec<_> = self.shared.servers().open().cloned().collect();
        for connection in open {
            connection.flush().await?;
        }
        Ok(())
    }

    /// Closes every connection, all at once, each within the time that
    /// [`Connection::close`] says: what is queued is written, and waiting requests
    /// fail. Handlers of timeouts are cancelled, nothing is reconnected, and
    /// [`connect_persistent`](Self::connect_persistent) tries no more.
    /// Afterwards the client may connect again.
    ///
    /// Cancel-safe: once called, the connections close whether or not they are
    /// waited for.
    pub async fn close(&self) {
        self.shared.closes.fetch_add(1, Ordering::AcqRel);
        let open = self.shared.servers().close();
        self.shared.changed.notify(usize::MAX);
        self.shared.background.cancel().await;
        for connection in &open {
            connection.closed().await;
        }
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            guard: self.guard.clone(),
            dialer: self.dialer.clone(),
        }
    }
}

impl<R: Runtime> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .connections()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        f.debug_struct("Client")
            .field("connections", &names)
            .finish()
    }
}
