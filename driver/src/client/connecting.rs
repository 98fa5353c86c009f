//! Connecting, by hand.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use netaio_core::{CloseReason, Dropped, LinkId, Refusal};

use super::Client;
use super::monitor::Monitor;
use super::servers::Position;
use super::shared::Shared;
use super::subscriptions::AskedAgain;
use crate::address::canonical;
use crate::byte_stream::ByteStream;
use crate::connection::{Connection, Origin};
use crate::error::ConnectError;
use crate::futures::{race, wait_for};
use crate::logging::limited;
use crate::options::ConnectionOptions;
use crate::request::Response;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::task::ConnectionObserver;

impl<R: Runtime> Client<R> {
    /// Connects to `host:port`, unless the client's
    /// [`connector`](crate::ClientBuilder::connector) takes addresses for something else. The addresses of the host are tried as RFC 8305 says, all
    /// within the [`connect_timeout`](crate::ClientBuilder::connect_timeout): one begins when
    /// the one before has failed or 250 ms have passed, the families take turns, and the
    /// first that connects is taken. The scope of an IPv6 address is the number of an
    /// interface or its name, as in `[fe80::7%eth0]:8888`.
    ///
    /// Cancel-safe: dropped early, there is no connection.
    ///
    /// # Errors
    /// The host does not resolve, or no address of it accepts in time: the error says of each
    /// why.
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
        let opened = self.open(&address, self.shared.connect_timeout).await;
        opened
            .and_then(|stream| self.start(stream, options, Some(&*address), Position::Last))
            .map_err(|source| ConnectError { address, source })
    }

    /// Connects, and stays connected: what fails is tried again, the first time too, and what is
    /// lost is reconnected, as [`AutoReconnect`](crate::AutoReconnect) says that is
    /// [set](crate::ClientBuilder::auto_reconnect), or as
    /// [`AutoReconnect::persistent`](crate::AutoReconnect::persistent) does, without end. Requests
    /// of the client and subscriptions may be made meanwhile.
    ///
    /// Cancel-safe: dropped early, there is no connection.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use netaio_driver::{Client, ClientEvent, Runtime};
    ///
    /// # async fn run<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// client.connect_persistent("collector.example:8888").await?;
    /// let mut orders = client.subscribe("orders").await?;
    /// // While the server restarts this waits, and is made again should it be cut off.
    /// let state = client.request("state").timeout(Duration::from_secs(60));
    /// let state = state.idempotent().await?.ok()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The tries are used up, where their number is limited: why the last one failed. The address
    /// is none that could ever work ([`io::ErrorKind::InvalidInput`]). Or the client was
    /// [closed](Self::close) meanwhile ([`io::ErrorKind::NotConnected`]).
    pub async fn connect_persistent(
        &self,
        address: impl ToString,
    ) -> Result<Connection, ConnectError> {
        self.connect_persistent_with(address, ConnectionOptions::new())
            .await
    }

    /// As [`connect_persistent`](Self::connect_persistent), with another name than the address, or
    /// without an outer plugin. Cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`connect_persistent`](Self::connect_persistent).
    pub async fn connect_persistent_with(
        &self,
        address: impl ToString,
        mut options: ConnectionOptions,
    ) -> Result<Connection, ConnectError> {
        let address = address.to_string();
        options.name.get_or_insert_with(|| address.as_str().into());
        options.persistent = true;
        let shared = &self.shared;
        let closes = shared.closes.load(Ordering::Acquire);
        let is_closed = || (shared.closes.load(Ordering::Acquire) != closes).then_some(());
        let closed = async {
            wait_for(&shared.changed, is_closed).await;
            Err(closed_meanwhile(&address))
        };
        let connection = race(closed, self.connect_patiently(&address, &options)).await?;
        if is_closed().is_some() {
            // It may have been made too late to be closed with the others.
            connection.abort();
            return Err(closed_meanwhile(&address));
        }
        Ok(connection)
    }

    /// Tries until there is a connection, or no more is to be tried.
    async fn connect_patiently(
        &self,
        address: &str,
        options: &ConnectionOptions,
    ) -> Result<Connection, ConnectError> {
        let shared = &self.shared;
        let (time, logs) = (shared.service.context.time(), &shared.service.context.logs);
        let _connecting = Connecting::new(shared);
        let mut tries = shared.reconnect.backoff();
        let mut last = None;
        while let Some(at) = tries.next(time.now()) {
            R::sleep_until(time.instant(at)).await;
            let opened = self.open(address, shared.reconnect.connect_timeout()).await;
            let made = opened.and_then(|stream| {
                self.start(stream, options.clone(), Some(address), Position::Last)
            });
            let source = match made {
                Ok(connection) => return Ok(connection),
                Err(source) => source,
            };
            shared.reconnect.failure(&mut tries, time.now());
            let attempt = tries.failures();
            let error = ConnectError {
                address: address.into(),
                source,
            };
            limited!(logs, WARN, "not connected", server = address, attempt, %error);
            shared.monitor.connect_failed(attempt, &error);
            if error.source.kind() == io::ErrorKind::InvalidInput {
                return Err(error);
            }
            last = Some(error);
        }
        Err(last.unwrap_or_else(|| ConnectError {
            address: address.into(),
            source: io::Error::other("there are to be no tries"),
        }))
    }

    /// Replaces a connection by one to the same address, with the same options. The new
    /// one has the old one's position in the list of the client, and the old one is
    /// closed once the new one is open; if that fails, the old one is left as it is.
    ///
    /// Cancel-safe: dropped early, nothing has changed.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); or the connection was made over a stream,
    /// or is a server's.
    pub async fn reconnect(&self, connection: &Connection) -> Result<Connection, ConnectError> {
        let timeout = self.shared.connect_timeout;
        self.reconnect_in(connection, timeout, Position::InPlaceOf(connection))
            .await
    }

    pub(super) async fn reconnect_in(
        &self,
        connection: &Connection,
        timeout: Duration,
        position: Position<'_>,
    ) -> Result<Connection, ConnectError> {
        let Some(address) = connection.address() else {
            let source = "there is no address to reconnect to: it was made over a stream";
            return Err(ConnectError {
                address: connection.name().unwrap_or_default().into(),
                source: io::Error::new(io::ErrorKind::Unsupported, source),
            });
        };
        let opened = self.open(address, timeout).await;
        opened
            .and_then(|stream| self.start(stream, connection.options(), Some(address), position))
            .map_err(|source| ConnectError {
                address: address.into(),
                source,
            })
    }

    /// Opens a stream within the timeout.
    async fn open(&self, address: &str, timeout: Duration) -> io::Result<ByteStream<R>> {
        let shared = &self.shared;
        let time = shared.service.context.time();
        self.dialer
            .open(address, shared.keepalive, time, timeout)
            .await
    }

    /// Sets keepalive on a stream that is to be [handed over](Self::connect_halves), where it
    /// is a TCP socket of a type that the runtime knows, as its crate's `connect_stream`
    /// does.
    ///
    /// # Errors
    /// The system refuses, as some do where the connection has ended already.
    pub fn keep_alive(&self, stream: &dyn Any) -> io::Result<()> {
        match self.shared.keepalive {
            Some(keepalive) => R::keep_alive(stream, keepalive),
            None => Ok(()),
        }
    }

    /// Connects over a stream of any kind, with a name.
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
        let stream = ByteStream::new(reader, writer).with_remote(remote);
        self.start(stream, options, None, Position::Last)
    }

    fn start(
        &self,
        stream: ByteStream<R>,
        mut options: ConnectionOptions,
        address: Option<&str>,
        position: Position<'_>,
    ) -> io::Result<Connection> {
        let shared = &self.shared;
        options.certificate = stream.certificate().or(options.certificate);
        let remote = stream.remote().map(canonical);
        let service = shared.service.clone();
        let seed = service.context.sources.seeds.seed()?;
        let config = options.omitted.config(&service.context.config);
        let now = service.context.time().now();
        let observer: Weak<Shared> = Arc::downgrade(shared);
        let mut renewed = Vec::new();
        let make = |server_id| {
            let rng = |link: LinkId| seed.generator(link.number());
            // It introduces this client, where peers are managed.
            let link = service.node().connect_with(now, config, remote, rng);
            let origin = Origin {
                address: address.map(Arc::from),
                server_id,
                observer,
                persistent: options.persistent,
                heard: AtomicU8::new(0),
            };
            let context = service.context.clone();
            let connection = Connection::new(context, &link, options, Some(origin));
            // Before anybody else can send by it.
            renewed = shared.subscriptions.renew(&connection, server_id);
            (connection, link)
        };
        let (connection, link) = shared.servers().insert(position, make)?;
        shared.monitor.connected(&connection);
        shared.changed.notify(usize::MAX);
        if shared.wants_background(&connection) {
            shared.background.enable::<R>();
        }
        let observer = Arc::new(OfClient {
            client: Arc::downgrade(shared),
            monitor: shared.monitor.clone(),
        });
        stream.spawn(link, service, connection.clone(), observer);
        if let Some(heartbeat) = shared.heartbeat {
            R::spawn(heartbeat.watch::<R>(connection.clone()));
        }
        for asked in renewed {
            R::spawn(confirm(Arc::downgrade(shared), connection.clone(), asked));
        }
        Ok(connection)
    }
}

/// Why there is no connection of a client that was closed.
fn closed_meanwhile(address: &str) -> ConnectError {
    let source = io::Error::new(io::ErrorKind::NotConnected, "the client was closed");
    ConnectError {
        address: address.into(),
        source,
    }
}

/// Counts a first connection that is being made.
struct Connecting<'a>(&'a Shared);

impl<'a> Connecting<'a> {
    fn new(client: &'a Shared) -> Self {
        client.connecting.fetch_add(1, Ordering::AcqRel);
        Self(client)
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.connecting.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify(usize::MAX);
    }
}

/// Waits for what a server answers that was asked again to notify.
async fn confirm(client: Weak<Shared>, connection: Connection, (uri, sent): AskedAgain) {
    let answer = match sent {
        Ok(sent) => connection.finish_request(sent).await.map(Response::from),
        Err(error) => Err(error.into()),
    };
    let refused = match answer.map(Response::ok) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        // It is asked again by the next connection, or the streams end.
        Err(_) if connection.close_reason().is_some() => return,
        Err(error) => Some(error.to_string()),
    };
    let (Some(client), Some(server)) = (client.upgrade(), connection.server_id()) else {
        return;
    };
    let subscriptions = &client.subscriptions;
    match &refused {
        None => subscriptions.renewed(&connection, server, &uri),
        Some(why) => {
            let logs = connection.logs();
            limited!(logs, WARN, "not subscribed again", server = connection.name(), ?uri, %why);
            subscriptions.not_renewed(&connection, server, &uri, why);
        }
    }
    client.monitor.resubscribed(&connection, uri, refused);
}

/// Connections do not keep their client alive, but tell of their end.
struct OfClient {
    client: Weak<Shared>,
    monitor: Arc<Monitor>,
}

impl ConnectionObserver for OfClient {
    fn refused(&self, connection: &Connection, why: Refusal) {
        self.monitor.refused(connection, why);
    }

    fn dropped(&self, connection: &Connection, dropped: Dropped) {
        self.monitor.dropped(connection, dropped);
    }

    fn unwritten(&self, connection: &Connection, bytes: usize) {
        self.monitor.unwritten(connection, bytes);
    }

    fn gap(&self, connection: &Connection, lost: u64) {
        self.monitor.gap(connection, lost);
    }

    fn half_closed(&self, connection: &Connection, reason: CloseReason) {
        let tell = || self.monitor.half_closed(connection, reason);
        match self.client.upgrade() {
            Some(client) => client.left(connection, tell),
            None => tell(),
        }
    }

    fn closed(&self, connection: &Connection) {
        self.monitor.closed(connection);
        if let Some(client) = self.client.upgrade() {
            client.ended(connection);
        }
    }
}
