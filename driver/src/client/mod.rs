//! Clients.

mod attempts;
mod auto_reconnect;
mod builder;
mod connecting;
mod messages;
mod peers;
mod reconnect;
mod requests;
mod servers;
mod shared;
mod timeouts;

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use netaio_core::{Key, Layer, LayerError};

pub use self::auto_reconnect::{AutoReconnect, GaveUp, Reconnected};
pub use self::builder::ClientBuilder;
pub use self::messages::{Messages, Unsolicited};

use self::shared::Shared;
use crate::connection::Connection;
use crate::handler::Handler;
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
    runtime: PhantomData<fn() -> R>,
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.background.shut_down();
        self.0.servers().abort_all();
        self.0.inbox.close();
        self.0.service.close_peer_events();
    }
}

impl<R: Runtime> Client<R> {
    fn new(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.set_owner(owner);
        Self {
            guard: Some(Arc::new(Guard(shared.clone()))),
            ..Self::without_guard(shared)
        }
    }

    /// A handle that does not keep the client alive.
    fn without_guard(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            guard: None,
            runtime: PhantomData,
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
        self.shared.servers().preferred().cloned()
    }

    /// Unsolicited messages that have no handler, from all servers. As long as there is such
    /// a stream they are queued until they are read; past 4,096 of them, or 4 MiB, unless
    /// [`event_queue`](crate::ClientBuilder::event_queue) says otherwise, the oldest are
    /// dropped.
    pub fn messages(&self) -> Messages {
        self.shared.inbox.open()
    }

    /// The number of log lines that were suppressed so far; see
    /// [`ClientBuilder::log_interval`](crate::ClientBuilder::log_interval).
    #[must_use]
    pub fn suppressed_log_lines(&self) -> u64 {
        self.service().context.logs.suppressed()
    }

    crate::methods::handler_methods!();

    fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Closes every connection: what is queued is written, and waiting requests
    /// fail. Handlers of timeouts are cancelled, and nothing is reconnected.
    /// Afterwards the client may connect again.
    ///
    /// Cancel-safe: once called, the connections close whether or not they are
    /// waited for.
    pub async fn close(&self) {
        let open = self.shared.servers().close();
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
            runtime: PhantomData,
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
