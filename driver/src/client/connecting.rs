//! Connecting, by hand.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Weak};
use std::time::Duration;

use netaio_core::LinkId;

use super::Client;
use super::observer::OfClient;
use super::renewing::confirm;
use super::servers::Position;
use super::shared::Shared;
use crate::address::canonical;
use crate::byte_stream::ByteStream;
use crate::connection::{Connection, Origin};
use crate::error::ConnectError;
use crate::options::ConnectionOptions;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};

impl<R: Runtime> Client<R> {
    /// Connects to `host:port`, unless the client's
    /// [`connector`](crate::ClientBuilder::connector) takes addresses for something else. The
    /// addresses of the host are tried as RFC 8305 says, all within the [`connect_timeout`](crate::ClientBuilder::connect_timeout): one begins when
    /// the one before has failed or 250 ms have passed, the families take turns, and the
    /// first that connects is taken. The scope of an IPv6 address is the number of an
    /// interface or its name, as in `[fe80::7%eth0]:8888`.
    ///
    /// Several with commas between them, `10.0.0.1:8888,10.0.0.2:8888`, are servers that are as good as each
    /// other: one of them is connected to, in an [order that is drawn by chance](crate::Dial::first_of),
    /// and maybe another one when it reconnects.
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
    pub(super) async fn open(&self, address: &str, timeout: Duration) -> io::Result<ByteStream<R>> {
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

    pub(super) fn start(
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
            renewed = shared.subscriptions.renew(&connection);
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
