//! Clients.

mod builder;
mod messages;
mod peers;
mod requests;
mod servers;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use netaio_core::{Key, Layer, Link, SealError};

pub use self::builder::ClientBuilder;
pub use self::messages::{Messages, Unsolicited};

use self::messages::Inbox;
use self::servers::Servers;
use crate::clock;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::futures::race;
use crate::handler::Handler;
use crate::options::ConnectionOptions;
use crate::peers::{LinkDirectory, Owner};
use crate::random;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Service;
use crate::task::Task;

/// A client of any number of servers.
///
/// [`connect`](Self::connect) returns a [`Connection`], which is what one talks
/// through; the client's own `request`, `send` and so on go to the server that
/// it connected to first and still has, unless
/// [told otherwise](Self::set_default_server). It lives until its last handle is
/// dropped, which cuts its connections off. Cloning it copies a pointer.
pub struct Client<R: Runtime> {
    shared: Arc<Shared>,
    /// Closes the connections when the last handle goes.
    _guard: Arc<Guard>,
    runtime: PhantomData<fn() -> R>,
}

struct Shared {
    service: Arc<Service>,
    inbox: Arc<Inbox>,
    connect_timeout: Duration,
    servers: Mutex<Servers>,
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.servers().end();
        self.0.inbox.close();
        self.0.service.table.close();
    }
}

impl Shared {
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

    fn new(service: Service, inbox: Arc<Inbox>, connect_timeout: Duration) -> Self {
        let shared = Arc::new(Shared {
            service: Arc::new(service),
            inbox,
            connect_timeout,
            servers: Mutex::default(),
        });
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.table.set_owner(owner);
        Self {
            _guard: Arc::new(Guard(shared.clone())),
            shared,
            runtime: PhantomData,
        }
    }

    /// Connects to `host:port`. Every address of the host is tried in turn, all
    /// within the [`connect_timeout`](ClientBuilder::connect_timeout).
    ///
    /// Cancel-safe: dropped early, there is no connection.
    ///
    /// # Errors
    /// The host does not resolve, or no address of it accepts in time.
    pub async fn connect(&self, address: impl ToString) -> Result<Connection, ConnectError> {
        self.connect_with(address, ConnectionOptions::new()).await
    }

    /// As [`connect`](Self::connect), with another name than the address, or
    /// without an outer plugin. Cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        &self,
        address: impl ToString,
        mut options: ConnectionOptions,
    ) -> Result<Connection, ConnectError> {
        let address = address.to_string();
        options.name.get_or_insert_with(|| address.as_str().into());
        let opened = self.open(&address).await;
        opened
            .and_then(|(reader, writer, remote)| self.start(reader, writer, Some(remote), options))
            .map_err(|source| ConnectError { address, source })
    }

    /// A stream to an address, within the time for that.
    async fn open(&self, address: &str) -> io::Result<(R::Reader, R::Writer, SocketAddr)> {
        let until = clock::instant(clock::now().deadline(self.shared.connect_timeout));
        let late = async {
            R::sleep_until(until).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let any = async {
            let mut error = io::ErrorKind::AddrNotAvailable.into();
            for candidate in R::resolve(address).await? {
                match R::connect(candidate).await {
                    Ok((reader, writer)) => return Ok((reader, writer, candidate)),
                    Err(source) => error = source,
                }
            }
            Err(error)
        };
        race(any, late).await
    }

    /// Talks over a stream of any kind, under a name.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn connect_halves(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
        name: impl Into<String>,
    ) -> io::Result<Connection> {
        let options = ConnectionOptions::new().with_name(name);
        self.connect_halves_with(reader, writer, remote, options)
    }

    /// As [`connect_halves`](Self::connect_halves), or without an outer plugin,
    /// and without a name where the options give none.
    ///
    /// # Errors
    /// As [`connect_halves`](Self::connect_halves).
    pub fn connect_halves_with(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
        options: ConnectionOptions,
    ) -> io::Result<Connection> {
        self.start(reader, writer, remote, options)
    }

    fn start(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
        options: ConnectionOptions,
    ) -> io::Result<Connection> {
        let service = self.shared.service.clone();
        let rng = random::generator()?;
        let config = options.left_out.config(&service.config);
        let make = |number| Connection::new(remote, &service, number, options);
        let connection = self.shared.servers().enter(make)?;
        let directory = LinkDirectory::new(&service.table, connection.place());
        let link = Link::new(clock::now(), config, remote, rng).with_directory(Arc::new(directory));
        // A server is told at once whom it talks to.
        for advertisement in service.table.discovery().advertisements() {
            connection.tell(&advertisement);
        }
        let task = Task::<R, _, _>::new(link, reader, writer, service, connection.clone());
        R::spawn(task.run());
        Ok(connection)
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

    /// Registers a handler for what servers send of their own accord.
    ///
    /// # Errors
    /// The inner layer writes the same auth field as the outer one.
    pub fn on<M: 'static>(
        &self,
        key: impl Into<Key>,
        handler: impl Handler<M>,
        inner: Layer,
    ) -> Result<(), SealError> {
        self.shared.service.add(key.into(), handler, inner, false)
    }

    /// Registers a handler for one message.
    ///
    /// # Errors
    /// The inner layer writes the same auth field as the outer one.
    pub fn once<M: 'static>(
        &self,
        key: impl Into<Key>,
        handler: impl Handler<M>,
        inner: Layer,
    ) -> Result<(), SealError> {
        self.shared.service.add(key.into(), handler, inner, true)
    }

    /// Removes a handler, and says whether there was one.
    pub fn remove(&self, key: impl Into<Key>) -> bool {
        self.shared.service.remove(key.into(), false)
    }

    /// Removes a one-time handler, and says whether there was one.
    pub fn remove_once(&self, key: impl Into<Key>) -> bool {
        self.shared.service.remove(key.into(), true)
    }

    /// Closes every connection: what is queued is written, and waiting requests
    /// fail.
    ///
    /// Cancel-safe: once called, the connections close whether or not they are
    /// waited for.
    pub async fn close(&self) {
        for connection in self.shared.servers().open() {
            connection.take_leave();
        }
        let open = self.shared.servers().close();
        for connection in &open {
            connection.closed().await;
        }
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            _guard: self._guard.clone(),
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
