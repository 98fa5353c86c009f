//! Servers.

mod accept;
mod builder;
mod counters;
mod events;
mod peers;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use event_listener::Event;
use netaio_core::{Key, Layer, LayerError};

pub use self::builder::ServerBuilder;
pub use self::counters::ServerCounters;
pub use self::events::{ServerEvent, ServerEvents};

use self::accept::{Acceptor, Listening};
use self::counters::Counts;
use crate::connection::Connection;
use crate::events::Listeners;
use crate::futures::race;
use crate::handler::Handler;
use crate::mailbox::Command;
use crate::options::ConnectionOptions;
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::roster::Roster;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::service::{Owner, Service};

/// A server: it listens, and calls handlers for what it receives.
///
/// It runs from [`bind`](ServerBuilder::bind), or from
/// [`build`](ServerBuilder::build) without a socket of its own, until
/// [`stop`](Self::stop), or until its last handle is dropped, which cuts its
/// connections off. Cloning it copies a pointer.
pub struct Server<R: Runtime> {
    shared: Arc<Shared>,
    /// Stops the server when the last handle goes.
    _guard: Arc<Guard>,
    runtime: PhantomData<fn() -> R>,
}

struct Shared {
    service: Arc<Service>,
    local: SocketAddr,
    roster: Roster,
    publisher: Publisher,
    peers: Peers,
    events: Listeners<ServerEvent>,
    counts: Counts,
    /// Whether the listening socket is open.
    listening: AtomicBool,
    /// Woken when a connection has ended, or the listening socket is closed.
    ended: Event,
    stopping: AtomicBool,
    stop: Event,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close_streams();
    }
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.begin_stop(|| Command::Abort);
    }
}

impl<R: Runtime> Server<R> {
    /// A server to be configured.
    pub fn builder() -> ServerBuilder<R> {
        ServerBuilder::new()
    }

    fn listen(
        service: Arc<Service>,
        listener: R::Listener,
        options: ConnectionOptions,
    ) -> io::Result<Self> {
        let server = Self::start(service, Some(R::local_address(&listener)?))?;
        R::spawn(accept::accept(Acceptor::<R> {
            listener,
            options,
            open: Listening(server.shared.clone()),
        }));
        Ok(server)
    }

    fn start(service: Arc<Service>, listens_on: Option<SocketAddr>) -> io::Result<Self> {
        let roster = Roster::new(service.clone())?;
        let shared = Arc::new(Shared {
            publisher: Publisher::connections_of(roster.clone(), &service.context.states),
            roster,
            peers: Peers {
                service: service.clone(),
            },
            service,
            events: Listeners::default(),
            counts: Counts::default(),
            local: listens_on.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into()),
            listening: AtomicBool::new(listens_on.is_some()),
            ended: Event::new(),
            stopping: AtomicBool::new(false),
            stop: Event::new(),
        });
        let owner: Weak<dyn Owner> = Arc::downgrade(&shared) as _;
        shared.service.set_owner(owner);
        // There is no connection yet that could be told of this server.
        shared.service.peers_changed();
        Ok(Self {
            _guard: Arc::new(Guard(shared.clone())),
            shared,
            runtime: PhantomData,
        })
    }

    /// The address that it listens on; `0.0.0.0:0` if it listens on none.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// How many connections it has.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.roster.len()
    }

    /// What it holds now, and what it has seen so far.
    #[must_use]
    pub fn counters(&self) -> ServerCounters {
        ServerCounters::of(&self.shared)
    }

    /// What publishes to the connections, and knows what they are subscribed to.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    crate::methods::handler_methods!();

    fn service(&self) -> &Service {
        &self.shared.service
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
    /// plugin: for a socket that only trusted programs can reach, say.
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
        accept::serve::<R>(&self.shared, reader, writer, remote, options)
    }

    /// Stops within [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace);
    /// see [`stop_within`](Self::stop_within), also for what dropping it early
    /// means.
    pub async fn stop(&self) {
        let grace = self.shared.service.context.limits().shutdown_grace();
        self.stop_within(grace).await;
    }

    /// Stops: no more connections are accepted and nothing more is read (but
    /// for the answers that handlers wait for), what has been read is handled
    /// and its answers are written, then connections close. After `grace` those
    /// that are not done are cut off. When it is ready the address is free.
    ///
    /// Cancel-safe: once called, the server stops accepting; dropped early, the
    /// connections that are not done go on until they are.
    pub async fn stop_within(&self, grace: Duration) {
        let until = self.shared.service.context.time().instant_after(grace);
        self.shared.send_farewells();
        self.shared.begin_stop(|| Command::Drain(grace));
        let drained = async {
            self.shared.empty().await;
            true
        };
        let late = async {
            R::sleep_until(until).await;
            false
        };
        if !race(drained, late).await {
            self.shared.begin_stop(|| Command::Abort);
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

impl Shared {
    /// Lets those who listen know that nothing more will happen.
    fn close_streams(&self) {
        self.service.close_peer_events();
        self.events.close();
    }

    fn begin_stop(&self, command: impl Fn() -> Command) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify(usize::MAX);
        self.roster.command_all(command);
    }

    /// Is ready when there is no connection left, nor will be one.
    async fn empty(&self) {
        loop {
            let ended = self.ended.listen();
            if self.roster.len() == 0 && !self.listening.load(Ordering::Acquire) {
                return;
            }
            ended.await;
        }
    }
}
