//! Clients.

mod auto_reconnect;
mod builder;
mod connecting;
mod messages;
mod peers;
mod reconnect;
mod requests;
mod servers;
mod timeouts;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use netaio_core::{Key, Layer, LayerError};

pub use self::auto_reconnect::{AutoReconnect, GaveUp, Reconnected};
pub use self::builder::ClientBuilder;
pub use self::messages::{Messages, Unsolicited};

use self::messages::Inbox;
use self::reconnect::Reconnector;
use self::servers::Servers;
use crate::background::BackgroundTasks;
use crate::connection::Connection;
use crate::handler::Handler;
use crate::runtime::Runtime;
use crate::service::{Owner, Service};
use crate::timeouts::{Callback, TimedOut};

/// A client of any number of servers.
///
/// [`connect`](Self::connect) returns a [`Connection`], which is what one talks
/// through; the client's own `request`, `send` and so on go to the server that
/// it connected to first and still has, unless
/// [told otherwise](Self::set_default_server). It lives until its last handle is
/// dropped, which cuts its connections off. Cloning it copies a pointer.
pub struct Client<R: Runtime> {
    shared: Arc<Shared<R>>,
    /// Closes the connections when the last handle goes. Those that callbacks
    /// get are without: they keep nothing alive.
    guard: Option<Arc<Guard<R>>>,
}

struct Shared<R: Runtime> {
    service: Arc<Service>,
    inbox: Arc<Inbox>,
    connect_timeout: Duration,
    servers: Mutex<Servers>,
    on_timeout: Mutex<Option<OnTimeout<R>>>,
    reconnect: Option<Reconnector<R>>,
    background: Arc<BackgroundTasks<Subject>>,
}

type OnTimeout<R> = Callback<Client<R>, TimedOut<Connection>>;

/// The subject of a background task, with the id of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Timeout(u64),
    Reconnect(u64),
}

struct Guard<R: Runtime>(Arc<Shared<R>>);

impl<R: Runtime> Drop for Guard<R> {
    fn drop(&mut self) {
        self.0.background.shut_down();
        self.0.servers().abort_all();
        self.0.inbox.close();
        self.0.service.close_peer_events();
    }
}

impl<R: Runtime> Shared<R> {
    fn servers(&self) -> MutexGuard<'_, Servers> {
        // The list is whole between two calls: poison says nothing about it.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Runtime> Client<R> {
    /// A client to be configured.
    pub fn builder() -> ClientBuilder<R> {
        ClientBuilder::new()
    }

    fn new(shared: Shared<R>) -> Self {
        let shared = Arc::new(shared);
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.set_owner(owner);
        Self {
            guard: Some(Arc::new(Guard(shared.clone()))),
            shared,
        }
    }

    /// A handle that does not keep the client alive.
    fn without_guard(shared: Arc<Shared<R>>) -> Self {
        Self {
            shared,
            guard: None,
        }
    }

    /// The open connections, each with its name, in the order of their making.
    /// Those that have none are called the empty string.
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

    /// Lets the client's own `request`, `send` and so on go to the server of
    /// this name, whether or not it is connected yet, and to no other; or with
    /// none, as at first, to whichever open connection is the oldest.
    pub fn set_default_server(&self, name: Option<&str>) {
        self.shared.servers().set_default(name.map(Arc::from));
    }

    /// The name that was [set](Self::set_default_server), if one was.
    #[must_use]
    pub fn default_server(&self) -> Option<String> {
        let servers = self.shared.servers();
        servers.default_name().map(|name| String::from(&**name))
    }

    fn preferred(&self) -> Option<Connection> {
        self.shared.servers().preferred().cloned()
    }

    /// Messages that nobody asked for and that no handler takes, from all
    /// servers. From the first call on they are kept until they are read, up to
    /// a thousand or so; then the oldest go.
    pub fn messages(&self) -> Messages {
        self.shared.inbox.open()
    }

    /// How many log lines were not written so far, for there was one like it just
    /// before; see [`Limits::log_interval`](netaio_core::Limits::log_interval).
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
    /// Afterwards the client may connect anew.
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
