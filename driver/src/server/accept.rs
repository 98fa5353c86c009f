//! Accepting connections, and serving streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_listener::Event;
use netaio_core::LinkId;

use super::events::ServerEvent;
use super::listener::{Accepted, Incoming, Listener};
use super::shared::Shared;
use crate::address::canonical;
use crate::byte_stream::ByteStream;
use crate::caught::caught;
use crate::connection::Connection;
use crate::error::RefusedConnection;
use crate::futures::{BoxFuture, race, wait_for, yield_now};
use crate::logging::limited;
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;

/// What accepts connections. The listener is dropped before `open`, which notifies those
/// who wait until the address is free.
pub(super) struct Acceptor<L> {
    pub(super) listener: L,
    /// The options of the connections.
    pub(super) options: ConnectionOptions,
    pub(super) handshakes: Arc<Handshakes>,
    pub(super) open: Listening,
}

/// Counts a listener that is counted already, until it is dropped.
pub(super) struct Listening(pub(super) Arc<Shared>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify(usize::MAX);
    }
}

/// The handshakes of one listener that are under way.
#[derive(Default)]
pub(super) struct Handshakes {
    running: AtomicUsize,
    ended: Event,
}

/// The place of one of them.
struct Shaking(Arc<Handshakes>);

impl Handshakes {
    /// Is ready when there is room for one more.
    async fn room(&self) {
        let is_room = || self.running.load(Ordering::Acquire) < HANDSHAKES;
        wait_for(&self.ended, || is_room().then_some(())).await;
    }

    fn enter(self: &Arc<Self>) -> Shaking {
        self.running.fetch_add(1, Ordering::AcqRel);
        Shaking(self.clone())
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify(usize::MAX);
    }
}

/// How many handshakes of one listener are under way at a time.
const HANDSHAKES: usize = 1000;

/// How long one may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The pause after an error of the listener, such as running out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the server stops. It begins anew after a panic.
pub(super) async fn accept<R: Runtime, L: Listener<R>>(acceptor: Acceptor<L>) {
    let shared = &acceptor.open.0;
    while let Err(panicked) = caught(accept_all(&acceptor)).await {
        let context = &shared.service.context;
        limited!(context.logs, WARN, "cannot accept a connection after a panic", %panicked);
        shared.events.emit(|| ServerEvent::AcceptFailed {
            error: panicked.to_string(),
        });
        // The clock may be what panics.
        let pause = async { R::sleep_until(context.time().instant_after(PAUSE)).await };
        if caught(pause).await.is_err() {
            yield_now().await;
        }
    }
}

async fn accept_all<R: Runtime, L: Listener<R>>(acceptor: &Acceptor<L>) {
    let (shared, listener) = (&acceptor.open.0, &acceptor.listener);
    let logs = &shared.service.context.logs;
    loop {
        let accept = async {
            acceptor.handshakes.room().await;
            Some(listener.accept(shared.keepalive).await)
        };
        let accepted = race(accept, stopped(shared)).await;
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            None => return,
            Some(Ok(Incoming(Accepted::Stream(stream)))) => {
                serve_accepted(shared, stream, acceptor.options.clone());
                // Those that close for this one have their turn before many more come.
                yield_now().await;
            }
            Some(Ok(Incoming(Accepted::Handshake { remote, handshake }))) => {
                let place = acceptor.handshakes.enter();
                let (shared, options) = (shared.clone(), acceptor.options.clone());
                R::spawn(async move {
                    shake_hands(&shared, remote, handshake, options).await;
                    drop(place);
                });
            }
            Some(Err(error)) => {
                limited!(logs, WARN, "cannot accept a connection", %error);
                shared.events.emit(|| ServerEvent::AcceptFailed {
                    error: error.to_string(),
                });
                R::sleep_until(shared.service.context.time().instant_after(PAUSE)).await;
            }
        }
    }
}

/// Is ready, without a value, when the server stops.
async fn stopped<T>(shared: &Shared) -> Option<T> {
    let is_stopping = || shared.stopping.load(Ordering::Acquire).then_some(());
    wait_for(&shared.stop, is_stopping).await;
    None
}

fn serve_accepted<R: Runtime>(
    shared: &Arc<Shared>,
    stream: ByteStream<R>,
    options: ConnectionOptions,
) {
    let remote = stream.remote();
    if let Err(error) = serve(shared, stream, options) {
        let logs = &shared.service.context.logs;
        limited!(logs, WARN, "connection refused", @remote, %error);
    }
}

/// Serves a stream after its handshake, unless that fails, is late, or the server stops.
async fn shake_hands<R: Runtime>(
    shared: &Arc<Shared>,
    remote: Option<SocketAddr>,
    handshake: BoxFuture<io::Result<ByteStream<R>>>,
    options: ConnectionOptions,
) {
    let until = shared.service.context.time().instant_after(HANDSHAKE);
    let late = async {
        R::sleep_until(until).await;
        let problem = format!("there was no handshake within {HANDSHAKE:?}");
        Some(Err(io::Error::new(io::ErrorKind::TimedOut, problem)))
    };
    let shaken = async {
        let shaken = caught(handshake).await;
        Some(shaken.unwrap_or_else(|panicked| Err(io::Error::other(panicked))))
    };
    match race(race(shaken, late), stopped(shared)).await {
        None => {}
        Some(Ok(stream)) => serve_accepted(shared, stream, options),
        Some(Err(error)) => {
            let logs = &shared.service.context.logs;
            limited!(logs, WARN, "a handshake has failed", @remote, %error);
            shared.events.emit(|| ServerEvent::HandshakeFailed {
                remote,
                error: error.to_string(),
            });
        }
    }
}

pub(super) fn serve<R: Runtime>(
    shared: &Arc<Shared>,
    stream: ByteStream<R>,
    mut options: ConnectionOptions,
) -> io::Result<Connection> {
    options.certificate = stream.certificate().or(options.certificate);
    let service = shared.service.clone();
    let remote = stream.remote().map(canonical);
    let seed = service.context.sources.seeds.seed()?;
    let config = options.omitted.config(&service.context.config);
    let now = service.context.time().now();
    let entered = shared.roster.enter(|| {
        if shared.stopping.load(Ordering::Acquire) {
            return Err(RefusedConnection::Stopping);
        }
        let rng = |link: LinkId| seed.generator(link.number());
        let link = service.node().accept_with(now, config, remote, rng)?;
        let context = service.context.clone();
        let connection = Connection::new(context, &link, options, None);
        Ok((connection, link))
    });
    // One that closes for this one is woken, which takes the lock that `enter` held.
    service.wake_links();
    let (events, counts) = (&shared.events, &shared.counts);
    let (connection, link) = entered.map_err(|reason| {
        counts.refused_connections.add(1);
        events.emit(|| ServerEvent::Refused {
            remote,
            reason: reason.clone(),
        });
        io::Error::other(reason)
    })?;
    counts.connections.add(1);
    events.emit(|| ServerEvent::Connected(connection.clone()));
    stream.spawn(link, service, connection.clone(), shared.clone());
    Ok(connection)
}
