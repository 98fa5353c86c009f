//! Clients.

mod builder;
mod messages;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{CloseReason, Key, Layer, Link, Message, SealError, SendError, SendOptions};

pub use self::builder::ClientBuilder;
pub use self::messages::{Messages, Unsolicited};

use self::messages::Inbox;
use crate::clock;
use crate::connection::{Connection, RequestBuilder};
use crate::error::ConnectError;
use crate::futures::race;
use crate::handler::Handler;
use crate::mailbox::Command;
use crate::random;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::Service;
use crate::task::Task;

/// A client of any number of servers.
///
/// [`connect`](Self::connect) returns a [`Connection`], which is what one talks
/// through; the client's own `request`, `send` and so on go to the server that
/// it connected to first and still has. It lives until its last handle is
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
    /// In the order of their making.
    connections: Mutex<Vec<Server>>,
}

/// A server, by the name it was connected by.
struct Server {
    name: String,
    connection: Connection,
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        for server in self.0.connections().drain(..) {
            // One that is closed needs no telling.
            let _ = server.connection.shared.mailbox.push(Command::Abort);
        }
        self.0.inbox.close();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Vec<Server>> {
        // A vector is whole between two calls: poison says nothing about it.
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
            connections: Mutex::new(Vec::new()),
        });
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
        let address = address.to_string();
        let until = clock::instant(clock::now().deadline(self.shared.connect_timeout));
        let late = async {
            R::sleep_until(until).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        match race(self.connect_any(&address), late).await {
            Ok(connection) => Ok(connection),
            Err(source) => Err(ConnectError { address, source }),
        }
    }

    async fn connect_any(&self, address: &str) -> io::Result<Connection> {
        let mut error = io::ErrorKind::AddrNotAvailable.into();
        for candidate in R::resolve(address).await? {
            match R::connect(candidate).await {
                Ok((reader, writer)) => {
                    return self.start(reader, writer, Some(candidate), address.into());
                }
                Err(source) => error = source,
            }
        }
        Err(error)
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
        self.start(reader, writer, remote, name.into())
    }

    fn start(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
        name: String,
    ) -> io::Result<Connection> {
        let service = self.shared.service.clone();
        let connection = Connection::new(remote, &service, 0);
        let link = Link::new(
            clock::now(),
            service.config.clone(),
            remote,
            random::generator()?,
        );
        let task = Task::<R, _, _>::new(link, reader, writer, service, connection.clone());
        R::spawn(task.run());
        let mut connections = self.shared.connections();
        connections.retain(|server| !server.connection.has_ended());
        connections.push(Server {
            name,
            connection: connection.clone(),
        });
        Ok(connection)
    }

    /// The open connections, each with the name it was made by, in the order of
    /// their making.
    #[must_use]
    pub fn connections(&self) -> Vec<(String, Connection)> {
        let connections = self.shared.connections();
        let open = connections
            .iter()
            .filter(|server| server.connection.is_closed().is_none());
        open.map(|server| (server.name.clone(), server.connection.clone()))
            .collect()
    }

    /// The open connection that was made by this name.
    #[must_use]
    pub fn connection(&self, name: &str) -> Option<Connection> {
        let connections = self.shared.connections();
        let mut open = connections
            .iter()
            .filter(|server| server.connection.is_closed().is_none());
        open.find(|server| server.name == name)
            .map(|server| server.connection.clone())
    }

    fn first(&self) -> Option<Connection> {
        let connections = self.shared.connections();
        let mut open = connections
            .iter()
            .filter(|server| server.connection.is_closed().is_none());
        open.next().map(|server| server.connection.clone())
    }

    /// As [`Connection::request`].
    pub fn request(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::request(uri))
    }

    /// As [`Connection::create`].
    pub fn create(&self, uri: impl Into<Bytes>, content: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::create(uri, content))
    }

    /// As [`Connection::update`].
    pub fn update(&self, uri: impl Into<Bytes>, content: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::update(uri, content))
    }

    /// As [`Connection::delete`].
    pub fn delete(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::delete(uri))
    }

    /// As [`Connection::subscribe`].
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::subscribe(uri))
    }

    /// As [`Connection::unsubscribe`].
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }

    /// As [`Connection::request_message`].
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        match self.first() {
            Some(connection) => connection.request_message(message),
            None => RequestBuilder::not_connected(message),
        }
    }

    /// As [`Connection::send`], and cancel-safe in the same way.
    ///
    /// # Errors
    /// The message was not sent, or the client is connected to nobody.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`Connection::send_with`], and cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        match self.first() {
            Some(connection) => connection.send_with(message, options).await,
            None => Err(SendError::Closed(CloseReason::Local)),
        }
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
        // They stay listed until they have ended: dropping the client cuts off
        // those that a remote keeps from it.
        let open: Vec<_> = {
            let connections = self.shared.connections();
            let handles = connections.iter().map(|server| server.connection.clone());
            handles.collect()
        };
        for connection in &open {
            // One that is closed needs no telling.
            let _ = connection.shared.mailbox.push(Command::Close);
        }
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
