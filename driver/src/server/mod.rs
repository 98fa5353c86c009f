//! Servers.

mod accept;
mod builder;
mod events;
mod listener;
mod peers;
mod shared;

use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use event_listener::Event;
use netaio_core::{Key, RouteError};

pub use self::builder::ServerBuilder;
pub use self::events::{ServerEvent, ServerEvents};
pub use self::listener::{Incoming, Listener, listen_all};

use self::accept::{Acceptor, Handshakes, Listening};
use self::listener::Tcp;
use self::shared::Shared;
use crate::byte_stream::ByteStream;
use crate::connection::Connection;
use crate::error::RefusedConnection;
use crate::events::Listeners;
use crate::futures::race;
use crate::handler::{Handler, RouteOptions};
use crate::mailbox::Command;
use crate::metrics::{Counts, Metrics};
use crate::options::ConnectionOptions;
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::roster::Roster;
use crate::runtime::{Keepalive, ReadHalf, Runtime, WriteHalf};
use crate::service::{Owner, Service};

/// How long remotes have, past the time of a stop, to take what is answered at its end.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A server: it listens, and calls handlers for what it receives.
///
/// It runs from [`bind`](ServerBuilder::bind), or from
/// [`build`](ServerBuilder::build) without a socket of its own, until
/// [`stop`](Self::stop), or until its last handle is dropped, which aborts its
/// connections. Cloning it copies a pointer.
pub struct Server<R: Runtime> {
    shared: Arc<Shared>,
    /// Stops the server when the last handle is dropped.
    _guard: Arc<Guard>,
    runtime: PhantomData<fn() -> R>,
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.begin_stop(Connection::abort);
    }
}

impl<R: Runtime> Server<R> {
    fn listen(
        service: Arc<Service>,
        listeners: Vec<(SocketAddr, R::Listener)>,
        options: &ConnectionOptions,
        keepalive: Option<Keepalive>,
    ) -> io::Result<Self> {
        let addresses = listeners.iter().map(|(address, _)| *address).collect();
        let server = Self::start(service, addresses, keepalive)?;
        for (_, listener) in listeners {
            let open = Listening(server.shared.clone());
            server.accept(Tcp(listener), options.clone(), open);
        }
        Ok(server)
    }

    fn accept(&self, listener: impl Listener<R>, options: ConnectionOptions, open: Listening) {
        R::spawn(accept::accept(Acceptor {
            listener,
            options,
            handshakes: Arc::new(Handshakes::default()),
            open,
        }));
    }

    fn start(
        service: Arc<Service>,
        listens_at: Vec<SocketAddr>,
        keepalive: Option<Keepalive>,
    ) -> io::Result<Self> {
        let roster = Roster::new(service.clone())?;
        let shared = Arc::new(Shared {
            publisher: Publisher::for_connections(roster.clone()),
            roster,
            peers: Peers {
                service: service.clone(),
            },
            events: Listeners::new(service.context.event_bounds),
            service,
            counts: Counts::default(),
            listening: AtomicUsize::new(listens_at.len()),
            local: listens_at,
            keepalive,
            ended: Event::new(),
            stopping: AtomicBool::new(false),
            stop: Event::new(),
        });
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.set_owner(owner);
        // Takes the first advertisement while there is no connection to send it to.
        shared.service.peers_changed();
        Ok(Self {
            _guard: Arc::new(Guard(shared.clone())),
            shared,
            runtime: PhantomData,
        })
    }

    /// The address that it listens on, the first where they are several; `0.0.0.0:0` if it
    /// listens on none.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.shared.local.first().copied();
        first.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// The addresses that it listens on: those of the name that it was
    /// [bound](ServerBuilder::bind) to.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.shared.local
    }

    /// Sets keepalive on a stream that is to be [handed over](Self::serve_halves), where it
    /// is a TCP socket of a type that the runtime knows, as its crate's `serve_stream` does.
    ///
    /// # Errors
    /// The system refuses, as some do where the connection has ended already.
    pub fn keep_alive(&self, stream: &dyn Any) -> io::Result<()> {
        match self.shared.keepalive {
            Some(keepalive) => R::keep_alive(stream, keepalive),
            None => Ok(()),
        }
    }

    /// The number of connections, without those whose remotes have
    /// [left](ServerEvent::HalfClosed).
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.roster.len()
    }

    /// What it has counted, and what it holds.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.shared.counts.snapshot(&self.shared.service);
        metrics.open_connections = self.connections();
        let lost = self.shared.events.lost();
        metrics.lost_events = metrics.lost_events.saturating_add(lost);
        metrics
    }

    /// The publisher to its connections.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    /// The events from now on: connections that open and close, and what is refused or
    /// dropped. A listener that does not take them loses the oldest when there are more than
    /// [`event_queue`](crate::ServerBuilder::event_queue); [`metrics`](Self::metrics) are
    /// complete at any time.
    #[must_use]
    pub fn events(&self) -> ServerEvents {
        self.shared.events.listen()
    }

    crate::methods::handler_methods!();

    #[cfg(feature = "testing")]
    pub(crate) fn context(&self) -> &crate::context::Context {
        &self.shared.service.context
    }

    fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Accepts streams from one more listener, until the server stops: a Unix socket, TLS,
    /// whatever is a [`Listener`]. A server that is [built](ServerBuilder::build) has no other.
    ///
    /// # Errors
    /// The server is stopping.
    pub fn serve(&self, listener: impl Listener<R>) -> io::Result<()> {
        self.serve_with(listener, ConnectionOptions::new())
    }

    /// As [`serve`](Self::serve), with connections that have a name, or no outer plugin.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_with(
        &self,
        listener: impl Listener<R>,
        options: ConnectionOptions,
    ) -> io::Result<()> {
        let shared = &self.shared;
        // Counted first: a stop waits for it, or is seen here.
        shared.listening.fetch_add(1, Ordering::AcqRel);
        let open = Listening(shared.clone());
        if shared.stopping.load(Ordering::Acquire) {
            return Err(io::Error::other(RefusedConnection::Stopping));
        }
        self.accept(listener, options, open);
        Ok(())
    }

    /// Accepts connections from a TCP socket that listens already: one that systemd hands
    /// over, or that has options of its own. It is called from within the runtime, and
    /// [`local_addrs`](Self::local_addrs) does not have its address.
    ///
    /// ```
    /// use std::net::TcpListener;
    ///
    /// use netaio_driver::{Runtime, Server};
    ///
    /// # fn serve<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let server = Server::<R>::builder().build()?;
    /// server.serve_tcp(listener)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server is stopping, or the runtime cannot take the socket.
    pub fn serve_tcp(&self, listener: std::net::TcpListener) -> io::Result<()> {
        self.serve(Tcp(R::adopt(listener)?))
    }

    /// Serves one more connection, over a stream of any kind.
    ///
    /// # Errors
    /// The operating system has no randomness to give, the server is stopping,
    /// or it has as many connections as it may.
    pub fn serve_halves(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
    ) -> io::Result<Connection> {
        self.serve_halves_with(reader, writer, remote, ConnectionOptions::new())
    }

    /// As [`serve_halves`](Self::serve_halves), with a name, or without an outer
    /// plugin: for a socket that only trusted programs can reach, for example.
    ///
    /// # Errors
    /// As [`serve_halves`](Self::serve_halves).
    pub fn serve_halves_with(
        &self,
        reader: impl ReadHalf,
        writer: impl WriteHalf,
        remote: Option<SocketAddr>,
        options: ConnectionOptions,
    ) -> io::Result<Connection> {
        let stream = ByteStream::<R>::new(reader, writer).with_remote(remote);
        accept::serve(&self.shared, stream, options)
    }

    /// Is ready when the server has ended: nothing listens, and no connection is left. What
    /// panics while a connection is accepted ends no server: it is
    /// [`ServerEvent::AcceptFailed`], and accepting goes on. Cancel-safe.
    pub async fn ended(&self) {
        self.shared.has_stopped().await;
    }

    /// Stops within [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace);
    /// see [`stop_within`](Self::stop_within), also for what dropping it early
    /// means.
    pub async fn stop(&self) {
        let grace = self.shared.service.context.limits().shutdown_grace();
        self.stop_within(grace).await;
    }

    /// Stops: no more connections are accepted; received messages are handled and their answers
    /// are written, then the connections close. Handlers whose askers are gone are waited
    /// for too. Requests that come meanwhile, and those that are not begun after `grace`, are
    /// answered with an `ERROR` that [says so](netaio_core::NotHandled), so that their askers
    /// [may ask again](crate::RequestError::was_surely_not_handled) elsewhere; one without an id only
    /// where nothing before it waits for an answer, for which it would be taken. A connection that
    /// no handler runs for closes at once, whatever others wait for: what is asked over it later
    /// fails with its end. Remotes have
    /// a second more, and no longer than `grace`, to take these and whatever else waits for them; then
    /// the rest is aborted. So one that never reads makes it take `grace` and that.
    /// When this is ready the address is free.
    ///
    /// Cancel-safe: once polled, the server stops accepting; if the future is dropped,
    /// the connections that drain go on until they have.
    pub async fn stop_within(&self, grace: Duration) {
        let time = self.shared.service.context.time();
        let until = time.instant_after(grace);
        let last = time.instant_after(grace.saturating_add(grace.min(LAST_ANSWERS)));
        self.shared.send_farewells();
        self.shared
            .begin_stop(|connection| connection.command(Command::Drain(grace)));
        let drained = async {
            self.shared.empty().await;
            true
        };
        let late = async {
            R::sleep_until(until).await;
            // Those that are closed have nothing to say.
            self.shared.begin_stop(|connection| {
                if connection.has_ended() {
                    connection.abort();
                }
            });
            R::sleep_until(last).await;
            false
        };
        if !race(drained, late).await {
            self.shared.begin_stop(Connection::abort);
            self.shared.empty().await;
        }
        self.shared.close_streams();
    }
}

impl<R: Runtime> Clone for Server<R> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            _guard: self._guard.clone(),
            runtime: PhantomData,
        }
    }
}

impl<R: Runtime> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addr", &self.local_addr())
            .field("connections", &self.connections())
            .finish()
    }
}
